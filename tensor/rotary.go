package tensor

// Rotate turns the pairs (x[i], x[i+D/2]) of one head of width D in place by angles whose D/2 cosines and sines are
// given: rotary position embedding as Hugging Face stores its heads (Su et al., arXiv 2104.09864).
func Rotate(x, cos, sin []float32) {
	half := len(cos)
	active.rotate(x[:half], x[half:2*half], cos, sin[:half])
}

// RotateNeighbours turns the pairs (x[2i], x[2i+1]), as GGUF stores Llama's heads.
func RotateNeighbours(x, cos, sin []float32) {
	half := len(cos)
	active.neighbours(x[:2*half], cos, sin[:half])
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
