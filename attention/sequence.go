package attention

import (
	"errors"
	"fmt"
	"slices"

	"spatten/attention/quant"
	"spatten/attention/record"
	"spatten/tensor"
)

// Shape is what attention needs to know of a model.
type Shape struct {
	Layers, Heads, KVHeads, HeadDim int
	Causal                          bool
}

func (s Shape) validate() error {
	if s.Layers < 1 || s.Heads < 1 || s.KVHeads < 1 || s.Heads%s.KVHeads != 0 || s.HeadDim < 8 || s.HeadDim%8 != 0 {
		return fmt.Errorf("attention: no attention with %d layers, %d heads of width %d over %d key/value heads: heads divide into groups, and a width is a multiple of 8", s.Layers, s.Heads, s.HeadDim, s.KVHeads)
	}
	return nil
}

// group returns the key/value head of a query head.
func (s Shape) group(head int) int { return head / (s.Heads / s.KVHeads) }

// Options are the ways in which the same attention can be computed and watched.
type Options struct {
	Recorder  record.Recorder // nil: none
	CacheBits int             // how K and V are stored where the schedule leaves them unquantized: 32 (0 too), 16 or 8
	Expect    int             // tokens that there will be: room for their keys and values is made at once where none falls
	Numerics  Numerics        // how scores, probabilities and outputs are computed; float where it is empty
	Run       record.Run      // names the run for the recorder; its shape and schedule are filled in
}

// Sequence is the state of one sequence's attention: keys and values of the tokens that live in each layer, and what is
// known of their importance. It is not safe for use by several goroutines.
type Sequence struct {
	shape       Shape
	schedule    *Schedule
	after       *Schedule // with prompt: dense, the schedule from the first generated token on, until then
	cacheBits   int
	importance  Importance
	numerics    Numerics
	prunesHeads bool
	recorder    record.Recorder
	wants       record.Wants

	length     int // tokens so far
	promptEnd  int // tokens of the summarization stage so far
	passes     int
	layers     []layer
	seen       accumulator
	headScores []float32
	pass       Pass
	work       work
	cost       Cost
}

// layer is what lives in one layer.
type layer struct {
	positions []int32 // ascending
	until     []int16 // with granularity head: the head before which each position fell; Heads where it lives on
	heads     []int32 // live query heads; they never come back
	groups    []int32 // key/value heads with a live query head
	keys      []*quant.Rows
	values    []*quant.Rows
	means     means
	centers   [][]float32 // what is subtracted from the keys of each group; empty for nothing
}

// NewSequence starts an empty sequence. A nil schedule is dense.
func NewSequence(shape Shape, s *Schedule, o Options) (*Sequence, error) {
	if err := shape.validate(); err != nil {
		return nil, err
	}
	if s == nil {
		s = &Schedule{}
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	s, err := s.For(shape.Layers)
	if err != nil {
		return nil, err
	}
	importance, err := s.Importance.importance()
	if err != nil {
		return nil, err
	}
	if o.CacheBits == 0 {
		o.CacheBits = 32
	}
	if err := o.Numerics.check(s, shape); err != nil {
		return nil, err
	}
	if !slices.Contains([]int{32, 16, 8}, o.CacheBits) {
		return nil, fmt.Errorf("attention: a cache of %d bits; 32, 16 and 8 are possible", o.CacheBits)
	}
	q := &Sequence{shape: shape, numerics: o.Numerics, schedule: s, importance: importance, recorder: o.Recorder, cacheBits: o.CacheBits, headScores: make([]float32, shape.Heads)}
	q.seen = newAccumulator(importance.Sums(), shape.Layers)
	q.prunesHeads = len(s.Heads) > 0 && s.Heads[len(s.Heads)-1] < 1
	if !s.prunesTokens() {
		q.seen.want.None = true // nobody will ask
	}
	if s.Prompt == PromptDense {
		q.schedule, q.after = s.dense(), s
	}
	all, groups := count(shape.Heads), count(shape.KVHeads)
	for i := range shape.Layers {
		l := layer{heads: all, groups: groups}
		keyFormat, valueFormat := q.schedule.formats(i, o.CacheBits)
		if i > 0 && q.reuses(keyFormat, valueFormat) {
			l.keys, l.values = q.layers[0].keys, q.layers[0].values
			q.layers = append(q.layers, l)
			continue
		}
		for range shape.KVHeads {
			keys, values := quant.NewRows(shape.HeadDim, keyFormat), quant.NewRows(shape.HeadDim, valueFormat)
			if o.Expect > 0 && !s.prunesTokens() {
				keys.Grow(o.Expect)
				values.Grow(o.Expect)
			}
			l.keys, l.values = append(l.keys, keys), append(l.values, values)
		}
		q.layers = append(q.layers, l)
	}
	q.begin(o.Run)
	return q, nil
}

// reuses reports whether a layer of these formats keeps its keys and values where the first one does: an encoder, which passes
// once, needs them no longer than the layer takes.
func (s *Sequence) reuses(key, value quant.Format) bool {
	first := &s.layers[0]
	return !s.shape.Causal && !key.Coded() && !value.Coded() && key == first.keys[0].Format() && value == first.values[0].Format()
}

// formats returns how a layer's keys and values are stored, unquantized ones with so many bits.
func (s *Schedule) formats(layer, cacheBits int) (key, value quant.Format) {
	key = quant.Format{MSB: s.Key.MSB.At(layer), LSB: s.Key.LSB.At(layer), PerChannel: s.Key.Scale == ByChannel, InPanels: true}
	if key.MSB == 0 {
		key = quant.Format{MSB: cacheBits, InPanels: true}
	}
	value = quant.Format{MSB: s.Value.Bits.At(layer)}
	if value.MSB == 0 {
		value = quant.Format{MSB: cacheBits}
	}
	return key, value
}

// begin opens the run for the recorder.
func (s *Sequence) begin(run record.Run) {
	if s.recorder == nil {
		return
	}
	s.wants = s.recorder.Wants()
	run.Layers, run.Heads, run.KVHeads, run.HeadDim, run.Causal = s.shape.Layers, s.shape.Heads, s.shape.KVHeads, s.shape.HeadDim, s.shape.Causal
	if run.ModelDim == 0 {
		run.ModelDim = s.shape.Heads * s.shape.HeadDim
	}
	if run.Precision == "" {
		run.Precision = tensor.F32.String()
	}
	if follows := s.Schedule(); !follows.Dense() {
		run.Schedule, run.ScheduleHash = follows.YAML(), follows.Hash()
	}
	s.recorder.Begin(&run)
}

// Length returns the tokens so far, pruned ones included.
func (s *Sequence) Length() int { return s.length }

// Schedule returns the schedule that the sequence follows, with its averages turned into lists.
func (s *Sequence) Schedule() *Schedule {
	if s.after != nil {
		return s.after
	}
	return s.schedule
}

// Live returns the positions that live in a layer, ascending. The slice is the sequence's own.
func (s *Sequence) Live(layer int) []int32 { return s.layers[layer].positions }

// LiveHeads returns the query heads that live in a layer.
func (s *Sequence) LiveHeads(layer int) []int32 { return s.layers[layer].heads }

// Cost returns what was read and computed so far.
func (s *Sequence) Cost() Cost { return s.cost }

// Importance returns the accumulated probability of every position, as the policy sees it after the last layer;
// nil where nothing is accumulated. The slice is the sequence's own.
func (s *Sequence) Importance() []float32 {
	if s.seen.want.None {
		return nil
	}
	return s.seen.sums[len(s.seen.sums)-1]
}

// Bytes returns the memory that keys, values and their positions take.
func (s *Sequence) Bytes() int64 {
	var n int64
	for i := range s.layers {
		l := &s.layers[i]
		n += int64(4 * cap(l.positions))
		if i > 0 && l.keys[0] == s.layers[0].keys[0] {
			continue // they share their memory
		}
		for g := range l.keys {
			n += l.keys[g].Bytes() + l.values[g].Bytes()
		}
	}
	return n
}

// ErrPass is returned for a pass that the sequence is not ready for.
var ErrPass = errors.New("attention: a pass is under way")

// Fork returns an independent continuation. It has no recorder: a trace follows one sequence.
func (s *Sequence) Fork() *Sequence {
	c := *s
	c.recorder, c.wants = nil, record.Wants{}
	c.pass, c.work = Pass{}, work{}
	c.headScores = slices.Clone(s.headScores)
	c.seen = s.seen.clone()
	c.layers = make([]layer, len(s.layers))
	for i, l := range s.layers {
		l.positions, l.until = slices.Clone(l.positions), slices.Clone(l.until)
		keys, values := l.keys, l.values
		l.keys, l.values = make([]*quant.Rows, len(keys)), make([]*quant.Rows, len(values))
		for g := range keys {
			l.keys[g], l.values[g] = keys[g].Clone(), values[g].Clone()
		}
		l.means = l.means.clone()
		c.layers[i] = l
	}
	return &c
}

// Close ends the run for the recorder and frees the cache.
func (s *Sequence) Close() {
	if s.recorder != nil {
		s.recorder.End()
		s.recorder = nil
	}
	s.layers = nil
}

// count returns 0, 1, … n−1.
func count(n int) []int32 {
	c := make([]int32, n)
	for i := range c {
		c[i] = int32(i)
	}
	return c
}
