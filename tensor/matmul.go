package tensor

// MatMul computes dst[r][o] = Σ_k x[r][k]·w[o][k] + bias[o] for rows rows; bias may be nil. Shapes: dst rows×Out, x rows×In.
func (c *CPU) MatMul(dst, x []float32, rows int, w *Weights, bias []float32) {
	c.MatMuls(x, rows, nil, Output{Dst: dst, W: w, Bias: bias})
}

// MatMulHeads is MatMul for the output slices [h·headDim, (h+1)·headDim) of the given heads only; the rest of dst is
// left as it is.
func (c *CPU) MatMulHeads(dst, x []float32, rows int, w *Weights, bias []float32, outHeads []int32, headDim int) {
	c.MatMuls(x, rows, nil, Output{Dst: dst, W: w, Bias: bias, HeadDim: headDim, Heads: outHeads})
}

// MatMulLiveIn is MatMul over the input slices of the given heads only, as if the rest of x were zero.
func (c *CPU) MatMulLiveIn(dst, x []float32, rows int, w *Weights, bias []float32, inHeads []int32, headDim int) {
	if inHeads == nil {
		inHeads = []int32{}
	}
	c.outputs = append(c.outputs[:0], output{Output: Output{Dst: dst, W: w, Bias: bias}})
	c.multiply(product{x: x, rows: rows, inHeads: inHeads, headDim: headDim})
}

// Output is one of the matrices that rows of activations are multiplied with, and where the products go.
type Output struct {
	Dst     []float32 // rows × Out
	W       *Weights
	Bias    []float32 // nil: none
	Heads   []int32   // where HeadDim is not 0: only the slices of these heads
	HeadDim int
}

// Rows makes rows of activations just before they are read, each once.
type Rows interface {
	Row(r int)
}

// MatMuls multiplies the same rows with several matrices: they are brought into the kernels' form once, after ready, if it
// is not nil, has made them. Each output is what MatMul or MatMulHeads gives.
func (c *CPU) MatMuls(x []float32, rows int, ready Rows, to ...Output) {
	for len(to) > 0 {
		c.outputs = c.outputs[:0]
		for len(to) > 0 && c.together(to[0].W) {
			c.outputs, to = append(c.outputs, output{Output: to[0]}), to[1:]
		}
		c.multiply(product{x: x, rows: rows, ready: ready})
		ready = nil
	}
}

// together reports whether the activations that are made for the outputs so far serve w too.
func (c *CPU) together(w *Weights) bool {
	return len(c.outputs) == 0 || c.precision == F32 || c.formOf(w) == c.formOf(c.outputs[0].W)
}

// formOf returns how the integer kernels see a matrix.
func (c *CPU) formOf(w *Weights) form { return forms[c.eightBits(w).format] }

// product is a running product of rows with one or several matrices. It has two phases, each a task: rows of activations are
// brought into the kernel's form, then panels of weight rows are, and multiplied with all rows.
type product struct {
	c       *CPU
	kernels *kernels
	x       []float32
	rows    int
	ready   Rows
	in      int     // elements from one row of x to the next
	inHeads []int32 // only these slices of the inputs, nil for all
	headDim int
	outputs []output

	form      form
	blocks    int  // live blocks of 32 inputs
	omits     bool // inHeads are left out of the sum, not only zeroed
	preparing bool
	step      int // panels an item
	panels    int // of all outputs
}

// output is an Output under way.
type output struct {
	Output
	inPanels bool // the matrix is packed
	perHead  int  // panels a head
	panels   int
}

// prepareRows is the number of rows of activations that one item brings into form.
const prepareRows = 4

func (c *CPU) multiply(p product) {
	if p.rows == 0 {
		return
	}
	p.c, p.in, p.outputs = c, c.outputs[0].W.in, c.outputs
	p.layOut()
	c.product = p
	run := &c.product
	if n := run.prepares(); n > 0 {
		run.preparing = true
		c.Do(n, run)
		run.preparing = false
	}
	c.Do((run.panels+run.step-1)/run.step, run)
	c.product = product{}
	clear(c.outputs)
}

// layOut decides which blocks and panels there are and makes room.
func (p *product) layOut() {
	c, k := p.c, (p.in+blockSize-1)/blockSize
	if all(p.inHeads, p.headDim, p.in) {
		p.inHeads = nil
	}
	p.blocks = k
	if p.inHeads != nil && p.headDim%blockSize == 0 {
		p.omits, p.blocks = true, len(p.inHeads)*p.headDim/blockSize
	}
	if p.kernels = c.kernels; p.blocks == 0 {
		p.kernels = &portable // assembly has no loops of no rounds
	}
	for i := range p.outputs {
		p.outputs[i].layOut(p)
		p.panels += p.outputs[i].panels
	}
	p.step = max(1, min(8, p.panels/(8*c.Threads())))
	if p.rows <= directRows { // long runs, since each panel asks for the bytes of the next
		p.step = max(1, min(64, p.panels/(2*c.Threads())))
	}
	for i := range c.scratch {
		c.scratch[i].grow(k*blockSize, c.precision)
	}
	if c.precision == Int8 {
		c.integers = aligned(c.integers, p.rows*p.blocks*activationBytes)
	}
	if p.gathers() && !(p.omits && c.precision == Int8) {
		c.floats = aligned(c.floats, p.rows*p.width())
	}
}

// layOut finds the panels of an output, and turns to the form of its matrix that the kernels read.
func (o *output) layOut(p *product) {
	out := o.W.out
	if o.W.in != p.in {
		panic("tensor: matrices of different widths cannot share their inputs")
	}
	_, _ = o.Dst[:p.rows*out], p.x[:p.rows*p.in] // assembly does not check
	if o.HeadDim > 0 && all(o.Heads, o.HeadDim, out) {
		o.HeadDim = 0
	}
	o.panels = (out + panel - 1) / panel
	if o.HeadDim > 0 {
		o.perHead = (o.HeadDim + panel - 1) / panel
		o.panels = len(o.Heads) * o.perHead
	}
	if p.c.precision == F32 {
		return
	}
	o.W = p.c.eightBits(o.W)
	p.form = forms[o.W.format]
	if p.kernels.packed[o.W.format] != nil {
		if o.W.wantsPacking(p.rows) {
			o.W.pack(p.c)
		}
		o.inPanels = o.W.isPacked.Load()
	}
}

// all reports whether heads are those of size elements, every one and in order.
func all(heads []int32, headDim, size int) bool {
	for i, h := range heads {
		if h != int32(i) {
			return false
		}
	}
	return len(heads)*headDim == size && size > 0
}

// width is the number of inputs that are summed, padded to whole blocks.
func (p *product) width() int { return p.blocks * blockSize }

// gathers reports whether the rows of x must be copied before they are multiplied or quantized.
func (p *product) gathers() bool { return p.inHeads != nil || p.in != p.width() }

// prepares returns the number of items of the first phase.
func (p *product) prepares() int {
	if p.c.precision == Int8 || p.gathers() || p.ready != nil {
		return (p.rows + prepareRows - 1) / prepareRows
	}
	return 0
}

// Run implements Task.
func (p *product) Run(worker, i int) {
	if p.preparing {
		for r := i * prepareRows; r < min((i+1)*prepareRows, p.rows); r++ {
			p.prepare(r)
		}
		return
	}
	at := 0 // the first panel of an output
	for n := range p.outputs {
		o := &p.outputs[n]
		for j := max(i*p.step, at); j < min((i+1)*p.step, at+o.panels); j++ {
			p.multiplyPanel(&p.c.scratch[worker], o, j-at)
		}
		at += o.panels
	}
}
