package tune

import (
	"spatten/attention"
)

// Rung is what one layer reads of keys and values in generation. The rungs of a ladder go from costly to cheap.
type Rung struct {
	MSB, LSB int     // bits of keys: of all, and more of the best-scored Share
	Share    float64 // 1 where LSB is 0
	Values   float64 // share of the values
	Bits     int     // of values
}

// Ladder is the default ladder; the rungs of smollm2-1pct and smollm2-3pct are on it. What a schedule loses it loses by values
// that it leaves out and by their bits, hardly by the bits of keys (docs/quality.md).
func Ladder() []Rung {
	return []Rung{
		{4, 4, 0.10, 0.50, 6},
		{3, 4, 0.10, 0.50, 5},
		{3, 4, 0.10, 0.25, 6},
		{2, 4, 0.20, 0.30, 6},
		{2, 4, 0.15, 0.15, 6},
		{2, 4, 0.08, 0.12, 6},
		{2, 4, 0.08, 0.09, 6},
		{2, 4, 0.05, 0.08, 4},
		{2, 4, 0.03, 0.04, 4},
	}
}

// Schedule returns the schedule with so many layers on their rungs: the prompt is read in full, keys are centered and have
// scales by channel, groups of heads choose together, and what is left of the probability is renormalized.
func Schedule(name string, ladder []Rung, levels []int) *attention.Schedule {
	s := &attention.Schedule{
		Name: name, Prompt: attention.PromptDense, Choose: attention.ByGroup, Renormalize: true,
		Key: attention.KeyBits{Scale: attention.ByChannel, Center: true},
	}
	var lsbs bool
	for _, level := range levels {
		r := ladder[level]
		lsbs = lsbs || r.LSB > 0
		s.Key.MSB = append(s.Key.MSB, r.MSB)
		s.Key.LSB = append(s.Key.LSB, r.LSB)
		s.Key.Share = append(s.Key.Share, r.Share)
		s.Values = append(s.Values, r.Values)
		s.Value.Bits = append(s.Value.Bits, r.Bits)
	}
	if !lsbs {
		s.Key.LSB, s.Key.Share = nil, nil
	} else {
		s.Key.Ask = attention.AskKey
	}
	return s
}
