package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"spatten/generate"
	"spatten/serve/openai"
)

// writeTimeout is how long one chunk of a stream may take to reach its client.
const writeTimeout = 30 * time.Second

// chat answers POST /v1/chat/completions.
func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	var q openai.ChatRequest
	e := openai.Decode(r.Body, &q)
	if e == nil {
		e = q.Check()
	}
	var m *Model
	if e == nil {
		m, e = s.model(q.Model, (*Model).chats)
	}
	var prompt []int32
	if e == nil {
		prompt, e = m.render(q.Messages, s.config.PromptSize)
	}
	if e != nil {
		e.Write(w)
		return
	}
	top := -1
	if q.LogProbs {
		top = 0
		if q.TopLogProbs != nil {
			top = *q.TopLogProbs
		}
	}
	a := answer{server: s, model: m, sampling: &q.Sampling, id: s.id("chatcmpl"), chat: true, top: top}
	a.serve(w, r, [][]int32{prompt})
}

// complete answers POST /v1/completions.
func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	var q openai.CompletionRequest
	e := openai.Decode(r.Body, &q)
	if e == nil {
		e = q.Check()
	}
	var m *Model
	if e == nil {
		m, e = s.model(q.Model, (*Model).generates)
	}
	var prompts [][]int32
	for _, text := range q.Prompt {
		if e != nil {
			break
		}
		var ids []int32
		ids, e = m.encode(text, s.config.PromptSize)
		prompts = append(prompts, ids)
	}
	if e == nil && q.Echo {
		e = openai.BadRequest("echo", "echo is not supported")
	}
	if e != nil {
		e.Write(w)
		return
	}
	top := -1
	if q.LogProbs != nil {
		top = *q.LogProbs
	}
	a := answer{server: s, model: m, sampling: &q.Sampling, id: s.id("cmpl"), top: top}
	a.serve(w, r, prompts)
}

// answer is one completion under way: several prompts, several choices each.
type answer struct {
	server   *Server
	model    *Model
	sampling *openai.Sampling
	id       string
	chat     bool
	top      int // alternatives to list; −1 for no probabilities
	created  int64
	usage    openai.Usage
	traces   []*tracing // of the jobs, where an accelerator is configured
}

// tagged is an event of one of the answer's jobs.
type tagged struct {
	choice int
	Event
}

// serve runs the jobs of all choices and writes the answer, whole or as a stream.
func (a *answer) serve(w http.ResponseWriter, r *http.Request, prompts [][]int32) {
	a.created = time.Now().Unix()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var jobs []*Job
	for _, prompt := range prompts {
		a.usage.PromptTokens += len(prompt)
		for range a.sampling.Choices() {
			o, e := a.model.options(a.sampling, len(prompt), len(jobs), a.top)
			if e == nil {
				e = a.trace(&o)
			}
			var j *Job
			if e == nil {
				var err error
				if j, err = a.model.engine.Submit(ctx, prompt, o); err != nil {
					e = refusal(err)
				}
			}
			if e != nil {
				e.Write(w)
				return // cancel ends the jobs that were submitted
			}
			jobs = append(jobs, j)
		}
	}
	events := make(chan tagged)
	for i, j := range jobs {
		go func() {
			for e := range j.Events {
				select {
				case events <- tagged{i, e}:
				case <-ctx.Done():
				}
			}
		}()
	}
	if a.sampling.Stream {
		a.stream(w, ctx, len(jobs), events)
	} else {
		a.whole(w, ctx, len(jobs), events)
	}
}

// refusal turns the reasons of an engine into statuses.
func refusal(err error) *openai.Error {
	switch {
	case errors.Is(err, ErrQueueFull):
		return openai.Problem(http.StatusTooManyRequests, "rate_limit_error", "queue_full", "%v", err)
	case errors.Is(err, ErrClosed):
		return openai.Problem(http.StatusServiceUnavailable, "server_error", "shutting_down", "%v", err)
	case errors.Is(err, ErrTooLarge):
		return openai.Problem(http.StatusBadRequest, "invalid_request_error", "cache_budget_exceeded", "%v", err)
	case errors.Is(err, generate.ErrPrompt):
		return openai.BadRequest("prompt", "the prompt is empty")
	default:
		return openai.Problem(http.StatusBadRequest, "invalid_request_error", "invalid_request", "%v", err)
	}
}

// whole gathers all choices and writes them as one object.
func (a *answer) whole(w http.ResponseWriter, ctx context.Context, n int, events <-chan tagged) {
	tokens := make([][]generate.Token, n)
	choices := make([]openai.Choice, n)
	for left := n; left > 0; {
		select {
		case <-ctx.Done():
			interrupted(ctx).Write(w)
			return
		case e := <-events:
			switch {
			case e.Err != nil:
				openai.Problem(http.StatusInternalServerError, "server_error", "internal", "the text could not be finished: %v", e.Err).Write(w)
				return
			case e.Result != nil:
				left--
				a.count(e.Result)
				a.accelerate(ctx, e.choice)
				choices[e.choice] = a.finished(e.choice, e.Result, tokens[e.choice])
			default:
				tokens[e.choice] = append(tokens[e.choice], e.Token)
			}
		}
	}
	c := a.object()
	c.Choices = choices
	c.Usage = &a.usage
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(c)
}

// interrupted says why a request could not be finished in time.
func interrupted(ctx context.Context) *openai.Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return openai.Problem(http.StatusGatewayTimeout, "server_error", "deadline_exceeded", "the request took longer than this server allows; ask for fewer tokens")
	}
	return openai.Problem(499, "invalid_request_error", "cancelled", "the request was cancelled")
}

// stream writes every token as a server-sent event as it comes.
func (a *answer) stream(w http.ResponseWriter, ctx context.Context, n int, events <-chan tagged) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	out := sse{w: w, c: http.NewResponseController(w)}
	if a.chat {
		for i := range n {
			c := a.object()
			c.Choices = []openai.Choice{{Index: i, Delta: &openai.Delta{Role: "assistant"}}}
			out.send(c)
		}
	}
	for left := n; left > 0 && out.err == nil; {
		select {
		case <-ctx.Done():
			out.send(map[string]any{"error": interrupted(ctx)})
			return
		case e := <-events:
			c := a.object()
			switch {
			case e.Err != nil:
				out.send(map[string]any{"error": openai.Problem(500, "server_error", "internal", "the text could not be finished: %v", e.Err)})
				return
			case e.Result != nil:
				left--
				a.count(e.Result)
				a.accelerate(ctx, e.choice)
				reason := string(e.Result.Finish)
				last := openai.Choice{Index: e.choice, FinishReason: &reason}
				if a.chat {
					last.Delta = &openai.Delta{}
				} else {
					last.Text = new(string)
				}
				c.Choices = []openai.Choice{last}
			case e.Token.Text == "" && a.top < 0:
				continue
			default:
				c.Choices = []openai.Choice{a.piece(e.choice, e.Token)}
			}
			out.send(c)
		}
	}
	if a.sampling.Usage() {
		c := a.object()
		c.Choices, c.Usage = []openai.Choice{}, &a.usage
		out.send(c)
	}
	out.raw("[DONE]")
}

// object is the frame of every answer.
func (a *answer) object() *openai.Completion {
	c := &openai.Completion{ID: a.id, Created: a.created, Model: a.model.ID, Object: "text_completion"}
	if a.chat {
		c.Object = "chat.completion"
		if a.sampling.Stream {
			c.Object = "chat.completion.chunk"
		}
	}
	return c
}

// sse writes server-sent events. The first error stays.
type sse struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	err error
}

func (s *sse) send(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.err = err
		return
	}
	s.raw(string(data))
}

func (s *sse) raw(data string) {
	if s.err != nil {
		return
	}
	s.c.SetWriteDeadline(time.Now().Add(writeTimeout)) // a client that does not read must not hold a place
	if _, s.err = fmt.Fprintf(s.w, "data: %s\n\n", data); s.err == nil {
		s.err = s.c.Flush()
	}
}
