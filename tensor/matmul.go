package tensor

// MatMul computes dst[r][o] = Σ_k x[r][k]·w[o][k] + bias[o] for rows rows; bias may be nil. Shapes: dst rows×Out, x rows×In.
func (c *CPU) MatMul(dst, x []float32, rows int, w *Weights, bias []float32) {
	c.multiply(product{dst: dst, x: x, rows: rows, w: w, bias: bias})
}

// MatMulHeads is MatMul for the output slices [h·headDim, (h+1)·headDim) of the given heads only; the rest of dst is
// left as it is.
func (c *CPU) MatMulHeads(dst, x []float32, rows int, w *Weights, bias []float32, outHeads []int32, headDim int) {
	if outHeads == nil {
		outHeads = []int32{}
	}
	c.multiply(product{dst: dst, x: x, rows: rows, w: w, bias: bias, outHeads: outHeads, headDim: headDim})
}

// MatMulLiveIn is MatMul over the input slices of the given heads only, as if the rest of x were zero.
func (c *CPU) MatMulLiveIn(dst, x []float32, rows int, w *Weights, bias []float32, inHeads []int32, headDim int) {
	if inHeads == nil {
		inHeads = []int32{}
	}
	c.multiply(product{dst: dst, x: x, rows: rows, w: w, bias: bias, inHeads: inHeads, headDim: headDim})
}

// product is a running matrix product. It has two phases, each a task: rows of activations are brought into the
// kernel's form, then panels of weight rows are, and multiplied with all rows.
type product struct {
	c        *CPU
	kernels  *kernels
	dst, x   []float32
	rows     int
	in       int // elements from one row of x to the next
	w        *Weights
	bias     []float32
	outHeads []int32 // only these slices of the outputs, nil for all
	inHeads  []int32 // only these slices of the inputs, nil for all
	headDim  int

	form      form
	blocks    int  // live blocks of 32 inputs
	omits     bool // inHeads are left out of the sum, not only zeroed
	inPanels  bool // the matrix is packed
	preparing bool
	step      int // panels an item, or rows an item while preparing
	perHead   int // panels a head
	panels    int
}

// prepareRows is the number of rows of activations that one item brings into form.
const prepareRows = 16

func (c *CPU) multiply(p product) {
	if p.rows == 0 {
		return
	}
	p.c, p.in = c, p.w.in
	_, _ = p.dst[:p.rows*p.w.out], p.x[:p.rows*p.in] // assembly does not check
	if c.precision == Int8 {
		p.w = c.eightBits(p.w)
		p.form = forms[p.w.format]
	}
	p.layOut()
	if c.precision == Int8 && p.kernels.packed[p.w.format] != nil {
		if p.w.wantsPacking(p.rows) {
			p.w.pack(c)
		}
		p.inPanels = p.w.isPacked.Load()
	}
	c.product = p
	run := &c.product
	if n := run.prepares(); n > 0 {
		run.preparing = true
		c.Do(n, run)
		run.preparing = false
	}
	c.Do((run.panels+run.step-1)/run.step, run)
	c.product = product{}
}

// layOut decides which blocks and panels there are and makes room.
func (p *product) layOut() {
	c, k := p.c, (p.w.in+blockSize-1)/blockSize
	if all(p.inHeads, p.headDim, p.in) {
		p.inHeads = nil
	}
	if all(p.outHeads, p.headDim, p.w.out) {
		p.outHeads = nil
	}
	p.blocks = k
	if p.inHeads != nil && p.headDim%blockSize == 0 {
		p.omits, p.blocks = true, len(p.inHeads)*p.headDim/blockSize
	}
	p.panels = (p.w.out + panel - 1) / panel
	if p.outHeads != nil {
		p.perHead = (p.headDim + panel - 1) / panel
		p.panels = len(p.outHeads) * p.perHead
	}
	p.step = max(1, min(8, p.panels/(4*c.Threads())))
	if p.rows <= directRows { // long runs, since each panel asks for the bytes of the next
		p.step = max(1, min(64, p.panels/(2*c.Threads())))
	}
	if p.kernels = c.kernels; p.blocks == 0 {
		p.kernels = &portable // assembly has no loops of no rounds
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
	if p.c.precision == Int8 || p.gathers() {
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
	for j := i * p.step; j < min((i+1)*p.step, p.panels); j++ {
		p.multiplyPanel(&p.c.scratch[worker], j)
	}
}
