package attention

import (
	"errors"
	"fmt"
	"slices"

	"spatten/attention/quant"
	"spatten/tensor"
)

// Prompt says how the tokens that are read before the first generated one attend.
type Prompt string

// PromptPruned prunes and quantizes the prompt as the schedule says (III-A). PromptDense reads it in full, since all its
// queries share what is fetched of K and V; what it leaves behind is quantized, and pruned by what its queries found
// important, before the first generated token.
const (
	PromptPruned Prompt = "pruned"
	PromptDense  Prompt = "dense"
)

// dense returns what of a schedule holds while the prompt is read in full.
func (s *Schedule) dense() *Schedule {
	return &Schedule{Name: s.Name, Chunk: s.Chunk, Protect: s.Protect, Importance: s.Importance, Pooling: s.Pooling, Prompt: s.Prompt}
}

// ChunksFreely reports whether reading a prompt gives the same numbers however it is cut into chunks: nothing of it is pruned
// or quantized, and nothing that chunks add up is asked for later. A nil schedule is dense.
func (s *Schedule) ChunksFreely() bool {
	return s == nil || s.Dense() || s.Prompt == PromptDense && len(s.Tokens)+len(s.Heads) == 0 && s.Average == nil
}

// ErrRefit is returned where a sequence's past does not allow it another schedule.
var ErrRefit = errors.New("attention: only a sequence that has read its prompt in full, and generated nothing, can follow another schedule")

// Refit returns an independent continuation under another schedule of a sequence that has read its prompt with nothing
// pruned or quantized: the same as if the prompt had been read under that schedule, if it is one with prompt: dense. A
// policy that prunes tokens needs a sequence that has accumulated their importance. It has no recorder.
func (s *Sequence) Refit(schedule *Schedule) (*Sequence, error) {
	if s.pass.active || s.promptEnd != s.length || !s.schedule.Dense() {
		return nil, ErrRefit
	}
	c, err := NewSequence(s.shape, schedule, Options{CacheBits: s.cacheBits})
	if err != nil {
		return nil, err
	}
	if !c.seen.want.None {
		if s.seen.want.None || s.Schedule().Importance != c.Schedule().Importance {
			return nil, fmt.Errorf("%w: the importance that the schedule prunes by has not been accumulated", ErrRefit)
		}
		c.seen = s.seen.clone()
	}
	copy(c.headScores, s.headScores)
	c.length, c.promptEnd, c.passes = s.length, s.promptEnd, s.passes
	for i := range s.layers {
		c.layers[i].positions = slices.Clone(s.layers[i].positions)
		c.layers[i].keys, c.layers[i].values = s.layers[i].keys, s.layers[i].values
	}
	if c.after == nil {
		c.after = c.schedule
	}
	c.refit(nil)
	return c, nil
}

// refit turns to the schedule of the generated tokens: keys and values enter its formats.
func (s *Sequence) refit(cpu *tensor.CPU) {
	s.schedule, s.after = s.after, nil
	for i := range s.layers {
		l := &s.layers[i]
		// A fork shares nothing with its origin but the rows themselves, which are read alone.
		l.keys, l.values = slices.Clone(l.keys), slices.Clone(l.values)
		if s.schedule.Rest == RestMean {
			l.means = make(means, len(l.keys))
		}
		if s.schedule.Key.Center {
			l.centers = make([][]float32, len(l.keys))
		}
	}
	task, n := refitting{s}, len(s.layers)*s.shape.KVHeads
	if cpu != nil {
		cpu.Do(n, task)
		return
	}
	for i := range n {
		task.Run(0, i)
	}
}

// refitting is the refit of a sequence, a key/value head of a layer an item.
type refitting struct{ s *Sequence }

// Run implements tensor.Task.
func (r refitting) Run(_, i int) {
	s := r.s
	layer, g := i/s.shape.KVHeads, i%s.shape.KVHeads
	l := &s.layers[layer]
	key, value := s.schedule.formats(layer, s.cacheBits)
	if s.schedule.Rest == RestMean {
		l.means[g] = meanOf(l.values[g])
	}
	if s.schedule.Key.Center {
		l.centers[g] = center(l.keys[g])
	}
	l.keys[g], l.values[g] = recode(l.keys[g], key, l.center(g)), recode(l.values[g], value, nil)
}

// recode returns rows in another format, less a center.
func recode(from *quant.Rows, f quant.Format, center []float32) *quant.Rows {
	if from.Format() == f && center == nil {
		return from.Clone()
	}
	to := quant.NewRows(from.Dim(), f)
	to.Grow(from.Len() + from.Len()/32 + quant.BlockRows) // what is generated soon moves nothing
	each(from, func(row []float32) {
		subtract(row, center)
		to.Append(row)
	})
	return to
}

// each calls with a copy of every row.
func each(r *quant.Rows, do func(row []float32)) {
	const together = 64
	var scratch quant.Scratch
	d := r.Dim()
	rows := make([]float32, together*d)
	for i := 0; i < r.Len(); i += together {
		some := rows[:min(together, r.Len()-i)*d]
		r.Read(some, &scratch, nil, i, true, false)
		for ; len(some) > 0; some = some[d:] {
			do(some[:d])
		}
	}
}
