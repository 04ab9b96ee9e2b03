package batch

import "spatten/tensor"

// operation is something that happens to each row by itself.
type operation uint8

const (
	nothing operation = iota
	rmsNorm
	layerNorm
	swiGLU
	gelu
	geluTanh
)

// rowTask does one operation to all rows, a block of rows an item. It lives in the Batch, so that no pass allocates.
type rowTask struct {
	op         operation
	dst, x     []float32 // rows × width
	residual   []float32 // rows × width that are added to x first, or nil
	gain, bias []float32
	eps        float32
	rows       int
	width      int
}

// rowBlock is the number of rows of one item: enough to outweigh handing it to a thread.
const rowBlock = 4

// Run implements tensor.Task.
func (t *rowTask) Run(_, i int) {
	for r := i * rowBlock; r < min((i+1)*rowBlock, t.rows); r++ {
		t.Row(r)
	}
}

// Row implements tensor.Rows.
func (t *rowTask) Row(r int) {
	dst, x := t.dst[r*t.width:(r+1)*t.width], t.x[r*t.width:(r+1)*t.width]
	if t.residual != nil {
		tensor.Add(x, t.residual[r*t.width:(r+1)*t.width])
	}
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

// AddLayerNorm adds the rows of Y to X and normalizes them.
func (b *Batch) AddLayerNorm(cpu *tensor.CPU, gain, bias []float32, eps float32) {
	b.each(cpu, rowTask{op: layerNorm, dst: b.X, x: b.X, residual: b.Y, gain: gain, bias: bias, eps: eps, rows: b.Rows(), width: b.info.Dim})
}

// AddResidual adds the rows of Y to X.
func (b *Batch) AddResidual(cpu *tensor.CPU) {
	b.each(cpu, rowTask{op: nothing, dst: b.X, x: b.X, residual: b.Y, rows: b.Rows(), width: b.info.Dim})
}

// DownSwiGLU writes the product of silu(Gate)·Up, of the first rows of both, with l to y. It leaves Gate and Up spent.
func (b *Batch) DownSwiGLU(cpu *tensor.CPU, y []float32, rows int, l Linear) {
	b.down(cpu, y, l, rowTask{op: swiGLU, dst: b.Gate, x: b.Up, rows: rows, width: b.info.Hidden})
}

// DownGELU writes the product of GELU(Up), of its first rows, with l to y: of the form with the error function, or by tanh. It
// leaves Up spent.
func (b *Batch) DownGELU(cpu *tensor.CPU, y []float32, rows int, l Linear, tanh bool) {
	op := gelu
	if tanh {
		op = geluTanh
	}
	b.down(cpu, y, l, rowTask{op: op, dst: b.Up, x: b.Up, rows: rows, width: b.info.Hidden})
}

// down multiplies the rows that a task makes.
func (b *Batch) down(cpu *tensor.CPU, y []float32, l Linear, t rowTask) {
	b.task = t
	cpu.MatMuls(t.dst, t.rows, &b.task, tensor.Output{Dst: y, W: l.W, Bias: l.Bias})
	b.task = rowTask{}
}
