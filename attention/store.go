package attention

import (
	"errors"
	"fmt"
	"io"

	"spatten/attention/stored"
)

// ErrSave is returned for a sequence that is not at the end of a part of its prompt.
var ErrSave = errors.New("attention: only what has been read of a prompt can be saved, before anything is generated and between passes")

// Save writes the state of a sequence that has read a prompt or a part of it. Who reads it has to know shape, schedule and the width of
// the cache; the format is specified in docs/prompt-cache.md.
func (s *Sequence) Save(out io.Writer) error {
	if s.pass.active || s.length == 0 || s.length != s.promptEnd || len(s.layers) == 0 || !s.shape.Causal || len(s.layers[0].means)+len(s.layers[0].centers) > 0 {
		return ErrSave
	}
	w := stored.NewWriter(out)
	w.Int(s.length)
	w.Int(s.passes)
	for _, n := range s.cost.numbers() {
		stored.Put(w, []int64{*n})
	}
	stored.Put(w, s.headScores)
	s.seen.save(w)
	for i := range s.layers {
		s.layers[i].save(w)
	}
	if err := w.Err(); err != nil {
		return fmt.Errorf("attention: save: %w", err)
	}
	return nil
}

func (l *layer) save(w *stored.Writer) {
	w.Int(len(l.heads))
	stored.Put(w, l.heads)
	w.Int(len(l.positions))
	stored.Put(w, l.positions)
	w.Int(len(l.until))
	stored.Put(w, l.until)
	for g := range l.keys {
		l.keys[g].Save(w)
		l.values[g].Save(w)
	}
}

func (a *accumulator) save(w *stored.Writer) {
	if a.want.None {
		return
	}
	put := func(s step) {
		for i := range a.sums {
			w.Int(len(s.sums[i]))
			stored.Put(w, s.sums[i])
			stored.Put(w, s.queries[i])
		}
	}
	put(step{sums: a.sums, queries: a.queries})
	w.Int(len(a.ring))
	for _, s := range a.ring {
		w.Int(s.last)
		put(s)
	}
}

// Load returns the sequence that Save wrote: it goes on as the saved one would have. Shape, schedule and options must be those
// that the saved one was made with, and at most limit tokens may have been read; the options' recorder must be nil. It trusts
// nothing that it reads: a sequence that is returned is consistent, whatever its numbers mean.
func Load(in io.Reader, shape Shape, schedule *Schedule, o Options, limit int) (*Sequence, error) {
	if o.Recorder != nil {
		return nil, errors.New("attention: a trace follows a run from its start, not from a saved state")
	}
	s, err := NewSequence(shape, schedule, o)
	if err != nil {
		return nil, err
	}
	r := stored.NewReader(in)
	s.length = r.Int("tokens", limit)
	s.promptEnd = s.length
	s.passes = r.Int("passes", s.length)
	r.Check("tokens", s.length > 0)
	for _, n := range s.cost.numbers() {
		if v := stored.Get[int64](r, "costs", nil, 1); r.Err() == nil {
			*n = v[0]
		}
	}
	s.headScores = stored.Get(r, "scores of heads", s.headScores[:0], shape.Heads)
	s.seen.load(r, s.length)
	for i := range s.layers {
		s.loadLayer(r, i)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("attention: load: %w", err)
	}
	return s, nil
}

// loadLayer reads a layer. Heads that fell in the layer before are gone.
func (s *Sequence) loadLayer(r *stored.Reader, i int) {
	l, before := &s.layers[i], count(s.shape.Heads)
	if i > 0 {
		before = s.layers[i-1].heads
	}
	heads := stored.Get[int32](r, "live heads", nil, r.Int("number of live heads", s.shape.Heads))
	r.Check("live heads", ascend(heads, s.shape.Heads) && len(intersect(nil, heads, before)) == len(heads))
	l.positions = stored.Get(r, "live positions", l.positions, r.Int("number of live positions", s.length))
	r.Check("live positions", ascend(l.positions, s.length))
	until := r.Int("number of heads before which tokens fall", len(l.positions))
	r.Check("number of heads before which tokens fall", until == 0 == (s.schedule.Granularity != ByHead) && until%max(1, len(l.positions)) == 0)
	l.until = stored.Get(r, "heads before which tokens fall", l.until, until)
	if r.Err() != nil {
		return
	}
	if len(heads) < s.shape.Heads {
		s.leaveHeads(i, heads)
	}
	live := make([]bool, s.shape.KVHeads)
	for _, g := range l.groups {
		live[g] = true
	}
	for g := range l.keys {
		n := 0
		if live[g] {
			n = len(l.positions)
		}
		l.keys[g].Load(r, n)
		l.values[g].Load(r, n)
		if live[g] {
			r.Check("rows of a layer's heads", l.keys[g].SameBlocks(l.keys[l.groups[0]]))
		}
	}
}

// ascend reports whether a list has something in it, and rises from 0 or more to below limit.
func ascend(list []int32, limit int) bool {
	for i, v := range list {
		if v < 0 || int(v) >= limit || i > 0 && list[i-1] >= v {
			return false
		}
	}
	return len(list) > 0
}

// load reads what save wrote, for a sequence of length tokens.
func (a *accumulator) load(r *stored.Reader, length int) {
	if a.want.None {
		return
	}
	get := func(least int) step {
		s := step{sums: make([][]float32, len(a.sums)), queries: make([][]float32, len(a.sums))}
		for i := range a.sums {
			n := r.Int("accumulated probabilities", length)
			r.Check("accumulated probabilities", n >= least)
			s.sums[i] = stored.Get(r, "accumulated probabilities", s.sums[i], n)
			s.queries[i] = stored.Get(r, "counted queries", s.queries[i], n)
		}
		return s
	}
	all := get(length)
	a.sums, a.queries = all.sums, all.queries
	most := length
	if a.want.Window == 0 || a.want.Prompt {
		most = 0
	}
	for range r.Int("passes of a window", most) {
		last := r.Int("last query of a pass", length-1)
		s := get(0)
		if s.last = last; r.Err() != nil {
			return
		}
		a.ring = append(a.ring, s)
	}
}
