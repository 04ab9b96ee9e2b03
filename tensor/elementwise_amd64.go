package tensor

var elementwiseAVX2 = elementwise{
	dot: func(a, b []float32) float32 { return dotAVX2(&a[0], &b[0], len(a)) },

	dotRows: dotRows256, weightedSum: weightedSum256, weightedRows: weightedRows256,

	add:      func(dst, x []float32) { addAVX2(&dst[0], &x[0], len(dst)) },
	scale:    func(x []float32, s float32) { scaleAVX2(&x[0], len(x), s) },
	largest:  func(x []float32) float32 { return largestAVX2(&x[0], len(x)) },
	expSum:   func(x []float32, max float32) float32 { return expSumAVX2(&x[0], len(x), max) },
	gelu:     func(x []float32) { geluAVX2(&x[0], len(x)) },
	geluTanh: func(x []float32) { geluTanhAVX2(&x[0], len(x)) },
	swiglu:   func(dst, gate, up []float32) { swigluAVX2(&dst[0], &gate[0], &up[0], len(dst)) },
	rotate:   func(x, y, cos, sin []float32) { rotateAVX2(&x[0], &y[0], &cos[0], &sin[0], len(x)) },

	layerNorm: layerNorm256, rmsNorm: rmsNorm256, neighbours: neighbours256,
}

func layerNorm256(dst, x, gain, bias []float32, eps float32) {
	n := len(x)
	mean := sumAVX2(&x[0], n) / float32(n)
	scale := inverseRoot(float64(squaresAVX2(&x[0], n, mean)), n, eps)
	affineAVX2(&dst[0], &x[0], &gain[0], &bias[0], n, mean, scale)
}

func rmsNorm256(dst, x, gain []float32, eps float32) {
	scale := inverseRoot(float64(squaresAVX2(&x[0], len(x), 0)), len(x), eps)
	gainsAVX2(&dst[0], &x[0], &gain[0], len(x), scale)
}

func neighbours256(x, cos, sin []float32) {
	eights := len(cos) / 8
	if eights > 0 {
		rotateNeighboursAVX2(&x[0], &cos[0], &sin[0], eights)
	}
	neighboursPortable(x[16*eights:], cos[8*eights:], sin[8*eights:])
}

// dotRows256 takes four rows at a time; the last four overlap those before them.
func dotRows256(dst, q, rows []float32) {
	n, d := len(dst), len(q)
	if d%8 != 0 || n < 4 {
		for i := range dst {
			dst[i] = dotAVX2(&q[0], &rows[i*d], d)
		}
		return
	}
	dotRowsAVX2(&dst[0], &q[0], &rows[0], d, n/4)
	if n%4 != 0 {
		dotRowsAVX2(&dst[n-4], &q[0], &rows[(n-4)*d], d, 1)
	}
}

func weightedSum256(dst, weights, rows []float32) {
	d := len(dst)
	if d%8 != 0 {
		weightedSumPortable(dst, weights, rows)
		return
	}
	at := 0
	for ; at+64 <= d; at += 64 {
		weightedSum64AVX2(&dst[at], &weights[0], &rows[at], d, len(weights))
	}
	for ; at < d; at += 8 {
		weightedSum8AVX2(&dst[at], &weights[0], &rows[at], d, len(weights))
	}
}

func weightedRows256(dst, weights, rows []float32, index []int32) {
	d := len(dst)
	for _, i := range index {
		_ = rows[int(i)*d : (int(i)+1)*d] // assembly does not check
	}
	if d%8 != 0 {
		weightedRowsPortable(dst, weights, rows, index)
		return
	}
	at := 0
	for ; at+64 <= d; at += 64 {
		weightedSumOf64AVX2(&dst[at], &weights[0], &rows[at], &index[0], d, len(index))
	}
	for ; at < d; at += 8 {
		weightedSumOf8AVX2(&dst[at], &weights[0], &rows[at], &index[0], d, len(index))
	}
}
