package tensor

import (
	"unsafe"

	"spatten/checkpoint/dtype"
)

// prepare brings row r of the activations into the kernel's form: gathered where inputs are left out or padded,
// quantized where the arithmetic is integer.
func (p *product) prepare(r int) {
	if p.ready != nil {
		p.ready.Row(r)
	}
	c, x, width := p.c, p.x[r*p.in:(r+1)*p.in], p.width()
	var q []byte
	if c.precision == Int8 {
		row := p.blocks * activationBytes
		q = c.integers[r*row : (r+1)*row]
		if p.omits {
			p.eachRun(func(at, block, blocks int) {
				p.kernels.quantize(q[at*activationBytes:(at+blocks)*activationBytes], x[block*blockSize:(block+blocks)*blockSize], p.form)
			})
			return
		}
	}
	if p.gathers() {
		y := c.floats[r*width : (r+1)*width]
		switch {
		case p.omits:
			for i, h := range p.inHeads {
				copy(y[i*p.headDim:], x[int(h)*p.headDim:][:p.headDim])
			}
		case p.inHeads != nil:
			clear(y)
			for _, h := range p.inHeads {
				at := int(h) * p.headDim
				copy(y[at:], x[at:min(at+p.headDim, len(x))])
			}
		default:
			clear(y[copy(y, x):])
		}
		x = y
	}
	if c.precision == Int8 {
		p.kernels.quantize(q, x, p.form)
	}
}

// multiplyPanel computes the outputs of an output's panel j for all rows.
func (p *product) multiplyPanel(s *scratch, o *output, j int) {
	first := j * panel
	last := min(first+panel, o.W.out)
	if o.HeadDim > 0 {
		head := int(o.Heads[j/o.perHead]) * o.HeadDim
		first = head + j%o.perHead*panel
		last = min(first+panel, head+o.HeadDim, o.W.out)
	}
	n := last - first
	clear(s.bias[:])
	if o.Bias != nil {
		copy(s.bias[:], o.Bias[first:last])
	}
	if p.c.precision == Int8 {
		p.integerPanel(s, o, first, n)
	} else {
		p.floatPanel(s, o, first, n)
	}
}

// floatPanel computes n outputs from the first on, in fp32.
func (p *product) floatPanel(s *scratch, o *output, first, n int) {
	k, out, width := p.kernels, o.W.out, p.width()
	w := p.mapped(o.W, first, n)
	if w == nil {
		w = s.weights
		for i := range n {
			p.eachRun(func(at, block, blocks int) {
				k.dequantize(w[i*width+at*blockSize:], o.W.format, o.W.row(first+i), block, blocks, s)
			})
		}
	}
	x := p.x
	if p.gathers() {
		x = p.c.floats
	}
	whole := (n + 3) &^ 3
	for r := 0; r < p.rows; r += k.floatRows {
		rows := min(k.floatRows, p.rows-r)
		if whole == n {
			k.floatTile(o.Dst[r*out+first:], out, x[r*width:], rows, width, w, n, s.bias[:])
			continue
		}
		k.floatTile(s.tile[:], panel, x[r*width:], rows, width, w, whole, s.bias[:])
		o.copyTile(s, r, rows, first, n)
	}
}

// integerPanel computes n outputs from the first on, with quantized activations.
func (p *product) integerPanel(s *scratch, o *output, first, n int) {
	k, out := p.kernels, o.W.out
	if o.inPanels && n == panel && first%panel == 0 {
		p.packedPanel(s, o, first)
		return
	}
	scales := p.form.scales() * panel
	for i := range n {
		p.eachRun(func(at, block, blocks int) {
			k.unpack(s.bytes[(i*p.blocks+at)*blockSize:], s.scale[at*scales+i:], s.minimum[at*panel+i:], panel,
				o.W.format, o.W.row(first+i), block, blocks)
		})
	}
	k.weave(s.woven, s.bytes, p.blocks)
	row := p.blocks * activationBytes
	for r, rows := 0, 0; r < p.rows; r += rows {
		rows, _ = share(p.rows-r, k.integerRows)
		x := p.c.integers[r*row:]
		if n == panel {
			k.integerTile(o.Dst[r*out+first:], out, x, rows, p.blocks, s, p.form)
			continue
		}
		k.integerTile(s.tile[:], panel, x, rows, p.blocks, s, p.form)
		o.copyTile(s, r, rows, first, n)
	}
}

// directRows is how many rows are multiplied one by one with packed weights: weaving costs as much as three rows do.
const directRows = 3

// copyTile copies the n outputs of a tile that was computed apart, since the kernel writes more.
func (o *output) copyTile(s *scratch, r, rows, first, n int) {
	for i := range rows {
		copy(o.Dst[(r+i)*o.W.out+first:][:n], s.tile[i*panel:])
	}
}

// eachRun calls f for every run of live blocks: where it begins among the live ones, its first block and their number.
// Heads that follow each other are one run.
func (p *product) eachRun(f func(at, block, blocks int)) {
	if !p.omits {
		f(0, 0, p.blocks)
		return
	}
	per, heads := p.headDim/blockSize, p.inHeads
	for i := 0; i < len(heads); {
		n := 1
		for i+n < len(heads) && heads[i+n] == heads[i]+int32(n) {
			n++
		}
		f(i*per, int(heads[i])*per, n*per)
		i += n
	}
}

// mapped returns n rows of w, fp32 weights, where they lie if the kernel can read them there, else nil.
func (p *product) mapped(w *Weights, first, n int) []float32 {
	if !readsMapped || w.format != dtype.F32 || p.gathers() || n%4 != 0 {
		return nil
	}
	at := unsafe.Pointer(&w.data[first*w.rowBytes])
	if uintptr(at)%4 != 0 {
		return nil
	}
	return unsafe.Slice((*float32)(at), n*w.in)
}
