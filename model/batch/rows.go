package batch

import (
	"math"

	"spatten/attention"
	"spatten/tensor"
)

// Attend lets every sequence attend with its own rows of Q, K and V; O receives the heads' outputs.
func (b *Batch) Attend(cpu *tensor.CPU) {
	q, kv := b.info.Heads*b.info.HeadDim, b.info.KVHeads*b.info.HeadDim
	for c, p := range b.passes {
		lo, hi := b.starts[c], b.starts[c+1]
		clear(b.O[lo*q : hi*q]) // of a token that falls between two heads, the later heads' slices
		p.Attend(cpu, b.Q[lo*q:hi*q], b.K[lo*kv:hi*kv], b.V[lo*kv:hi*kv], b.O[lo*q:hi*q])
	}
}

// Late says when Next is called: false, before the feed-forward, which the rows that fall then skip; true, after it,
// because each token's last state counts in the mean of an encoder.
func (b *Batch) Late() bool { return b.info.Pooling == PoolMean && !b.info.Causal }

// Next ranks in every sequence, moves to the next layer, and takes the rows that fell out of X. With last set, in the
// last layer, the rows that no answer is made from go too.
func (b *Batch) Next(last bool) {
	dim, to := b.info.Dim, 0
	for c, p := range b.passes {
		lo, hi := b.starts[c], b.starts[c+1]
		b.starts[c] = to
		at := lo
		for _, k := range b.rank(c, p) {
			stays := lo + int(k)
			for ; at < stays; at++ {
				b.fall(c, at)
			}
			at++
			if last && !b.wanted(c, stays) {
				continue
			}
			if to != stays {
				copy(b.X[to*dim:(to+1)*dim], b.X[stays*dim:(stays+1)*dim])
				b.ids[to] = b.ids[stays]
			}
			to++
		}
		for ; at < hi; at++ {
			b.fall(c, at)
		}
	}
	b.starts[len(b.chunks)] = to
	b.ids = b.ids[:to]
}

// rank lets a sequence rank, or follow the leader that has.
func (b *Batch) rank(c int, p *attention.Pass) []int32 {
	if l := b.chunks[c].Leader; l != nil {
		for i := range c {
			if b.chunks[i].Seq == l {
				return p.Follow(b.passes[i])
			}
		}
	}
	return p.Next()
}

// wanted reports whether a chunk's answer is made from the last state of a row.
func (b *Batch) wanted(c, row int) bool {
	chunk, token := &b.chunks[c], int(b.ids[row]-b.bases[c])
	switch {
	case chunk.Want == Nothing:
		return false
	case chunk.Want == AllLogits:
		return true
	case b.info.Causal || b.info.Pooling == PoolLast:
		return token == len(chunk.Tokens)-1
	case chunk.Want == Embedding && b.info.Pooling == PoolMean:
		return true
	}
	return token == 0
}

// fall notes what is left of a row that is pruned: its part of the mean, or that it has no logits.
func (b *Batch) fall(c, row int) {
	chunk := &b.chunks[c]
	switch {
	case b.averages(c):
		accumulate(b.pooled[c*b.info.Dim:(c+1)*b.info.Dim], b.row(b.X, row))
	case chunk.Want == AllLogits:
		token := int(b.ids[row] - b.bases[c])
		out := chunk.Out[token*b.info.Vocab : (token+1)*b.info.Vocab]
		for i := range out {
			out[i] = float32(math.NaN())
		}
	}
}

// averages reports whether a chunk's answer is the mean over each token's last state before it was pruned.
func (b *Batch) averages(c int) bool {
	return b.chunks[c].Want == Embedding && b.Late() && b.chunks[c].Seq.Schedule().Pooling != attention.PoolSurvivors
}

// row returns one row of a buffer that is Dim wide.
func (b *Batch) row(x []float32, row int) []float32 {
	return x[row*b.info.Dim : (row+1)*b.info.Dim]
}

func accumulate(dst, x []float32) {
	for i, v := range x {
		dst[i] += v
	}
}
