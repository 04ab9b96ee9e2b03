package tune

import (
	"fmt"
	"slices"

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
		{2, 3, 0.06, 0.12, 5},
		{2, 4, 0.05, 0.08, 4},
		{2, 4, 0.03, 0.04, 4},
	}
}

// Rungs is the space of schedules that read the prompt in full and whose layers stand on the rungs of a ladder. A dial is a
// layer, or as many neighbouring layers as move together.
type Rungs struct {
	Layers   int
	Ladder   []Rung
	Together int // 0 is 1
}

func (r Rungs) together() int { return max(1, r.Together) }

// Dials implements Space.
func (r Rungs) Dials() []Dial {
	var dials []Dial
	for l := 0; l < r.Layers; l += r.together() {
		dials = append(dials, Dial{fmt.Sprintf("layer %d", l), len(r.Ladder)})
	}
	return dials
}

// Starts implements Space: every rung, the same for all layers.
func (r Rungs) Starts() []Start {
	var starts []Start
	for level := range r.Ladder {
		starts = append(starts, Start{fmt.Sprintf("rung %d on all layers", level), slices.Repeat([]int{level}, len(r.Dials()))})
	}
	return starts
}

// Schedule implements Space: the prompt is read in full, keys are centered and have scales by channel, groups of heads choose
// together, and what is left of the probability is renormalized.
func (r Rungs) Schedule(name string, levels []int) *attention.Schedule {
	s := &attention.Schedule{
		Name: name, Prompt: attention.PromptDense, Choose: attention.ByGroup, Renormalize: true,
		Key: attention.KeyBits{Scale: attention.ByChannel, Center: true},
	}
	var lsbs bool
	for l := range r.Layers {
		rung := r.Ladder[levels[l/r.together()]]
		lsbs = lsbs || rung.LSB > 0
		s.Key.MSB = append(s.Key.MSB, rung.MSB)
		s.Key.LSB = append(s.Key.LSB, rung.LSB)
		s.Key.Share = append(s.Key.Share, rung.Share)
		s.Values = append(s.Values, rung.Values)
		s.Value.Bits = append(s.Value.Bits, rung.Bits)
	}
	if !lsbs {
		s.Key.LSB, s.Key.Share = nil, nil
	} else {
		s.Key.Ask = attention.AskKey
	}
	return s
}
