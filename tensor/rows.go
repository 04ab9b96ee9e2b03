package tensor

// DotRows writes to dst[i] the dot product of q with row i of rows, contiguous rows of len(q) elements.
func DotRows(dst, q, rows []float32) {
	d := len(q)
	for i := range dst {
		dst[i] = Dot(q, rows[i*d:(i+1)*d])
	}
}

// WeightedSum adds Σ weights[i]·row i to dst, for contiguous rows of len(dst) elements.
func WeightedSum(dst, weights, rows []float32) {
	d := len(dst)
	for i, w := range weights {
		Axpy(dst, w, rows[i*d:(i+1)*d])
	}
}

// WeightedSumOf adds Σ weights[i]·row index[i] to dst.
func WeightedSumOf(dst, weights, rows []float32, index []int32) {
	d := len(dst)
	for i, at := range index {
		Axpy(dst, weights[i], rows[int(at)*d:(int(at)+1)*d])
	}
}
