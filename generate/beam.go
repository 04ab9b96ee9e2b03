package generate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"spatten/attention"
	"spatten/generate/sample"
	"spatten/model"
)

// beam is one of the texts that a search follows.
type beam struct {
	seq    *attention.Sequence
	ids    []int32
	score  float64 // sum of log probabilities
	logits []float32
}

// candidate is a beam with one more token.
type candidate struct {
	parent int
	id     int32
	score  float64
}

// search continues a prompt with the text whose tokens are likeliest together: after each step the best o.Beams
// continuations stay (beam search). A finished text is judged by its log probability a token. Sampling does not enter.
// The best beam ranks tokens and heads; what is pruned for it is pruned for all.
func (g *Generator) search(ctx context.Context, prompt []int32, o Options, each func(Token) error) (*Result, error) {
	if o.Recorder != nil {
		return nil, errors.New("generate: a trace follows one text; use one beam")
	}
	if o.Schedule != nil && o.Schedule.Granularity == attention.ByHead {
		return nil, errors.New("generate: beams cannot share rankings before each head; use a schedule with granularity: layer, or one beam")
	}
	first := o
	first.Beams, first.Sampler = 1, Greedy{}
	begin := time.Now()
	s, err := g.begin(prompt, first)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := g.save(s); err != nil {
		return nil, err
	}
	for s.at < len(s.prompt) {
		if err := ctx.Err(); err != nil {
			return s.result(time.Since(begin), 0, Cancelled), fmt.Errorf("generate: %w", err)
		}
		chunk, _ := s.Chunk()
		if err := g.Model.Forward(g.CPU, &g.batch, []model.Chunk{chunk}); err != nil {
			return nil, fmt.Errorf("generate: %w", err)
		}
		if err := g.save(s); err != nil {
			return nil, err
		}
	}
	prefill := time.Since(begin)
	b := &beams{g: g, o: o, s: s, live: []*beam{{seq: s.seq, logits: s.logits}}, cost: s.seq.Cost()}
	err = b.run(ctx)
	defer b.release()
	decode := time.Since(begin) - prefill
	var stopped bool
	if s.ids, stopped = b.best(); stopped {
		s.finish = Stopped
	} else {
		s.finish = Length
	}
	if err != nil {
		s.finish = Cancelled
	}
	for i, id := range s.ids {
		t := Token{ID: id, Position: len(prompt) + i}
		var hit bool
		if t.Text, hit = s.stop.Push(s.decoder.Next(id)); !hit && i == len(s.ids)-1 {
			t.Text += s.flush()
		}
		s.text.WriteString(t.Text)
		if each != nil {
			if err := each(t); err != nil {
				return b.result(prefill, decode, Cancelled), err
			}
		}
	}
	return b.result(prefill, decode, s.finish), err
}

// beams is a search under way.
type beams struct {
	g        *Generator
	o        Options
	s        *Stream
	live     []*beam
	finished []*beam
	cost     attention.Cost // of all texts that were followed
}

// result sums the search up: the costs and caches of all beams, and what lives in each of them.
func (b *beams) result(prefill, decode time.Duration, f Finish) *Result {
	r := b.s.result(prefill, decode, f)
	r.Cost = b.cost
	if len(b.live) > 0 {
		r.Live, r.CacheBytes = liveTokens(b.live[0].seq, b.s.layers), 0
		for _, l := range b.live {
			r.CacheBytes += l.seq.Bytes()
		}
	}
	return r
}

// run follows the beams until enough are finished or their length is reached.
func (b *beams) run(ctx context.Context) error {
	for n := 1; n <= b.s.limit; n++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("generate: %w", err)
		}
		b.choose()
		if len(b.live) == 0 || len(b.finished) >= b.o.Beams || n == b.s.limit {
			return nil
		}
		chunks := make([]model.Chunk, len(b.live))
		for i, l := range b.live {
			chunks[i] = model.Chunk{Seq: l.seq, Tokens: l.ids[len(l.ids)-1:], Last: true, Want: model.Logits, Out: l.logits}
			if i > 0 {
				chunks[i].Leader = b.live[0].seq
			}
		}
		for _, l := range b.live {
			b.cost = b.cost.Sub(l.seq.Cost())
		}
		if err := b.g.Model.Forward(b.g.CPU, &b.g.batch, chunks); err != nil {
			return fmt.Errorf("generate: %w", err)
		}
		for _, l := range b.live {
			b.cost = b.cost.Add(l.seq.Cost())
		}
		b.s.steps++
	}
	return nil
}

// choose replaces the live beams with the best continuations of all of them.
func (b *beams) choose() {
	var all []candidate
	for i, l := range b.live {
		for _, top := range sample.Top(l.logits, 2*b.o.Beams) {
			all = append(all, candidate{i, top.ID, l.score + top.LogProb})
		}
	}
	slices.SortStableFunc(all, func(x, y candidate) int { return cmp.Compare(y.score, x.score) })
	children := make([]int, len(b.live))
	var next []*beam
	for rank, c := range all {
		if len(next) == b.o.Beams {
			break
		}
		parent := b.live[c.parent]
		child := &beam{ids: append(slices.Clone(parent.ids), c.id), score: c.score}
		ends := b.s.ends(c.id) && !b.o.IgnoreEnd
		if ends {
			child.ids = parent.ids
		}
		if ends || b.stops(child.ids) {
			if rank < b.o.Beams {
				b.finished = append(b.finished, child)
			}
			continue
		}
		child.seq = parent.seq
		if children[c.parent]++; children[c.parent] > 1 {
			child.seq = parent.seq.Fork()
		}
		next = append(next, child)
	}
	for i, child := range next {
		if i < len(b.live) {
			child.logits = b.live[i].logits // which have been read
		} else {
			child.logits = make([]float32, len(b.s.logits))
		}
	}
	for i, l := range b.live {
		if children[i] == 0 && l.seq != b.s.seq {
			l.seq.Close()
		}
	}
	b.live = next
}

// stops reports whether a text holds one of the strings that end it.
func (b *beams) stops(ids []int32) bool {
	if len(b.o.Stop) == 0 {
		return false
	}
	text := b.g.Tokenizer.Decode(ids, true)
	return slices.ContainsFunc(b.o.Stop, func(stop string) bool { return stop != "" && strings.Contains(text, stop) })
}

// best returns the text that is likeliest a token, and whether it was ended rather than cut off. Texts that were
// ended go first.
func (b *beams) best() (ids []int32, ended bool) {
	from, ended := b.finished, true
	if len(from) == 0 {
		from, ended = b.live, false
	}
	perToken := func(x *beam) float64 { return x.score / float64(max(len(x.ids), 1)) }
	top := from[0]
	for _, x := range from[1:] {
		if perToken(x) > perToken(top) {
			top = x
		}
	}
	return top.ids, ended
}

// release frees the caches of all beams but the stream's own.
func (b *beams) release() {
	for _, l := range b.live {
		if l.seq != b.s.seq {
			l.seq.Close()
		}
	}
}
