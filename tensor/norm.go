package tensor

import "math"

// LayerNorm writes (x − mean)/√(variance + eps)·gain + bias to dst, which may be x.
func LayerNorm(dst, x, gain, bias []float32, eps float32) {
	if n := len(x); n > 0 {
		active.layerNorm(dst[:n], x, gain[:n], bias[:n], eps)
	}
}

// RMSNorm writes x/√(mean square + eps)·gain to dst, which may be x.
func RMSNorm(dst, x, gain []float32, eps float32) {
	if n := len(x); n > 0 {
		active.rmsNorm(dst[:n], x, gain[:n], eps)
	}
}

func layerNormPortable(dst, x, gain, bias []float32, eps float32) {
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / float64(len(x))
	var squares float64
	for _, v := range x {
		d := float64(v) - mean
		squares += float64(d * d)
	}
	scale := inverseRoot(squares, len(x), eps)
	m := float32(mean)
	for i, v := range x {
		dst[i] = float32(float32((v-m)*scale)*gain[i]) + bias[i]
	}
}

func rmsNormPortable(dst, x, gain []float32, eps float32) {
	var squares float64
	for _, v := range x {
		squares += float64(v) * float64(v)
	}
	scale := inverseRoot(squares, len(x), eps)
	for i, v := range x {
		dst[i] = float32(v*scale) * gain[i]
	}
}

// inverseRoot returns 1/√(squares/n + eps).
func inverseRoot(squares float64, n int, eps float32) float32 {
	return float32(1 / math.Sqrt(squares/float64(n)+float64(eps)))
}
