package attention

import (
	"fmt"
	"math"
)

// Average are the paper's few parameters, from which the shares of every layer follow (III-A and V-A): the front of the
// network is left alone, and from there the pruned part grows linearly from a start to an end whose mean is the average asked for.
type Average struct {
	Tokens     float64 `yaml:"tokens,omitempty" json:"tokens,omitempty"`           // mean share of tokens kept after the front
	Heads      float64 `yaml:"heads,omitempty" json:"heads,omitempty"`             // the same for heads
	Values     float64 `yaml:"values,omitempty" json:"values,omitempty"`           // the same for values, in every layer
	TokenStart float64 `yaml:"token_start,omitempty" json:"token_start,omitempty"` // share kept in the first pruned layer; default (1 + tokens)/2, at most 1.8 tokens
	HeadStart  float64 `yaml:"head_start,omitempty" json:"head_start,omitempty"`   // default (1 + heads)/2
	TokenFront float64 `yaml:"token_front,omitempty" json:"token_front,omitempty"` // share of the layers left alone; default 0.15
	HeadFront  float64 `yaml:"head_front,omitempty" json:"head_front,omitempty"`   // default 0.30
	Of         Of      `yaml:"of,omitempty" json:"of,omitempty"`                   // what tokens and heads are shares of
}

// Of says what an average's shares of tokens and heads refer to.
type Of string

// OfSequence are shares of the whole sequence and of all heads, as schedules list them; OfLayer shares of what entered
// the layer before, as Algorithm 2 of the paper has them (k = L·(1 − p)): listed, they multiply up.
const (
	OfSequence Of = "sequence"
	OfLayer    Of = "layer"
)

// Defaults of the fronts (V-A: the first 15 % of the layers keep all tokens, the first 30 % all heads).
const (
	defaultTokenFront = 0.15
	defaultHeadFront  = 0.30
)

func (a *Average) validate(s *Schedule) error {
	if a.Tokens > 0 && len(s.Tokens) > 0 || a.Heads > 0 && len(s.Heads) > 0 || a.Values > 0 && len(s.Values) > 0 {
		return fmt.Errorf("schedule: average gives tokens, heads or values that are also listed; write one or the other")
	}
	if a.Of != "" && a.Of != OfSequence && a.Of != OfLayer {
		return fmt.Errorf("schedule: average of %q; write sequence or layer", a.Of)
	}
	for name, v := range map[string]float64{"tokens": a.Tokens, "heads": a.Heads, "values": a.Values, "token_start": a.TokenStart, "head_start": a.HeadStart} {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("schedule: average %s is %g; a share is above 0 and at most 1, or 0 to keep all", name, v)
		}
	}
	for name, v := range map[string]float64{"token_front": a.TokenFront, "head_front": a.HeadFront} {
		if !(v >= 0 && v < 1) {
			return fmt.Errorf("schedule: average %s is %g; the front is less than all layers", name, v)
		}
	}
	for _, p := range [][2]float64{{a.Tokens, a.TokenStart}, {a.Heads, a.HeadStart}} {
		if mean, start := p[0], p[1]; start > 0 && (start < mean || 2*mean-start <= 0) {
			return fmt.Errorf("schedule: no line from %g has the mean %g and stays above 0", start, mean)
		}
	}
	return nil
}

// shares returns the lists for a model of so many layers: the averages', and where there is none what the schedule lists.
func (a *Average) shares(s *Schedule, layers int) (tokens, heads, values Shares) {
	tokens, heads, values = s.Tokens, s.Heads, s.Values
	if a.Tokens > 0 {
		tokens = a.Of.list(line(layers, a.Tokens, a.TokenStart, orDefault(a.TokenFront, defaultTokenFront)))
	}
	if a.Heads > 0 {
		heads = a.Of.list(line(layers, a.Heads, a.HeadStart, orDefault(a.HeadFront, defaultHeadFront)))
	}
	if a.Values > 0 {
		values = Shares{a.Values}
	}
	return tokens, heads, values
}

func orDefault(v, otherwise float64) float64 {
	if v == 0 {
		return otherwise
	}
	return v
}

// list turns shares into shares of the whole.
func (o Of) list(shares Shares) Shares {
	if o != OfLayer {
		return shares
	}
	left := 1.0
	for l, s := range shares {
		left *= s
		shares[l] = max(1e-6, math.Round(left*1e6)/1e6)
	}
	return shares
}

// line is 1 in the front, then falls linearly from start to an end such that (start + end)/2 is the mean.
func line(layers int, mean, start, front float64) Shares {
	if start == 0 {
		start = min((1+mean)/2, 1.8*mean) // the end stays above 0
	}
	end := 2*mean - start
	out := make(Shares, layers)
	first := max(1, int(math.Ceil(float64(layers)*front-1e-9)))
	for l := range out {
		switch {
		case l < first:
			out[l] = 1
		case layers-first == 1:
			out[l] = mean
		default:
			out[l] = start + (end-start)*float64(l-first)/float64(layers-first-1)
		}
		out[l] = math.Round(out[l]*1e6) / 1e6
	}
	return out
}
