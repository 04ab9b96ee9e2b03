package tensor

// DotRows writes to dst[i] the dot product of q with row i of rows, contiguous rows of len(q) elements. Each is summed as
// Dot sums it.
func DotRows(dst, q, rows []float32) {
	if len(q) == 0 {
		clear(dst)
	} else if len(dst) > 0 {
		active.dotRows(dst, q, rows[:len(dst)*len(q)])
	}
}

// WeightedSum adds Σ weights[i]·row i to dst, for contiguous rows of len(dst) elements, in the order of rows.
func WeightedSum(dst, weights, rows []float32) {
	if len(dst) > 0 && len(weights) > 0 {
		active.weightedSum(dst, weights, rows[:len(dst)*len(weights)])
	}
}

// WeightedSumOf adds Σ weights[i]·row index[i] to dst, in the order of the index.
func WeightedSumOf(dst, weights, rows []float32, index []int32) {
	if len(dst) > 0 && len(index) > 0 {
		active.weightedRows(dst, weights[:len(index)], rows, index)
	}
}

func dotRowsPortable(dst, q, rows []float32) {
	d := len(q)
	for i := range dst {
		dst[i] = dotPortable(q, rows[i*d:(i+1)*d])
	}
}

func weightedSumPortable(dst, weights, rows []float32) {
	d := len(dst)
	for i, w := range weights {
		axpyPortable(dst, w, rows[i*d:(i+1)*d])
	}
}

func weightedRowsPortable(dst, weights, rows []float32, index []int32) {
	d := len(dst)
	for i, at := range index {
		axpyPortable(dst, weights[i], rows[int(at)*d:(int(at)+1)*d])
	}
}
