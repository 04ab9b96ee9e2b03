package attention

import (
	"errors"
	"fmt"
	"slices"

	"spatten/attention/quant"
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
	c.refit()
	return c, nil
}

// refit turns to the schedule of the generated tokens: keys and values enter its formats.
func (s *Sequence) refit() {
	s.schedule, s.after = s.after, nil
	for i := range s.layers {
		l := &s.layers[i]
		key, value := s.schedule.formats(i, s.cacheBits)
		keys, values := l.keys, l.values
		l.keys, l.values = make([]*quant.Rows, len(keys)), make([]*quant.Rows, len(values))
		if s.schedule.Key.Center {
			l.centers = make([][]float32, len(keys))
		}
		for g := range keys {
			if s.schedule.Rest == RestMean {
				l.means = append(l.means, meanOf(values[g]))
			}
			if s.schedule.Key.Center {
				l.centers[g] = center(keys[g])
			}
			l.keys[g], l.values[g] = recode(keys[g], key, l.center(g)), recode(values[g], value, nil)
		}
	}
}

// recode returns rows in another format, less a center.
func recode(from *quant.Rows, f quant.Format, center []float32) *quant.Rows {
	if from.Format() == f && center == nil {
		return from.Clone()
	}
	to := quant.NewRows(from.Dim(), f)
	each(from, func(row []float32) {
		subtract(row, center)
		to.Append(row)
	})
	return to
}

// each calls with a copy of every row.
func each(r *quant.Rows, do func(row []float32)) {
	var scratch quant.Scratch
	row := make([]float32, r.Dim())
	for i := range r.Len() {
		r.Read(row, &scratch, nil, i, true, false)
		do(row)
	}
}
