package tensor

import "math"

// elementwise is the part of a kernel set that works on rows of activations. No function is called with an empty row.
type elementwise struct {
	dot          func(a, b []float32) float32
	dotRows      func(dst, q, rows []float32)
	weightedSum  func(dst, weights, rows []float32)
	weightedRows func(dst, weights, rows []float32, index []int32)

	add        func(dst, x []float32)
	scale      func(x []float32, s float32)
	layerNorm  func(dst, x, gain, bias []float32, eps float32)
	rmsNorm    func(dst, x, gain []float32, eps float32)
	largest    func(x []float32) float32
	expSum     func(x []float32, max float32) float32 // replaces x by exp(x − max) and returns the sum
	gelu       func(x []float32)
	geluTanh   func(x []float32)
	swiglu     func(dst, gate, up []float32)
	rotate     func(x, y, cos, sin []float32) // pairs (x, y) by their angles
	neighbours func(x, cos, sin []float32)    // the same for pairs (x[2i], x[2i+1])
}

var portableElementwise = elementwise{
	dot: dotPortable, dotRows: dotRowsPortable, weightedSum: weightedSumPortable, weightedRows: weightedRowsPortable,
	add: addPortable, scale: scalePortable, layerNorm: layerNormPortable, rmsNorm: rmsNormPortable,
	largest: largestPortable, expSum: expSumPortable, gelu: geluPortable, geluTanh: geluTanhPortable, swiglu: swigluPortable,
	rotate: rotatePortable, neighbours: neighboursPortable,
}

// Add adds x to dst.
func Add(dst, x []float32) {
	if len(dst) > 0 {
		active.add(dst, x[:len(dst)])
	}
}

// Softmax turns scores into probabilities in place, each to 5·10⁻⁷ and the rounding of score − maximum. Where every score is −∞ all become zero.
func Softmax(x []float32) {
	if len(x) == 0 {
		return
	}
	top := active.largest(x)
	if math.IsInf(float64(top), -1) {
		clear(x)
		return
	}
	active.scale(x, 1/active.expSum(x, top))
}

// GELU is x·Φ(x) by the error function, as BERT has it, in place, to 5·10⁻⁷·|x|.
func GELU(x []float32) {
	if len(x) > 0 {
		active.gelu(x)
	}
}

// GELUTanh is the approximation by tanh that GPT-2 was trained with ("gelu_new"), in place, to 2·10⁻⁶·|x|.
func GELUTanh(x []float32) {
	if len(x) > 0 {
		active.geluTanh(x)
	}
}

// SwiGLU writes silu(gate)·up to dst, which may be gate or up, to a relative 10⁻⁶.
func SwiGLU(dst, gate, up []float32) {
	if len(gate) > 0 {
		active.swiglu(dst[:len(gate)], gate, up[:len(gate)])
	}
}

// Tanh in place.
func Tanh(x []float32) {
	for i, v := range x {
		x[i] = float32(math.Tanh(float64(v)))
	}
}

func addPortable(dst, x []float32) {
	for i, v := range x {
		dst[i] += v
	}
}

func scalePortable(x []float32, s float32) {
	for i := range x {
		x[i] *= s
	}
}

func largestPortable(x []float32) float32 {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	return top
}

func expSumPortable(x []float32, max float32) float32 {
	var sum float32
	for i, v := range x {
		e := float32(math.Exp(float64(v - max)))
		x[i] = e
		sum += e
	}
	return sum
}

func geluPortable(x []float32) {
	for i, v := range x {
		x[i] = float32(0.5 * float64(v) * math.Erfc(-float64(v)/math.Sqrt2))
	}
}

func geluTanhPortable(x []float32) {
	c := math.Sqrt(2 / math.Pi)
	for i, v := range x {
		f := float64(v)
		x[i] = float32(0.5 * f * (1 + math.Tanh(c*(f+0.044715*f*f*f))))
	}
}

func swigluPortable(dst, gate, up []float32) {
	for i, g := range gate {
		dst[i] = float32(float64(g)/(1+math.Exp(-float64(g)))) * up[i]
	}
}
