package batch

import (
	"math"
	"slices"

	"spatten/attention/kernel"
	"spatten/attention/record"
	"spatten/tensor"
)

// headRows bounds the rows that go through the language model's head at once, and with them the memory of logits.
const headRows = 32

// LMHead answers the chunks of a language model from x, the normalized last states of the wanted tokens, which are
// all the rows that are left: with their products with the head's weights, or with the state itself.
func (b *Batch) LMHead(cpu *tensor.CPU, x []float32, w *tensor.Weights) {
	vocab, dim, rows := b.info.Vocab, b.info.Dim, b.Rows()
	for c := range b.chunks {
		switch b.chunks[c].Want {
		case Embedding:
			copy(b.chunks[c].Out, b.row(x, b.starts[c]))
		case Logits, AllLogits:
			b.report(c, record.FCLMHead, dim, vocab, w)
		}
	}
	if rows == 1 && len(b.chunks) == 1 && len(b.chunks[0].Out) == vocab && b.chunks[0].Want != Embedding {
		cpu.MatMul(b.chunks[0].Out, x[:dim], 1, w, nil)
		b.sharpen(cpu, b.chunks[0].Out, x[:dim], w)
		return
	}
	for row := 0; row < rows; row += headRows {
		n := min(rows-row, headRows)
		if !b.wantsLogits(row, row+n) {
			continue
		}
		room(&b.logits, n*vocab)
		cpu.MatMul(b.logits, x[row*dim:(row+n)*dim], n, w, nil)
		for i := range n {
			c, token := b.locate(row + i)
			logits := b.logits[i*vocab : (i+1)*vocab]
			b.sharpen(cpu, logits, b.row(x, row+i), w)
			switch b.chunks[c].Want {
			case Logits:
				copy(b.chunks[c].Out, logits)
			case AllLogits:
				copy(b.chunks[c].Out[token*vocab:], logits)
			}
		}
	}
}

// contenders is how far under the best logit a token may lie to be looked at once more: well above what 8-bit activations
// err in the head's product.
const contenders = 1

// sharpen computes the best logits of one row once more in fp32 where activations have 8 bits. The error of the head's
// product goes straight into the choice of the token; that of earlier layers is smaller by what follows them.
func (b *Batch) sharpen(cpu *tensor.CPU, logits, x []float32, w *tensor.Weights) {
	if cpu.Precision() == tensor.F32 {
		return
	}
	room(&b.weights, len(x))
	whole := len(logits) &^ (kernel.Lanes - 1)
	best := logits[0]
	if whole > 0 {
		best = kernel.Max(logits[:whole])
	}
	for _, v := range logits[whole:] {
		best = max(best, v)
	}
	b.best = slices.Grow(b.best[:0], len(logits)+kernel.Lanes)[:len(logits)+kernel.Lanes]
	for _, id := range b.best[:kernel.Above(b.best, logits, best-contenders, nil)] {
		w.Row(b.weights, int(id))
		logits[id] = tensor.Dot(x, b.weights)
	}
}

// wantsLogits reports whether any of the rows [lo, hi) does.
func (b *Batch) wantsLogits(lo, hi int) bool {
	for r := lo; r < hi; r++ {
		if c, _ := b.locate(r); b.chunks[c].Want != Embedding {
			return true
		}
	}
	return false
}

// Classify answers the chunks of an encoder that want Logits: the pooler on the first token's last state, tanh, and
// the classifier. Embeddings are pooled from the states that are left and those that fell before.
func (b *Batch) Classify(cpu *tensor.CPU, pooler, classifier *tensor.Weights, poolerBias, classifierBias []float32) {
	dim := b.info.Dim
	for c := range b.chunks {
		x := b.X[b.starts[c]*dim : b.starts[c+1]*dim]
		switch b.chunks[c].Want {
		case Embedding:
			b.pool(c, x)
		case Logits:
			first := x[:dim]
			if pooler != nil {
				cpu.MatMul(b.Y[:dim], first, 1, pooler, poolerBias)
				b.passes[c].FC(record.FCPooler, 1, dim, dim, pooler.Bits())
				first = b.Y[:dim]
				tensor.Tanh(first)
			}
			cpu.MatMul(b.chunks[c].Out, first, 1, classifier, classifierBias)
			b.passes[c].FC(record.FCClassifier, 1, dim, classifier.Out(), classifier.Bits())
		}
	}
}

// pool writes the embedding of a chunk from its states that are left.
func (b *Batch) pool(c int, x []float32) {
	chunk, dim := &b.chunks[c], b.info.Dim
	out := chunk.Out
	copy(out, b.pooled[c*dim:(c+1)*dim])
	for r := 0; r < len(x); r += dim {
		accumulate(out, x[r:r+dim])
	}
	tokens := len(x) / dim
	if b.averages(c) {
		tokens = len(chunk.Tokens)
	}
	scale := 1 / float32(tokens)
	for i := range out {
		out[i] *= scale
	}
	if b.info.Normalize {
		normalize(out)
	}
}

// normalize scales a vector to length 1; the zero vector stays.
func normalize(x []float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	if sum == 0 {
		return
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range x {
		x[i] *= scale
	}
}
