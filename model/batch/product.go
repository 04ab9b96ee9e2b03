package batch

import (
	"slices"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/tensor"
)

// ProjectHeads computes the slices of dst = x·wᵀ + bias that belong to live heads; what live returns are heads of
// HeadDim outputs each. The other slices are left as they are.
func (b *Batch) ProjectHeads(cpu *tensor.CPU, kind record.FCKind, dst, x []float32, w *tensor.Weights, bias []float32, live func(*attention.Pass) []int32) {
	d := b.info.HeadDim
	b.runs(live, func(lo, hi int, heads []int32) {
		cpu.MatMulHeads(dst[lo*w.Out():hi*w.Out()], x[lo*w.In():hi*w.In()], hi-lo, w, bias, heads, d)
	})
	for c, p := range b.passes {
		b.report(c, kind, w.In(), len(live(p))*d, w)
	}
}

// Output computes Y = O·wᵀ + bias, the output projection of attention, over the live heads' slices of O.
func (b *Batch) Output(cpu *tensor.CPU, w *tensor.Weights, bias []float32) {
	d := b.info.HeadDim
	b.runs((*attention.Pass).Heads, func(lo, hi int, heads []int32) {
		cpu.MatMulLiveIn(b.Y[lo*w.Out():hi*w.Out()], b.O[lo*w.In():hi*w.In()], hi-lo, w, bias, heads, d)
	})
	for c, p := range b.passes {
		b.report(c, record.FCOutput, len(p.Heads())*d, w.Out(), w)
	}
}

// runs calls f with the rows of neighbouring sequences that have the same live heads.
func (b *Batch) runs(live func(*attention.Pass) []int32, f func(lo, hi int, heads []int32)) {
	for c := 0; c < len(b.passes); {
		heads, end := live(b.passes[c]), c+1
		for end < len(b.passes) && slices.Equal(heads, live(b.passes[end])) {
			end++
		}
		if lo, hi := b.starts[c], b.starts[end]; lo < hi {
			f(lo, hi, heads)
		}
		c = end
	}
}

// Report writes a product of all rows with w down for the cost and the trace of every sequence.
func (b *Batch) Report(kind record.FCKind, w *tensor.Weights) {
	for c := range b.passes {
		b.report(c, kind, w.In(), w.Out(), w)
	}
}

// report writes a product down for the cost and the trace of one sequence.
func (b *Batch) report(c int, kind record.FCKind, in, out int, w *tensor.Weights) {
	if rows := b.starts[c+1] - b.starts[c]; rows > 0 {
		b.passes[c].FC(kind, rows, in, out, w.Bits())
	}
}
