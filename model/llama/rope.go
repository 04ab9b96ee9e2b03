package llama

import (
	"math"

	"spatten/model/param"
	"spatten/tensor"
)

// Rope is the rotary position embedding of a model (Su et al., arXiv 2104.09864).
type Rope struct {
	Base        float64
	Interleaved bool    // pairs are neighbours (2i, 2i+1), as GGUF stores Llama's heads, not (i, i+D/2)
	Scaling     string  // "", "linear" or "llama3"
	Factor      float64 // of the scaling
	// Of Llama 3.1's scaling: wavelengths under Original/HighFrequency are kept, those over Original/LowFrequency
	// divided by Factor, and those between interpolated.
	LowFrequency, HighFrequency, Original float64
}

// ropeFromJSON reads rope_theta and rope_scaling, or rope_parameters, which newer files have in their place.
func ropeFromJSON(n *param.Numbers, c Config) Rope {
	r := Rope{Base: n.FloatOr("rope_theta", 10000, 1, 1e12), Factor: 1}
	s, ok := n.Object("rope_scaling")
	if !ok {
		s, ok = n.Object("rope_parameters")
	}
	if !ok {
		return r
	}
	r.Base = s.FloatOr("rope_theta", r.Base, 1, 1e12)
	r.Scaling = s.StringOr("rope_type", s.StringOr("type", ""))
	if share := s.FloatOr("partial_rotary_factor", 1, 0, 1); share != 1 {
		s.Fail("partial_rotary_factor", "%g is not supported, only 1", share)
	}
	switch r.Scaling {
	case "", "default":
		r.Scaling = ""
	case "linear":
		r.Factor = s.FloatOr("factor", 1, 1, 1e6)
	case "llama3":
		r.Factor = s.FloatOr("factor", 8, 1, 1e6)
		r.LowFrequency = s.FloatOr("low_freq_factor", 1, 1e-3, 1e6)
		r.HighFrequency = s.FloatOr("high_freq_factor", 4, 1e-3, 1e6)
		r.Original = s.FloatOr("original_max_position_embeddings", float64(c.Positions), 1, param.MaxPositions)
		if r.HighFrequency <= r.LowFrequency {
			s.Fail("high_freq_factor", "%g is not above low_freq_factor, %g", r.HighFrequency, r.LowFrequency)
		}
	default:
		s.Fail("rope_type", "%q is not supported, only default, linear and llama3", r.Scaling)
	}
	if s.Err() != nil {
		n.Fail("rope", "%v", s.Err())
	}
	return r
}

// ropeFromGGUF reads the metadata. Llama 3.1's scaling comes as a tensor of factors, rope_freqs.weight.
func ropeFromGGUF(n *param.Numbers, c Config) Rope {
	r := Rope{Base: n.FloatOr("llama.rope.freq_base", 10000, 1, 1e12), Interleaved: true, Factor: 1}
	if turned := n.IntOr("llama.rope.dimension_count", c.HeadDim, 0, param.MaxHeadDim); turned != c.HeadDim {
		n.Fail("llama.rope.dimension_count", "%d of a head's %d is not supported", turned, c.HeadDim)
	}
	switch s := n.StringOr("llama.rope.scaling.type", "none"); s {
	case "none":
	case "linear":
		r.Scaling, r.Factor = s, n.FloatOr("llama.rope.scaling.factor", 1, 1, 1e6)
	default:
		n.Fail("llama.rope.scaling.type", "%q is not supported, only none and linear", s)
	}
	return r
}

// frequencies returns the angle a position of each of D/2 pairs; divisors, where not nil, divide them further.
func (r *Rope) frequencies(d int, divisors []float32) []float32 {
	f := make([]float32, d/2)
	for i := range f {
		w := math.Pow(r.Base, -2*float64(i)/float64(d))
		switch r.Scaling {
		case "linear":
			w /= r.Factor
		case "llama3":
			w = r.stretch(w)
		}
		if divisors != nil {
			w /= float64(divisors[i])
		}
		f[i] = float32(w)
	}
	return f
}

// stretch is Llama 3.1's scaling of one frequency.
func (r *Rope) stretch(w float64) float64 {
	turns := r.Original * w / (2 * math.Pi) // full turns within the original context
	switch {
	case turns > r.HighFrequency:
		return w
	case turns < r.LowFrequency:
		return w / r.Factor
	}
	smooth := (turns - r.LowFrequency) / (r.HighFrequency - r.LowFrequency)
	return (1-smooth)*w/r.Factor + smooth*w
}

// angles writes the D/2 cosines and then the D/2 sines of a position.
func angles(dst, frequencies []float32, position int) {
	half := len(frequencies)
	for i, f := range frequencies {
		sin, cos := math.Sincos(float64(float32(position) * f))
		dst[i], dst[half+i] = float32(cos), float32(sin)
	}
}

// rotate turns one head by the angles of its position.
func (r *Rope) rotate(x, angles []float32) {
	half := len(x) / 2
	if r.Interleaved {
		tensor.RotateNeighbours(x, angles[:half], angles[half:])
	} else {
		tensor.Rotate(x, angles[:half], angles[half:])
	}
}
