package batch

import "spatten/tensor"

// operation is something that happens to each row by itself.
type operation uint8

const (
	rmsNorm operation = iota
	layerNorm
	swiGLU
	gelu
	geluTanh
)

// rowTask does one operation to all rows, a block of rows an item. It lives in the Batch, so that no pass allocates.
type rowTask struct {
	op         operation
	dst, x     []float32 // rows × width
	gain, bias []float32
	eps        float32
	rows       int
	width      int
}

// rowBlock is the number of rows of one item: enough to outweigh handing it to a thread.
const rowBlock = 8

// Run implements tensor.Task.
func (t *rowTask) Run(_, i int) {
	for r := i * rowBlock; r < min((i+1)*rowBlock, t.rows); r++ {
		dst, x := t.dst[r*t.width:(r+1)*t.width], t.x[r*t.width:(r+1)*t.width]
		switch t.op {
		case rmsNorm:
			tensor.RMSNorm(dst, x, t.gain, t.eps)
		case layerNorm:
			tensor.LayerNorm(dst, x, t.gain, t.bias, t.eps)
		case swiGLU:
			tensor.SwiGLU(dst, dst, x)
		case gelu:
			tensor.GELU(dst)
		case geluTanh:
			tensor.GELUTanh(dst)
		}
	}
}

func (b *Batch) each(cpu *tensor.CPU, t rowTask) {
	b.task = t
	cpu.Do((t.rows+rowBlock-1)/rowBlock, &b.task)
	b.task = rowTask{}
}

// RMSNorm writes the normalized rows of X to Y.
func (b *Batch) RMSNorm(cpu *tensor.CPU, gain []float32, eps float32) {
	b.each(cpu, rowTask{op: rmsNorm, dst: b.Y, x: b.X, gain: gain, eps: eps, rows: b.Rows(), width: b.info.Dim})
}

// LayerNorm writes the normalized rows of X to dst, which is X itself or Y.
func (b *Batch) LayerNorm(cpu *tensor.CPU, dst, gain, bias []float32, eps float32) {
	b.each(cpu, rowTask{op: layerNorm, dst: dst, x: b.X, gain: gain, bias: bias, eps: eps, rows: b.Rows(), width: b.info.Dim})
}

// SwiGLU leaves silu(Gate)·Up in the first rows of Gate.
func (b *Batch) SwiGLU(cpu *tensor.CPU, rows int) {
	b.each(cpu, rowTask{op: swiGLU, dst: b.Gate, x: b.Up, rows: rows, width: b.info.Hidden})
}

// GELU applies the error-function form to the first rows of Up, or the form by tanh.
func (b *Batch) GELU(cpu *tensor.CPU, rows int, tanh bool) {
	op := gelu
	if tanh {
		op = geluTanh
	}
	b.each(cpu, rowTask{op: op, dst: b.Up, x: b.Up, rows: rows, width: b.info.Hidden})
}

// AddResidual adds the rows of Y to X.
func (b *Batch) AddResidual() {
	n := b.Rows() * b.info.Dim
	tensor.Add(b.X[:n], b.Y[:n])
}
