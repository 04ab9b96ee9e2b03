package batch

import (
	"slices"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/tensor"
)

// Linear is the weights of a fully connected layer; Bias may be nil.
type Linear struct {
	W    *tensor.Weights
	Bias []float32
}

// Project computes Q, K and V = x·wᵀ + bias, of the live heads only; the slices of the others are left as they are.
func (b *Batch) Project(cpu *tensor.CPU, x []float32, q, k, v Linear) {
	d := b.info.HeadDim
	b.runs(func(lo, hi int, p *attention.Pass) {
		part := func(dst []float32, l Linear, heads []int32) tensor.Output {
			return tensor.Output{Dst: dst[lo*l.W.Out() : hi*l.W.Out()], W: l.W, Bias: l.Bias, Heads: heads, HeadDim: d}
		}
		cpu.MatMuls(x[lo*q.W.In():hi*q.W.In()], hi-lo, nil,
			part(b.Q, q, p.Heads()), part(b.K, k, p.Groups()), part(b.V, v, p.Groups()))
	})
	for c, p := range b.passes {
		b.report(c, record.FCQuery, q.W.In(), len(p.Heads())*d, q.W)
		b.report(c, record.FCKey, k.W.In(), len(p.Groups())*d, k.W)
		b.report(c, record.FCValue, v.W.In(), len(p.Groups())*d, v.W)
	}
}

// Output computes Y = O·wᵀ + bias, the output projection of attention, over the live heads' slices of O.
func (b *Batch) Output(cpu *tensor.CPU, w *tensor.Weights, bias []float32) {
	d := b.info.HeadDim
	b.runs(func(lo, hi int, p *attention.Pass) {
		cpu.MatMulLiveIn(b.Y[lo*w.Out():hi*w.Out()], b.O[lo*w.In():hi*w.In()], hi-lo, w, bias, p.Heads(), d)
	})
	for c, p := range b.passes {
		b.report(c, record.FCOutput, len(p.Heads())*d, w.Out(), w)
	}
}

// runs calls f with the rows of neighbouring sequences that have the same live heads, and the pass of one of them.
func (b *Batch) runs(f func(lo, hi int, p *attention.Pass)) {
	for c := 0; c < len(b.passes); {
		p, end := b.passes[c], c+1
		for end < len(b.passes) && slices.Equal(p.Heads(), b.passes[end].Heads()) {
			end++
		}
		if lo, hi := b.starts[c], b.starts[end]; lo < hi {
			f(lo, hi, p)
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
