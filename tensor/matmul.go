package tensor

// matmulTask multiplies rows of x with the rows of w, a panel of weight rows an item.
type matmulTask struct {
	c         *CPU
	dst, x    []float32
	rows      int
	w         *Weights
	bias      []float32
	outHeads  []int32 // only these slices of the outputs, nil for all
	inHeads   []int32 // only these slices of the inputs, nil for all
	headDim   int
	perWorker int
}

// panel is the number of weight rows that are dequantized together.
const panel = 16

// MatMul computes dst[r][o] = Σ_k x[r][k]·w[o][k] + bias[o] for rows rows; bias may be nil. Shapes: dst rows×Out, x rows×In.
func (c *CPU) MatMul(dst, x []float32, rows int, w *Weights, bias []float32) {
	c.multiply(matmulTask{dst: dst, x: x, rows: rows, w: w, bias: bias})
}

// MatMulHeads is MatMul for the output slices [h·headDim, (h+1)·headDim) of the given heads only; the rest of dst is
// left as it is.
func (c *CPU) MatMulHeads(dst, x []float32, rows int, w *Weights, bias []float32, outHeads []int32, headDim int) {
	c.multiply(matmulTask{dst: dst, x: x, rows: rows, w: w, bias: bias, outHeads: outHeads, headDim: headDim})
}

// MatMulLiveIn is MatMul over the input slices of the given heads only, as if the rest of x were zero.
func (c *CPU) MatMulLiveIn(dst, x []float32, rows int, w *Weights, bias []float32, inHeads []int32, headDim int) {
	c.multiply(matmulTask{dst: dst, x: x, rows: rows, w: w, bias: bias, inHeads: inHeads, headDim: headDim})
}

func (c *CPU) multiply(t matmulTask) {
	if t.rows == 0 {
		return
	}
	for i := range c.scratch {
		if len(c.scratch[i]) < panel*t.w.in {
			c.scratch[i] = make([]float32, panel*t.w.in)
		}
	}
	t.c = c
	c.matmul = t
	n := (t.w.out + panel - 1) / panel
	if t.outHeads != nil {
		n = len(t.outHeads) * ((t.headDim + panel - 1) / panel)
	}
	c.Do(n, &c.matmul)
	c.matmul = matmulTask{}
}

// Run implements Task: one panel.
func (t *matmulTask) Run(worker, i int) {
	first, last := i*panel, min((i+1)*panel, t.w.out)
	if t.outHeads != nil {
		per := (t.headDim + panel - 1) / panel
		head := int(t.outHeads[i/per]) * t.headDim
		first, last = head+i%per*panel, min(head+(i%per+1)*panel, head+t.headDim)
	}
	in, out := t.w.in, t.w.out
	weights := t.c.scratch[worker]
	dequantize(weights[:(last-first)*in], t.w.format, t.w.data[first*t.w.rowBytes:last*t.w.rowBytes])
	for r := range t.rows {
		x, y := t.x[r*in:(r+1)*in], t.dst[r*out:(r+1)*out]
		for o := first; o < last; o++ {
			row := weights[(o-first)*in : (o-first+1)*in]
			var sum float32
			if t.inHeads == nil {
				sum = Dot(x, row)
			} else {
				for _, h := range t.inHeads {
					lo, hi := int(h)*t.headDim, (int(h)+1)*t.headDim
					sum += Dot(x[lo:hi], row[lo:hi])
				}
			}
			if t.bias != nil {
				sum += t.bias[o]
			}
			y[o] = sum
		}
	}
}

// Dot returns Σ a[i]·b[i], summed in four interleaved partial sums.
func Dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 {
		s0 += float32(a[0] * b[0])
		s1 += float32(a[1] * b[1])
		s2 += float32(a[2] * b[2])
		s3 += float32(a[3] * b[3])
		a, b = a[4:], b[4:]
	}
	for i := range a {
		s0 += float32(a[i] * b[i])
	}
	return float32(s0+s1) + float32(s2+s3)
}

// Axpy adds a·x to y.
func Axpy(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += float32(a * x[i])
	}
}
