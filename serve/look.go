package serve

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/eval"
	"spatten/generate"
	"spatten/serve/openai"
	"spatten/tokenizer"
	"spatten/trace"
)

// lookRequest is POST /api/look: one text through one model, with everything that the page shows of it.
type lookRequest struct {
	Model     string           `json:"model"`
	Text      string           `json:"text"`
	Messages  []openai.Message `json:"messages"`   // instead of text: a chat
	MaxTokens int              `json:"max_tokens"` // of a language model: 0 only reads
	Spatten   *openai.Pruning  `json:"spatten"`
}

// Limits of the page's requests: it draws every token.
const (
	lookTokens    = 1024 // of the text
	lookGenerated = 128
)

// lookWord is one token of the text.
type lookWord struct {
	Text    string `json:"text"` // with the space before it
	ID      int32  `json:"id"`
	Message int    `json:"message"` // of a chat: which one the word belongs to; −1 for what the template wrote
}

// lookRead is what reading the text did: the first event.
type lookRead struct {
	Words      []lookWord        `json:"words"`
	Layers     []trace.LiveLayer `json:"layers"`
	Heads      int               `json:"heads"`
	Importance [][]float32       `json:"importance"` // by layer and token: the probability received so far
	Peaks      []peak            `json:"peaks"`      // by bin of the largest probability
	Threshold  float32           `json:"threshold"`
	Schedule   string            `json:"schedule"` // as YAML
	Pruned     *eval.Outcome     `json:"pruned,omitempty"`
	Dense      *eval.Outcome     `json:"dense,omitempty"`
	Cost       attention.Cost    `json:"cost"`
}

// peak counts queries whose largest probability lies in one bin, and those of them that asked for LSBs.
type peak struct {
	Queries int64 `json:"queries"`
	LSBs    int64 `json:"lsbs"`
}

// bins of the largest probability, from 0 to 1.
const bins = 20

// look answers POST /api/look as a stream of events: "read" once, then for a language model a "token" each, then "end".
func (s *Server) look(w http.ResponseWriter, r *http.Request) {
	var q lookRequest
	e := openai.Decode(r.Body, &q)
	var m *Model
	if e == nil {
		m, e = s.model(q.Model, func(*Model) bool { return true })
	}
	if e == nil && (q.MaxTokens < 0 || q.MaxTokens > lookGenerated) {
		e = openai.BadRequest("max_tokens", "max_tokens is %d; the page generates 0 to %d tokens", q.MaxTokens, lookGenerated)
	}
	var t lookText
	if e == nil {
		t, e = m.lookText(&q)
	}
	var schedule *attention.Schedule
	if e == nil {
		schedule, e = m.pruning(q.Spatten, len(t.tokens)+q.MaxTokens)
	}
	if e != nil {
		e.Write(w)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	out := &sse{w: w, c: http.NewResponseController(w)}
	watched := &watcher{}
	if m.engine == nil {
		m.lookOnce(out, t, schedule, watched)
		return
	}
	m.lookStream(r.Context(), out, t, q.MaxTokens, schedule, watched)
}

// lookText is the text that the page shows, cut into tokens.
type lookText struct {
	text   string
	tokens []tokenizer.Token
	starts []int // of the messages of a chat, in the text
	ends   []int
}

// lookText tokenizes the page's text, or its chat as the model's template writes it.
func (m *Model) lookText(q *lookRequest) (t lookText, e *openai.Error) {
	o := m.gen.Tokenizer.DefaultOptions()
	o.AddSpecial = true
	t.text = q.Text
	if len(q.Messages) > 0 {
		if len(q.Messages) > openai.MaxMessages {
			return t, openai.BadRequest("messages", "%d messages; there are at most %d", len(q.Messages), openai.MaxMessages)
		}
		if t.text, e = m.write(q.Messages, m.server.config.PromptSize); e != nil {
			return t, e
		}
		o.AddSpecial, o.ParseSpecial = false, true
		at := 0
		for _, msg := range q.Messages {
			content := strings.TrimSpace(string(msg.Content))
			if i := strings.Index(t.text[at:], content); i >= 0 {
				at += i
			}
			t.starts = append(t.starts, at)
			at = min(len(t.text), at+len(content))
			t.ends = append(t.ends, at)
		}
	}
	if len(t.text) > m.server.config.PromptSize {
		return t, openai.BadRequest("text", "the text has %d bytes, at most %d are allowed", len(t.text), m.server.config.PromptSize)
	}
	t.tokens = m.gen.Tokenizer.Encode(t.text, o)
	if most := min(lookTokens, m.gen.Model.Info().MaxPositions); len(t.tokens) == 0 || len(t.tokens) > most {
		return t, openai.BadRequest("text", "the text has %d tokens; the page shows 1 to %d", len(t.tokens), most)
	}
	return t, nil
}

// words are the tokens with the text that they stand for.
func (t *lookText) words() []lookWord {
	var words []lookWord
	at := 0
	for _, token := range t.tokens {
		w := lookWord{ID: token.ID, Message: -1, Text: t.text[min(at, token.Start):token.End]}
		if token.Start == token.End {
			w.Text = token.Piece
		}
		at = max(at, token.End)
		for i := range t.starts {
			if token.Start >= t.starts[i] && token.End <= t.ends[i] && token.Start < token.End {
				w.Message = i
			}
		}
		words = append(words, w)
	}
	return words
}

// read begins the answer with what the watcher saw.
func (m *Model) read(t lookText, s *attention.Schedule, v *watcher) *lookRead {
	read := &lookRead{Words: t.words(), Layers: v.live.Layers, Heads: m.gen.Model.Info().Heads, Importance: v.importance(), Peaks: v.peaks[:]}
	if s != nil {
		read.Schedule, read.Threshold = s.YAML(), s.Key.Threshold.At(m.gen.Model.Info().Layers-1)
	}
	return read
}

// lookOnce passes the text through an encoder.
func (m *Model) lookOnce(out *sse, t lookText, s *attention.Schedule, v *watcher) {
	m.server.turn.Lock()
	once, err := eval.Forward(m.gen.Model, m.gen.CPU, m.gen.Tokenizer, t.tokens, s, attention.Float, 0, v)
	m.server.turn.Unlock()
	if err != nil {
		out.send(event("error", openai.BadRequest("text", "%v", err)))
		return
	}
	read := m.read(t, s, v)
	read.Pruned, read.Dense, read.Cost = &once.Outcome, &once.Dense, once.Cost
	out.send(event("read", read))
	out.send(event("end", map[string]any{"cost": once.Cost}))
}

// lookStream lets a language model read the text and go on with it, pruned and, beside it, dense.
func (m *Model) lookStream(ctx context.Context, out *sse, t lookText, most int, s *attention.Schedule, v *watcher) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ids := tokenizer.IDs(t.tokens)
	o := generate.Options{Schedule: s, MaxTokens: max(1, most), CacheBits: m.cacheBits, Recorder: v}
	pruned, err := m.engine.Submit(ctx, ids, o)
	var dense *Job
	if err == nil {
		dense, err = m.engine.Submit(ctx, ids, generate.Options{MaxTokens: max(1, most), CacheBits: m.cacheBits})
	}
	if err != nil {
		out.send(event("error", refusal(err)))
		return
	}
	done := make(chan string, 1)
	go func() {
		text := ""
		for e := range dense.Events {
			text += e.Token.Text
		}
		done <- text
	}()
	first := true
	for e := range pruned.Events {
		switch {
		case e.Err != nil:
			out.send(event("error", refusal(e.Err)))
			return
		case e.Result != nil:
			out.send(event("end", map[string]any{"cost": e.Result.Cost, "text": e.Result.Text, "dense_text": <-done, "cache_bytes": e.Result.CacheBytes}))
			return
		}
		if first {
			first = false
			v.mu.Lock()
			read := m.read(t, s, v)
			v.mu.Unlock()
			out.send(event("read", read))
		}
		if most > 0 {
			v.mu.Lock()
			layers := slices.Clone(v.live.Layers)
			v.mu.Unlock()
			out.send(event("token", map[string]any{"text": e.Token.Text, "id": e.Token.ID, "position": e.Token.Position, "layers": layers}))
		}
		if out.err != nil {
			return
		}
	}
}

func event(kind string, v any) map[string]any { return map[string]any{"kind": kind, "data": v} }

// watcher is a recorder that keeps what the page draws. The engine writes to it while the page's request reads.
type watcher struct {
	mu    sync.Mutex
	live  trace.Live
	layer int
	rows  [][]float32 // by layer: what each position received
	peaks [bins]peak
}

// Wants implements record.Recorder.
func (v *watcher) Wants() record.Wants { return record.Wants{Probabilities: true} }

// Begin implements record.Recorder.
func (v *watcher) Begin(r *record.Run) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.live.Begin(r)
	v.rows = make([][]float32, r.Layers)
}

// Layer implements record.Recorder.
func (v *watcher) Layer(l *record.Layer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.live.Layer(l)
	v.layer = l.Index
	last := int32(-1)
	if n := len(l.Keys); n > 0 {
		last = l.Keys[n-1]
	}
	for int32(len(v.rows[l.Index])) <= last {
		v.rows[l.Index] = append(v.rows[l.Index], 0)
	}
}

// Head implements record.Recorder.
func (v *watcher) Head(h *record.Head) {
	v.mu.Lock()
	defer v.mu.Unlock()
	keys := v.live.Layers[v.layer].Tokens
	if h.Keys != nil {
		keys = h.Keys
	}
	at := 0
	for _, q := range h.Queries {
		for i, p := range h.Probabilities[at : at+int(q.Keys)] {
			v.rows[v.layer][keys[i]] += p
		}
		at += int(q.Keys)
		bin := &v.peaks[min(bins-1, int(q.MaxProb*bins))]
		bin.Queries++
		if q.LSBs > 0 {
			bin.LSBs++
		}
	}
}

// importance adds the layers up: a token's score after a layer is what it received in all layers so far.
func (v *watcher) importance() [][]float32 {
	var sum []float32
	out := make([][]float32, len(v.rows))
	for l, row := range v.rows {
		for len(sum) < len(row) {
			sum = append(sum, 0)
		}
		for i, p := range row {
			sum[i] += p
		}
		out[l] = slices.Clone(sum)
	}
	return out
}

// Pass implements record.Recorder.
func (v *watcher) Pass(*record.Pass) {}

// FC implements record.Recorder.
func (v *watcher) FC(*record.FC) {}

// Group implements record.Recorder.
func (v *watcher) Group(*record.Group) {}

// Rank implements record.Recorder.
func (v *watcher) Rank(*record.Rank) {}

// End implements record.Recorder.
func (v *watcher) End() {}
