package tensor

// floatTilePortable multiplies rows of x, of n elements each, with groups of four rows of w, which start stride bytes
// apart, adds the bias and writes rows × 4·groups outputs to dst, whose rows start ldd elements apart.
func floatTilePortable(dst []float32, ldd int, x []float32, rows, n int, w []float32, outs int, bias []float32) {
	for r := range rows {
		x, y := x[r*n:(r+1)*n], dst[r*ldd:]
		for o := range outs {
			y[o] = dotPortable(x, w[o*n:(o+1)*n]) + bias[o]
		}
	}
}
