package quant

import (
	"slices"

	"spatten/attention/kernel"
)

// Grow makes room for n more rows, so that appending them moves nothing and leaves no garbage behind.
func (r *Rows) Grow(n int) {
	f, coded := r.format, 0
	switch {
	case f.MSB == 32:
		r.exact = slices.Grow(r.exact, n*r.dim)
	case f.MSB == 16:
		r.half = slices.Grow(r.half, n*r.dim)
	case f.PerChannel:
		blocks := (n + len(r.half)/r.dim) / BlockRows
		coded = blocks * BlockRows
		r.half = slices.Grow(r.half, min(n, BlockRows)*r.dim)
		r.scales, r.blocks = slices.Grow(r.scales, blocks*r.dim), slices.Grow(r.blocks, blocks)
	default:
		coded = n
		r.scales = slices.Grow(r.scales, n)
	}
	r.low.data = slices.Grow(r.low.data, coded*r.low.rowBytes)
	if f.InPanels {
		r.panels.data = slices.Grow(r.panels.data, (coded+kernel.Lanes-1)/kernel.Lanes*kernel.PanelBytes(r.dim, f.MSB))
		return
	}
	r.high.data = slices.Grow(r.high.data, coded*r.high.rowBytes)
}

// Reset removes all rows that are not codes and keeps their memory.
func (r *Rows) Reset() {
	if !r.format.Coded() {
		r.n, r.exact, r.half = 0, r.exact[:0], r.half[:0]
	}
}
