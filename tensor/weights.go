package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"spatten/checkpoint/dtype"
)

// Weights is a matrix of out rows and in columns in its stored format. The bytes are the checkpoint's own.
type Weights struct {
	out, in  int
	format   dtype.Type
	data     []byte
	rowBytes int

	once  sync.Once
	copy8 *Weights // a plain matrix quantized to 8 bits, see CPU.eightBits

	packing  sync.Once
	packed   []byte // whole panels as packed kernels read them, see pack
	isPacked atomic.Bool
	met      atomic.Bool // by many rows before
	release  func([]byte)
}

// NewWeights wraps the bytes of a matrix of out rows of in elements.
func NewWeights(t dtype.Type, out, in int, data []byte) (*Weights, error) {
	switch t {
	case dtype.F32, dtype.F16, dtype.BF16, dtype.Q4_0, dtype.Q4_1, dtype.Q5_0, dtype.Q5_1, dtype.Q8_0, dtype.Q4_K, dtype.Q5_K, dtype.Q6_K:
	default:
		return nil, fmt.Errorf("tensor: weights of type %v cannot be multiplied", t)
	}
	row, ok := t.RowBytes(in)
	if !ok || out <= 0 || in <= 0 {
		return nil, fmt.Errorf("tensor: no %v matrix of %d rows of %d elements: a block holds %d", t, out, in, t.BlockElements())
	}
	if len(data)/row < out || len(data) != out*row {
		return nil, fmt.Errorf("tensor: a %v matrix of %d rows of %d elements takes %d bytes each, not %d in all", t, out, in, row, len(data))
	}
	return &Weights{out: out, in: in, format: t, data: data, rowBytes: row}, nil
}

// NewWeightsTransposed takes a matrix that is stored with in rows of out elements, as GPT-2's are, and keeps a
// transposed copy. Only plain formats can be transposed.
func NewWeightsTransposed(t dtype.Type, in, out int, data []byte) (*Weights, error) {
	if t.Valid() && t.BlockElements() != 1 {
		return nil, fmt.Errorf("tensor: %v weights cannot be transposed: a block spans columns", t)
	}
	stored, err := NewWeights(t, in, out, data)
	if err != nil {
		return nil, err
	}
	size := t.BlockBytes()
	turned := make([]byte, len(data))
	for i := range in {
		for o := range out {
			copy(turned[(o*in+i)*size:][:size], stored.data[(i*out+o)*size:][:size])
		}
	}
	return NewWeights(t, out, in, turned)
}

// NewF32Weights wraps fp32 numbers.
func NewF32Weights(out, in int, values []float32) (*Weights, error) {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return NewWeights(dtype.F32, out, in, data)
}

// Out returns the number of rows: the outputs of a product.
func (w *Weights) Out() int { return w.out }

// In returns the number of columns: the inputs of a product.
func (w *Weights) In() int { return w.in }

// Type returns the stored format.
func (w *Weights) Type() dtype.Type { return w.format }

// Bits returns the stored bits a weight, scales included.
func (w *Weights) Bits() float64 { return w.format.Bits() }

// rowScratch lends the memory in which rows become fp32. It is no sync.Pool, which a collection empties: a generated token
// allocates nothing.
var rowScratch = make(chan *scratch, 16)

// Row writes row i as fp32 into dst, which holds In elements.
func (w *Weights) Row(dst []float32, i int) {
	dst = dst[:w.in]
	if w.format.BlockElements() == 1 {
		active.widen(dst, w.format, w.row(i))
		return
	}
	var s *scratch
	select {
	case s = <-rowScratch:
	default:
		s = new(scratch)
	}
	s.growRow(w.in)
	active.dequantize(dst, w.format, w.row(i), 0, w.in/blockSize, s)
	select {
	case rowScratch <- s:
	default:
	}
}

// row returns the bytes of row i.
func (w *Weights) row(i int) []byte { return w.data[i*w.rowBytes : (i+1)*w.rowBytes] }
