package tensor

import (
	"encoding/binary"

	"spatten/checkpoint/dtype"
)

// copying is the task that quantizes a plain matrix to Q8_0, one item a panel of rows.
type copying struct {
	c        *CPU
	from, to *Weights
}

// eightBits returns weights that the integer kernels can read: w itself in a block format, else a copy quantized to
// Q8_0, made at the first call and kept; rows are padded to whole blocks with zeros.
func (c *CPU) eightBits(w *Weights) *Weights {
	if w.format.BlockElements() > 1 {
		return w
	}
	w.once.Do(func() {
		n := (w.in + blockSize - 1) / blockSize
		q := &Weights{out: w.out, in: n * blockSize, format: dtype.Q8_0, rowBytes: n * dtype.Q8_0.BlockBytes()}
		q.data = make([]byte, q.out*q.rowBytes)
		for i := range c.scratch {
			c.scratch[i].grow(q.in, Int8)
		}
		c.Do((w.out+panel-1)/panel, &copying{c: c, from: w, to: q})
		w.copy8 = q
	})
	return w.copy8
}

// Run implements Task. Scales are rounded to 16 bits after the quantization, as ggml does.
func (t *copying) Run(worker, i int) {
	s, k, n := &t.c.scratch[worker], t.c.kernels, t.to.in/blockSize
	for o := i * panel; o < min((i+1)*panel, t.to.out); o++ {
		k.dequantize(s.weights, t.from.format, t.from.row(o), 0, n, s)
		k.quantize(s.bytes, s.weights[:t.to.in], form{})
		for b := range n {
			q, y := s.bytes[b*activationBytes:][:activationBytes], t.to.row(o)[b*t.to.format.BlockBytes():]
			binary.LittleEndian.PutUint16(y, ToF16(float(q[blockSize:])))
			copy(y[2:], q[:blockSize])
		}
	}
}
