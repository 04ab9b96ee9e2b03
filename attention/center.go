package attention

import "spatten/attention/quant"

// Keys are quantized less their mean over the prompt where the schedule says so. It changes every score of a query by the
// same q·mean, which softmax does not see, and what is left is spread around zero, as symmetric codes want it (Zhang et
// al., "SageAttention", arXiv 2410.02367, section 4.2, smooth their keys so). The mean is one row a head and is kept on chip.

// center returns the mean of rows.
func center(r *quant.Rows) []float32 {
	sums := make([]float64, r.Dim())
	each(r, func(row []float32) {
		for c, v := range row {
			sums[c] += float64(v)
		}
	})
	mean := make([]float32, r.Dim())
	for c, v := range sums {
		mean[c] = float32(v / float64(max(1, r.Len())))
	}
	return mean
}

// center returns what is subtracted from the keys of a group; nil for nothing.
func (l *layer) center(g int) []float32 {
	if len(l.centers) == 0 {
		return nil
	}
	return l.centers[g]
}

// subtract takes a center from a row; nil is none.
func subtract(row, center []float32) {
	for c, v := range center {
		row[c] -= v
	}
}
