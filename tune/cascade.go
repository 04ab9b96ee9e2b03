package tune

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"spatten/attention"
)

// Vary names what a cascade's search chooses.
type Vary struct {
	Tokens, Heads bool // shares that enter each layer
	Values        bool // share of the values, the same in all layers
	Bits          bool // of keys and of values, the same in all layers
	Policy        bool // of importance
}

// Cascade is the space of schedules that drop tokens and heads from layer to layer. All that is not varied is as in the base.
// A dial of a layer says how many steps down a scale of shares it goes from the layer before, so that shares only fall; moving a
// step from one layer to another leaves all that lie behind both as they were.
type Cascade struct {
	Layers, Heads int
	Vary          Vary
	Base          attention.Schedule
}

// Scales and settings, from costly to cheap.
var (
	tokenShares = []float64{1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.26, 0.23, 0.2, 0.18, 0.16, 0.14, 0.12, 0.1, 0.08, 0.06}
	valueShares = []float64{1, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.07, 0.05}
	bits        = []int{0, 8, 7, 6, 5, 4, 3}
	policies    = []attention.Policy{{Policy: "cumulative"}, {Policy: "normalized"}, {Policy: "window", Window: 16}, {Policy: "window", Window: 64}}
)

// tokenSteps is the most that a layer may go down the scale of tokens at once.
const tokenSteps = 8

// headSteps is the most heads that a layer may drop.
func (c Cascade) headSteps() int { return min(4, c.Heads-1) }

// Dials implements Space.
func (c Cascade) Dials() []Dial {
	var dials []Dial
	for l := 1; l < c.Layers && c.Vary.Tokens; l++ {
		dials = append(dials, Dial{fmt.Sprintf("tokens of layer %d", l), tokenSteps + 1})
	}
	for l := 1; l < c.Layers && c.Vary.Heads; l++ {
		dials = append(dials, Dial{fmt.Sprintf("heads of layer %d", l), c.headSteps() + 1})
	}
	if c.Vary.Values {
		dials = append(dials, Dial{"values", len(valueShares)})
	}
	if c.Vary.Bits {
		dials = append(dials, Dial{"key bits", len(bits)}, Dial{"value bits", len(bits)})
	}
	if c.Vary.Policy {
		dials = append(dials, Dial{"policy", len(policies)})
	}
	return dials
}

// settings are the levels of a cascade's dials, by what they set.
type settings struct {
	tokens, heads           []int // of layers from the second
	values, keyBits, policy int
	valueBits               int
}

// split reads levels in the order of Dials.
func (c Cascade) split(levels []int) (s settings) {
	take := func(n int, is bool) []int {
		if !is {
			return nil
		}
		out := levels[:n]
		levels = levels[n:]
		return out
	}
	s.tokens, s.heads = take(c.Layers-1, c.Vary.Tokens), take(c.Layers-1, c.Vary.Heads)
	for _, one := range []struct {
		to *int
		is bool
	}{{&s.values, c.Vary.Values}, {&s.keyBits, c.Vary.Bits}, {&s.valueBits, c.Vary.Bits}, {&s.policy, c.Vary.Policy}} {
		for _, level := range take(1, one.is) {
			*one.to = level
		}
	}
	return s
}

// Schedule implements Space.
func (c Cascade) Schedule(name string, levels []int) *attention.Schedule {
	set, s := c.split(levels), c.Base
	s.Name = name
	if c.Vary.Tokens {
		s.Tokens = shares(set.tokens, func(down int) float64 { return tokenShares[min(down, len(tokenShares)-1)] })
	}
	if c.Vary.Heads {
		s.Heads = shares(set.heads, func(down int) float64 { return headShare(max(1, c.Heads-down), c.Heads) })
	}
	if c.Vary.Values {
		s.Values = nil
		if v := valueShares[set.values]; v < 1 {
			s.Values = attention.Shares{v}
		}
	}
	if c.Vary.Bits {
		s.Key.MSB, s.Key.LSB, s.Value.Bits = width(bits[set.keyBits]), nil, width(bits[set.valueBits])
		s.Key.Ask, s.Key.Share, s.Key.Mass, s.Key.Threshold = "", nil, nil, nil
	}
	if c.Vary.Policy {
		s.Importance = policies[set.policy]
	}
	return &s
}

// shares adds up steps; nil where nothing falls.
func shares(steps []int, share func(down int) float64) attention.Shares {
	out, down := attention.Shares{1}, 0
	for _, n := range steps {
		down += n
		out = append(out, share(down))
	}
	if down == 0 {
		return nil
	}
	return out
}

// headShare is the shortest decimal share that keeps so many heads.
func headShare(keep, heads int) float64 {
	for unit := 100.0; ; unit *= 10 {
		if v := math.Ceil(float64(keep)/float64(heads)*unit-1e-9) / unit; int(v*float64(heads)+1e-9) == keep {
			return v
		}
	}
}

func width(bits int) attention.Widths {
	if bits == 0 {
		return nil
	}
	return attention.Widths{bits}
}

// Starts implements Space: the paper's lines over the layers (V-A), and with them fewer values and bits.
func (c Cascade) Starts() []Start {
	const n = 8
	var starts []Start
	for i := range n + 1 {
		t := float64(i) / n
		s := &attention.Schedule{Average: &attention.Average{Tokens: 1 - 0.8*t, Heads: 1 - 0.4*t}}
		line, err := s.For(c.Layers)
		if err != nil {
			panic(err) // averages have no lists
		}
		var levels []int
		if c.Vary.Tokens {
			levels = append(levels, steps(line.Tokens, tokenSteps, func(share float64) int { return nearest(tokenShares, share) })...)
		}
		if c.Vary.Heads {
			levels = append(levels, steps(line.Heads, c.headSteps(), func(share float64) int { return c.Heads - int(math.Round(share*float64(c.Heads))) })...)
		}
		if c.Vary.Values {
			levels = append(levels, int(math.Round(t*float64(len(valueShares)-3))))
		}
		if c.Vary.Bits {
			at := int(math.Round(t * float64(len(bits)-2)))
			levels = append(levels, at, at)
		}
		if c.Vary.Policy {
			levels = append(levels, 0)
		}
		starts = append(starts, Start{fmt.Sprintf("start %d", i), levels})
	}
	return starts
}

// steps turns falling shares of layers into steps down a scale.
func steps(line attention.Shares, most int, place func(share float64) int) []int {
	var out []int
	down := 0
	for _, share := range line[1:] {
		n := min(most, max(0, place(share)-down))
		out, down = append(out, n), down+n
	}
	return out
}

// nearest is the place of a share on a falling scale.
func nearest(scale []float64, share float64) int {
	best := 0
	for i, v := range scale {
		if math.Abs(v-share) < math.Abs(scale[best]-share) {
			best = i
		}
	}
	return best
}

// Free returns a base for a cascade: a schedule without what is varied.
func (v Vary) Free(s attention.Schedule) attention.Schedule {
	if a := s.Average; a != nil {
		left := *a
		if v.Tokens {
			left.Tokens, left.TokenStart, left.TokenFront = 0, 0, 0
		}
		if v.Heads {
			left.Heads, left.HeadStart, left.HeadFront = 0, 0, 0
		}
		if v.Values {
			left.Values = 0
		}
		s.Average = &left
		if left.Tokens+left.Heads+left.Values == 0 {
			s.Average = nil
		}
	}
	if v.Tokens {
		s.Tokens = nil
	}
	if v.Heads {
		s.Heads = nil
	}
	if v.Values {
		s.Values, s.Mass = nil, nil
	}
	if v.Tokens || v.Heads {
		s.Prompt, s.Key.Center = attention.PromptPruned, false
		if s.Rest == attention.RestMean {
			s.Rest, s.Renormalize = attention.RestNothing, true
		}
	}
	return s
}

// names of what can be varied, as flags spell it.
func (v *Vary) names() map[string]*bool {
	return map[string]*bool{"tokens": &v.Tokens, "heads": &v.Heads, "values": &v.Values, "bits": &v.Bits, "policy": &v.Policy}
}

// ParseVary reads what is to be varied.
func ParseVary(names []string) (v Vary, err error) {
	known := v.names()
	for _, name := range names {
		is := known[name]
		if is == nil {
			return v, fmt.Errorf("tune: %q cannot be varied; there are %v", name, slices.Sorted(maps.Keys(known)))
		}
		*is = true
	}
	return v, nil
}
