package tensor

import (
	"fmt"
	"math"
)

// RotaryScaling adapts rotary embeddings to contexts longer than those trained on.
type RotaryScaling struct {
	Type            string  // "", "linear", "llama3"
	Factor          float64 // positions are divided by it
	LowFrequency    float64 // llama3: wavelengths above OriginalContext/LowFrequency are scaled in full …
	HighFrequency   float64 // … and those under OriginalContext/HighFrequency not at all
	OriginalContext float64 // llama3
}

// Rotary holds the angles of rotary position embeddings (Su et al., RoFormer).
type Rotary struct {
	half        int
	interleaved bool
	frequency   []float64
	sin, cos    []float32 // positions × half
}

// NewRotary prepares positions 0 … positions−1 for heads of width dim. Interleaved rotates neighbours (2i, 2i+1), as GGUF
// stores Llama's heads; otherwise i and i+dim/2 are rotated, as Hugging Face stores them.
func NewRotary(dim int, base float64, positions int, interleaved bool, s RotaryScaling) (*Rotary, error) {
	if dim <= 0 || dim%2 != 0 || !(base > 0) || positions <= 0 {
		return nil, fmt.Errorf("tensor: no rotary embedding of width %d, base %g and %d positions", dim, base, positions)
	}
	r := &Rotary{half: dim / 2, interleaved: interleaved}
	for i := range r.half {
		f := math.Pow(base, -2*float64(i)/float64(dim))
		switch s.Type {
		case "", "default":
		case "linear":
			f /= s.Factor
		case "llama3":
			f = s.llama3(f)
		default:
			return nil, fmt.Errorf("tensor: rotary scaling %q is not supported", s.Type)
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("tensor: rotary scaling %+v gives no frequency", s)
		}
		r.frequency = append(r.frequency, f)
	}
	r.sin, r.cos = make([]float32, positions*r.half), make([]float32, positions*r.half)
	for p := range positions {
		for i, f := range r.frequency {
			s, c := math.Sincos(float64(float32(p) * float32(f)))
			r.sin[p*r.half+i], r.cos[p*r.half+i] = float32(s), float32(c)
		}
	}
	return r, nil
}

// llama3 scales a frequency by its wavelength, with a smooth step between the two bounds.
func (s RotaryScaling) llama3(f float64) float64 {
	wavelength := 2 * math.Pi / f
	low, high := s.OriginalContext/s.LowFrequency, s.OriginalContext/s.HighFrequency
	switch {
	case wavelength < high:
		return f
	case wavelength > low:
		return f / s.Factor
	default:
		smooth := (s.OriginalContext/wavelength - s.LowFrequency) / (s.HighFrequency - s.LowFrequency)
		return (1-smooth)*f/s.Factor + smooth*f
	}
}

// Apply rotates one head in place to its position.
func (r *Rotary) Apply(x []float32, position int) {
	sin, cos := r.sin[position*r.half:(position+1)*r.half], r.cos[position*r.half:(position+1)*r.half]
	if r.interleaved {
		active.neighbours(x[:2*r.half], cos, sin)
	} else {
		active.rotate(x[:r.half], x[r.half:2*r.half], cos, sin)
	}
}

// rotatePortable turns the pairs (x[i], y[i]).
func rotatePortable(x, y, cos, sin []float32) {
	for i, a := range x {
		b := y[i]
		x[i] = float32(a*cos[i]) - float32(b*sin[i])
		y[i] = float32(a*sin[i]) + float32(b*cos[i])
	}
}

// neighboursPortable turns the pairs (x[2i], x[2i+1]).
func neighboursPortable(x, cos, sin []float32) {
	for i := range cos {
		a, b := x[2*i], x[2*i+1]
		x[2*i] = float32(a*cos[i]) - float32(b*sin[i])
		x[2*i+1] = float32(a*sin[i]) + float32(b*cos[i])
	}
}
