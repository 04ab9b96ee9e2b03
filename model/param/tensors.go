package param

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"spatten/checkpoint"
	"spatten/checkpoint/dtype"
	"spatten/tensor"
)

// Tensors reads named tensors of a checkpoint in the shapes that a configuration asks for. The first that is missing
// or has another shape is kept as the error; nil follows.
type Tensors struct {
	c          *checkpoint.Checkpoint
	err        error
	Parameters int64 // elements read so far
	Bytes      int64 // stored bytes read so far
}

// From reads the tensors of c.
func From(c *checkpoint.Checkpoint) *Tensors { return &Tensors{c: c} }

// Err returns the first error of the tensors read so far.
func (t *Tensors) Err() error { return t.err }

// Has reports whether the checkpoint holds a tensor.
func (t *Tensors) Has(name string) bool {
	_, ok := t.c.Tensor(name)
	return ok
}

func (t *Tensors) fail(name, format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf("model: tensor %s %s", name, fmt.Sprintf(format, args...))
	}
}

// find returns a tensor of exactly the given shape.
func (t *Tensors) find(name string, shape ...int) (checkpoint.Tensor, bool) {
	x, ok := t.c.Tensor(name)
	if !ok {
		t.fail(name, "is missing")
		return x, false
	}
	if !slices.Equal(x.Shape, shape) {
		t.fail(name, "has shape %v, the configuration asks for %v", x.Shape, shape)
		return x, false
	}
	n := int64(1)
	for _, d := range shape {
		n *= int64(d)
	}
	t.Parameters += n
	t.Bytes += int64(len(x.Data))
	return x, true
}

// Matrix reads the weights of a product, stored with one row for each output.
func (t *Tensors) Matrix(name string, out, in int) *tensor.Weights {
	x, ok := t.find(name, out, in)
	if !ok {
		return nil
	}
	w, err := tensor.NewWeights(x.Type, out, in, x.Data)
	if err != nil {
		t.fail(name, "cannot be used: %v", err)
		return nil
	}
	w.OnPack(t.c.Forget)
	return w
}

// MatrixParts reads the weights of several products of the same shape that are stored one below the other.
func (t *Tensors) MatrixParts(name string, out, in, parts int) []*tensor.Weights {
	x, ok := t.find(name, out*parts, in)
	if !ok {
		return nil
	}
	size := len(x.Data) / parts // rows are whole blocks
	return t.parts(name, parts, func(i int) (*tensor.Weights, error) {
		return tensor.NewWeights(x.Type, out, in, x.Data[i*size:(i+1)*size])
	})
}

// TurnedParts reads the weights of several products of the same shape that are stored side by side with one row for
// each input, as GPT-2's are.
func (t *Tensors) TurnedParts(name string, in, out, parts int) []*tensor.Weights {
	x, ok := t.find(name, in, out*parts)
	if !ok {
		return nil
	}
	width, ok := x.Type.RowBytes(out)
	if !ok || x.Type.BlockElements() != 1 || len(x.Data) != in*parts*width {
		t.fail(name, "cannot be used: %v cannot be turned", x.Type)
		return nil
	}
	return t.parts(name, parts, func(i int) (*tensor.Weights, error) {
		part := make([]byte, 0, in*width)
		for r := range in {
			part = append(part, x.Data[(r*parts+i)*width:][:width]...)
		}
		return tensor.NewWeightsTransposed(x.Type, in, out, part)
	})
}

func (t *Tensors) parts(name string, n int, part func(int) (*tensor.Weights, error)) []*tensor.Weights {
	out := make([]*tensor.Weights, n)
	for i := range out {
		var err error
		if out[i], err = part(i); err != nil {
			t.fail(name, "cannot be used: %v", err)
			return nil
		}
	}
	return out
}

// Vector reads n numbers as fp32.
func (t *Tensors) Vector(name string, n int) []float32 {
	x, ok := t.find(name, n)
	if !ok {
		return nil
	}
	v, err := Floats(x.Type, n, x.Data)
	if err != nil {
		t.fail(name, "cannot be used: %v", err)
	}
	return v
}

// VectorIf reads n numbers where the tensor is there, else nil.
func (t *Tensors) VectorIf(name string, n int) []float32 {
	if !t.Has(name) {
		return nil
	}
	return t.Vector(name, n)
}

// Floats converts n stored numbers of a plain format to fp32.
func Floats(format dtype.Type, n int, data []byte) ([]float32, error) {
	if format == dtype.F64 && len(data) == 8*n {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:])))
		}
		return v, nil
	}
	w, err := tensor.NewWeights(format, 1, n, data)
	if err != nil {
		return nil, err
	}
	v := make([]float32, n)
	w.Row(v, 0)
	return v, nil
}
