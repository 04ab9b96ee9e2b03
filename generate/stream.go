package generate

import (
	"fmt"
	"strings"
	"time"

	"spatten/attention"
	"spatten/generate/sample"
	"spatten/model"
	"spatten/tokenizer"
)

// Stream is one text that is being continued. Whoever runs the model asks it for the next chunk, passes that through
// the model, alone or in a batch with other streams', and tells it to take the result.
type Stream struct {
	o       Options
	seq     *attention.Sequence
	decoder *tokenizer.Decoder
	stop    matcher
	ends    func(int32) bool
	prompt  []int32
	at      int // tokens of the prompt that have been passed
	chunk   int
	tail    int // tokens of the last chunk at least, where what is before them is saved; 0 where the grid is fixed
	limit   int // tokens to generate
	layers  int
	logits  []float32 // Vocab
	raw     []float32 // a copy, for Token.LogProb
	next    [1]int32
	ids     []int32
	text    strings.Builder
	finish  Finish // empty while the text goes on
	pending bool   // the chunk under way ends in logits
	steps   int    // passes of one token
}

// NewStream begins a text. The caller closes it.
func (g *Generator) NewStream(prompt []int32, o Options) (*Stream, error) {
	return g.Resume(nil, prompt, o)
}

// Resume begins a text whose first tokens have passed the model before: seq, which the stream takes over, is the state after
// them, made with the same schedule on the same grid of chunks. A nil seq begins anew.
func (g *Generator) Resume(seq *attention.Sequence, prompt []int32, o Options) (*Stream, error) {
	info := g.Model.Info()
	if err := o.check(info, len(prompt)); err != nil {
		return nil, err
	}
	if o.Sampler == nil {
		o.Sampler = Greedy{}
	}
	if seq == nil {
		var err error
		with := o.attention(info, g.CPU.Precision())
		with.Expect = len(prompt) + min(o.limit(info, len(prompt)), DefaultChunk)
		if seq, err = attention.NewSequence(info.Shape(), o.Schedule, with); err != nil {
			return nil, fmt.Errorf("generate: %w", err)
		}
	}
	s := &Stream{
		at: seq.Length(),
		o:  o, seq: seq, decoder: g.Tokenizer.NewDecoder(true), ends: g.Tokenizer.Ends, prompt: prompt,
		stop: matcher{stops: o.Stop}, chunk: o.chunk(len(prompt)), limit: o.limit(info, len(prompt)),
		layers: info.Layers, logits: make([]float32, info.Vocab),
	}
	if o.Cache != nil && o.Cache.Save != nil && o.Schedule.ChunksFreely() {
		s.tail = savedTail
	}
	return s, nil
}

// Chunk returns what the model has to pass next, and false once the text has ended.
func (s *Stream) Chunk() (model.Chunk, bool) {
	if s.finish != "" {
		return model.Chunk{}, false
	}
	c := model.Chunk{Seq: s.seq, Last: true, Want: model.Logits, Out: s.logits}
	if s.at == len(s.prompt) {
		c.Tokens = s.next[:]
		s.steps++
		s.pending = true
		return c, true
	}
	n := s.part()
	c.Tokens = s.prompt[s.at : s.at+n]
	s.at += n
	s.pending = s.at == len(s.prompt)
	if !s.pending {
		c.Last, c.Want, c.Out = false, model.Nothing, nil
	}
	return c, true
}

// part returns how many tokens of the prompt the next chunk has.
func (s *Stream) part() int {
	left := len(s.prompt) - s.at
	n := min(s.chunk, left)
	if s.tail > 0 && left > s.tail && left-n < s.tail {
		n = left - s.tail
	}
	if s.at+n == len(s.prompt)-1 {
		n++ // a lone last token would pass for a generated one
	}
	return n
}

// Take chooses the next token from what the model made of the chunk. It returns false where there is nothing to show:
// in the middle of the prompt, or where a token ends the text and nothing was held back.
func (s *Stream) Take() (Token, bool) {
	if !s.pending {
		return Token{}, false
	}
	s.pending = false
	t := Token{Position: s.seq.Length()}
	if s.o.LogProbs || s.o.TopLogProbs > 0 {
		s.raw = append(s.raw[:0], s.logits...) // the sampler may change them
	}
	t.ID = s.o.Sampler.Next(s.logits)
	if s.o.LogProbs {
		t.LogProb = logProb(s.raw, t.ID)
	}
	if s.o.TopLogProbs > 0 {
		t.Top = sample.Top(s.raw, s.o.TopLogProbs)
	}
	if s.ends(t.ID) && !s.o.IgnoreEnd {
		t.Text = s.flush()
		s.text.WriteString(t.Text)
		s.finish = Stopped
		return t, t.Text != ""
	}
	s.next[0] = t.ID
	s.ids = append(s.ids, t.ID)
	var stopped bool
	if t.Text, stopped = s.stop.Push(s.decoder.Next(t.ID)); stopped {
		s.finish = Stopped
	} else if len(s.ids) == s.limit {
		t.Text += s.flush()
		s.finish = Length
	}
	s.text.WriteString(t.Text)
	return t, true
}

// flush returns what was held back because a character or a stop string might have followed.
func (s *Stream) flush() string {
	text, stopped := s.stop.Push(s.decoder.Flush())
	if !stopped {
		text += s.stop.Rest()
	}
	return text
}

// Reading reports whether a part of the prompt has not passed the model yet.
func (s *Stream) Reading() bool { return s.at < len(s.prompt) }

// Finish returns why the text ended, or "" while it goes on.
func (s *Stream) Finish() Finish { return s.finish }

// Sequence returns the attention state behind the text.
func (s *Stream) Sequence() *attention.Sequence { return s.seq }

// Close ends the trace and frees the cache.
func (s *Stream) Close() { s.seq.Close() }

// traceError returns what has kept the recorder from writing, where it says so: nobody wants a long run whose trace is lost.
func (s *Stream) traceError() error {
	if r, ok := s.o.Recorder.(interface{ Err() error }); ok {
		return r.Err()
	}
	return nil
}

// Result sums a finished text up, for whoever runs the model and measured the time.
func (s *Stream) Result(prefill, decode time.Duration) *Result {
	return s.result(prefill, decode, s.finish)
}

// result sums a text up.
func (s *Stream) result(prefill, decode time.Duration, f Finish) *Result {
	r := &Result{
		Text: s.text.String(), IDs: s.ids, Finish: f, PromptTokens: len(s.prompt), Steps: s.steps,
		PrefillSeconds: prefill.Seconds(), DecodeSeconds: decode.Seconds(),
		Cost: s.seq.Cost(), CacheBytes: s.seq.Bytes(),
	}
	r.Live = liveTokens(s.seq, s.layers)
	return r
}

// liveTokens counts what lives in each layer.
func liveTokens(seq *attention.Sequence, layers int) []int {
	live := make([]int, layers)
	for l := range live {
		live[l] = len(seq.Live(l))
	}
	return live
}
