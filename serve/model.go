package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"spatten/attention"
	"spatten/checkpoint"
	"spatten/generate"
	"spatten/generate/sample"
	"spatten/generate/template"
	"spatten/model"
	"spatten/serve/openai"
	"spatten/tensor"
	"spatten/tokenizer"
)

// Model is one model that the server offers.
type Model struct {
	ID         string
	checkpoint *checkpoint.Checkpoint
	gen        *generate.Generator
	engine     *Engine // of a language model
	template   *template.Template
	schedule   *attention.Schedule // its own, or nil
	cacheBits  int
	loaded     time.Time
	server     *Server
}

// Add loads a model and offers it under an id. All models share cpu.
func (s *Server) Add(id string, c *checkpoint.Checkpoint, cpu *tensor.CPU) error {
	m, err := model.Load(c)
	if err != nil {
		return err
	}
	t, err := tokenizer.FromCheckpoint(c)
	if err != nil {
		return err
	}
	for _, other := range s.models {
		if other.ID == id {
			return fmt.Errorf("serve: two models are called %s", id)
		}
	}
	offered := &Model{
		ID: id, checkpoint: c, gen: &generate.Generator{Model: m, Tokenizer: t, CPU: cpu}, loaded: time.Now(), server: s, cacheBits: 32,
	}
	if cpu.Precision() == tensor.Int8 {
		offered.cacheBits = 8
	}
	if data, err := c.File("schedule.yaml"); err == nil {
		if offered.schedule, err = attention.ParseSchedule(strings.NewReader(string(data))); err != nil {
			return fmt.Errorf("serve: %s: %w", id, err)
		}
	}
	if src := t.ChatTemplate(); src != "" {
		if offered.template, err = template.Parse(src); err != nil {
			s.config.Log.Warn("the model's chat template is not understood; it will not chat", "model", id, "error", err)
		}
	}
	if m.Info().Causal {
		offered.engine = NewEngine(id, offered.gen, s.config.Limits, s.memory, &s.turn, s.metrics)
	}
	s.models = append(s.models, offered)
	return nil
}

func (m *Model) generates() bool { return m.engine != nil }
func (m *Model) chats() bool     { return m.engine != nil && m.template != nil }
func (m *Model) embeds() bool    { return m.engine == nil }

func (m *Model) close(ctx context.Context) error {
	if m.engine == nil {
		return nil
	}
	return m.engine.Close(ctx)
}

// encode tokenizes a prompt of a completion.
func (m *Model) encode(text string, most int) ([]int32, *openai.Error) {
	if !m.generates() {
		return nil, openai.BadRequest("model", "%s is an encoder; it embeds and classifies texts, and cannot continue them", m.ID)
	}
	return m.tokens("prompt", text, most, true)
}

// render turns a chat into a prompt.
func (m *Model) render(messages []openai.Message, most int) ([]int32, *openai.Error) {
	text, e := m.write(messages, most)
	if e != nil {
		return nil, e
	}
	return m.tokens("messages", text, most+len(messages)*256+4096, false)
}

// write turns a chat into the text that the model's template makes of it.
func (m *Model) write(messages []openai.Message, most int) (string, *openai.Error) {
	if !m.chats() {
		return "", openai.BadRequest("model", "%s has no chat template; use /v1/completions", m.ID)
	}
	turns := make([]template.Message, len(messages))
	size := 0
	for i, msg := range messages {
		size += len(msg.Content)
		turns[i] = template.Message{Role: msg.Role, Content: string(msg.Content)}
	}
	if size > most {
		return "", openai.BadRequest("messages", "the chat has %d bytes, at most %d are allowed", size, most)
	}
	text, err := generate.WriteChat(m.gen.Tokenizer, m.template, turns)
	if err != nil {
		return "", openai.BadRequest("messages", "the model's chat template cannot render this chat: %v", err)
	}
	return text, nil
}

func (m *Model) tokens(param, text string, most int, special bool) ([]int32, *openai.Error) {
	if len(text) > most {
		return nil, openai.BadRequest(param, "the text has %d bytes, at most %d are allowed", len(text), most)
	}
	o := m.gen.Tokenizer.DefaultOptions()
	o.AddSpecial = special
	if !special {
		o.ParseSpecial, o.Shielded = true, true // the template wrote them, and no one else
	}
	ids := tokenizer.IDs(m.gen.Tokenizer.Encode(text, o))
	info := m.gen.Model.Info()
	if len(ids) > info.MaxPositions {
		e := openai.BadRequest(param, "the prompt has %d tokens, %s reads at most %d", len(ids), m.ID, info.MaxPositions)
		code := "context_length_exceeded"
		e.Code = &code
		return nil, e
	}
	if len(ids) == 0 {
		return nil, openai.BadRequest(param, "the prompt is empty")
	}
	return ids, nil
}

// options translates a request's sampling and pruning for its choice number index.
func (m *Model) options(q *openai.Sampling, prompt, index, top int) (generate.Options, *openai.Error) {
	o := generate.Options{MaxTokens: q.Limit(), Stop: q.Stop, CacheBits: m.cacheBits, LogProbs: top >= 0, TopLogProbs: max(top, 0)}
	if o.MaxTokens == 0 {
		o.MaxTokens = defaultMaxTokens
	}
	info := m.gen.Model.Info()
	o.MaxTokens = min(o.MaxTokens, info.MaxPositions-prompt+1)
	if q.Seed != nil {
		o.Seed = uint64(*q.Seed)
	} else {
		o.Seed = uint64(time.Now().UnixNano())
	}
	s := sample.Options{Seed: o.Seed + uint64(index), Temperature: 1}
	set(&s.Temperature, q.Temperature)
	s.Greedy = s.Temperature == 0
	set(&s.TopP, q.TopP)
	set(&s.MinP, q.MinP)
	set(&s.TopK, q.TopK)
	sampler, err := sample.New(s)
	if err != nil {
		return o, openai.BadRequest("", "%v", err)
	}
	o.Sampler = sampler
	var e *openai.Error
	o.Schedule, e = m.pruning(q.Spatten, prompt+o.MaxTokens)
	return o, e
}

// defaultMaxTokens is how many tokens a request gets that does not say.
const defaultMaxTokens = 256

func set[T any](dst *T, v *T) {
	if v != nil {
		*dst = *v
	}
}

// pruning returns the schedule that a request asks for: without a word the model's own, else dense.
func (m *Model) pruning(p *openai.Pruning, tokens int) (*attention.Schedule, *openai.Error) {
	if p == nil {
		return m.schedule, nil
	}
	if p.Dense {
		return nil, nil
	}
	s := m.schedule
	if len(p.Schedule) > 0 {
		var e *openai.Error
		if s, e = parseSchedule(p.Schedule); e != nil {
			return nil, e
		}
	}
	b := attention.Budget{}
	switch {
	case p.Keep != nil:
		b.Tokens = max(1, int(*p.Keep*float64(tokens)))
	case p.Budget == nil:
		return s, m.fits(s)
	case p.Budget.Tokens != nil:
		b.Tokens = int(min(*p.Budget.Tokens, openai.MaxTokens))
	case p.Budget.Bytes != nil:
		b.Bytes = *p.Budget.Bytes
	default:
		b.Ratio = *p.Budget.Ratio
	}
	if e := m.fits(s); e != nil {
		return nil, e
	}
	s, err := s.Within(b, m.gen.Model.Info().Shape(), tokens, m.cacheBits)
	if err != nil {
		return nil, openai.BadRequest("spatten.budget", "%v", err)
	}
	return s, nil
}

// fits reports whether a schedule can be used with the model.
func (m *Model) fits(s *attention.Schedule) *openai.Error {
	if s == nil {
		return nil
	}
	if _, err := s.For(m.gen.Model.Info().Layers); err != nil {
		return openai.BadRequest("spatten.schedule", "%v", err)
	}
	return nil
}

// parseSchedule reads a schedule by its shipped name or as an object. Files are not opened: a request names no paths.
func parseSchedule(raw json.RawMessage) (*attention.Schedule, *openai.Error) {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		for _, known := range attention.ScheduleNames() {
			if known == name {
				s, err := attention.LoadSchedule(name)
				if err != nil {
					return nil, openai.BadRequest("spatten.schedule", "%v", err)
				}
				return s, nil
			}
		}
		return nil, openai.BadRequest("spatten.schedule", "there is no schedule %.100q; there are %s", name, strings.Join(attention.ScheduleNames(), ", "))
	}
	s, err := attention.ParseSchedule(strings.NewReader(string(raw))) // JSON is YAML
	if err != nil {
		return nil, openai.BadRequest("spatten.schedule", "%v", err)
	}
	return s, nil
}

// listModels answers GET /v1/models.
func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	list := openai.Models{Object: "list", Data: []openai.Model{}}
	for _, m := range s.models {
		list.Data = append(list.Data, m.describe())
	}
	writeJSON(w, list)
}

// showModel answers GET /v1/models/{id}.
func (s *Server) showModel(w http.ResponseWriter, r *http.Request) {
	m, e := s.model(r.PathValue("id"), (*Model).generates)
	if e != nil {
		e.Write(w)
		return
	}
	writeJSON(w, m.describe())
}

func (m *Model) describe() openai.Model {
	return openai.Model{ID: m.ID, Object: "model", Created: m.loaded.Unix(), OwnedBy: "spatten"}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil && !errors.Is(err, http.ErrHandlerTimeout) {
		panic(http.ErrAbortHandler) // the client is gone
	}
}
