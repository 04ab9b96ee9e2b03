package tensor

import "math"

// Add adds x to dst.
func Add(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += x[i]
	}
}

// LayerNorm writes (x − mean)/√(variance + eps)·gain + bias.
func LayerNorm(dst, x, gain, bias []float32, eps float32) {
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / float64(len(x))
	var squares float64
	for _, v := range x {
		d := float64(v) - mean
		squares += d * d
	}
	scale := float32(1 / math.Sqrt(squares/float64(len(x))+float64(eps)))
	m := float32(mean)
	for i, v := range x {
		dst[i] = float32(float32((v-m)*scale)*gain[i]) + bias[i]
	}
}

// RMSNorm writes x/√(mean square + eps)·gain.
func RMSNorm(dst, x, gain []float32, eps float32) {
	var squares float64
	for _, v := range x {
		squares += float64(v) * float64(v)
	}
	scale := float32(1 / math.Sqrt(squares/float64(len(x))+float64(eps)))
	for i, v := range x {
		dst[i] = float32(v*scale) * gain[i]
	}
}

// Softmax turns scores into probabilities in place.
func Softmax(x []float32) {
	if len(x) == 0 {
		return
	}
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	var sum float32
	for i, v := range x {
		e := float32(math.Exp(float64(v - top)))
		x[i] = e
		sum += e
	}
	for i := range x {
		x[i] /= sum
	}
}

// GELU is x·Φ(x) by the error function, as BERT has it, in place.
func GELU(x []float32) {
	for i, v := range x {
		x[i] = float32(0.5 * float64(v) * (1 + math.Erf(float64(v)/math.Sqrt2)))
	}
}

// GELUTanh is the approximation by tanh that GPT-2 was trained with ("gelu_new"), in place.
func GELUTanh(x []float32) {
	c := math.Sqrt(2 / math.Pi)
	for i, v := range x {
		f := float64(v)
		x[i] = float32(0.5 * f * (1 + math.Tanh(c*(f+0.044715*f*f*f))))
	}
}

// SwiGLU writes silu(gate)·up.
func SwiGLU(dst, gate, up []float32) {
	for i, g := range gate {
		dst[i] = float32(float64(g)/(1+math.Exp(-float64(g)))) * up[i]
	}
}

// Tanh in place.
func Tanh(x []float32) {
	for i, v := range x {
		x[i] = float32(math.Tanh(float64(v)))
	}
}
