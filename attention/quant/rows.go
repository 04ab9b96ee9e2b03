package quant

import (
	"math"

	"spatten/tensor"
)

// Format says how rows are stored.
type Format struct {
	MSB, LSB   int  // bits of the two planes; MSB 32 or 16 with LSB 0 stands for unquantized floats
	PerChannel bool // one scale a channel over blocks of rows, instead of one a row
}

// Bits returns the bits of one element, both planes.
func (f Format) Bits() int { return f.MSB + f.LSB }

// Exact reports whether rows are kept as fp32.
func (f Format) Exact() bool { return f.MSB == 32 }

// BlockRows is the number of rows that share the scales of a per-channel block. Rows that do not fill a block yet
// are kept as fp32.
const BlockRows = 64

// scaleBits is the width of a stored scale (fp16).
const scaleBits = 16

// Rows are the keys or values of one head in one layer, oldest first. A code u of b bits stands for
// (u − 2^(b−1) + ½)·scale: 2^b levels, evenly spread and symmetric; the most significant bits alone stand for the middle
// of what they leave open.
type Rows struct {
	dim    int
	format Format
	n      int
	exact  []float32 // n × dim where rows are floats, else the rows that wait for their block
	high   Plane
	low    Plane
	scales []float32 // one a row, or dim a block
	blocks []int32   // per channel: the number of rows of each block that are still there
	codes  []uint16  // scratch of one row
	lows   []uint16  // its least significant bits
}

// NewRows returns an empty list of rows of dim elements.
func NewRows(dim int, f Format) *Rows {
	r := &Rows{dim: dim, format: f, codes: make([]uint16, dim), lows: make([]uint16, dim)}
	if f.MSB < 16 {
		r.high, r.low = NewPlane(dim, f.MSB), NewPlane(dim, f.LSB)
	}
	return r
}

// Len returns the number of rows.
func (r *Rows) Len() int { return r.n }

// Dim returns the elements of a row.
func (r *Rows) Dim() int { return r.dim }

// Floats returns all rows as contiguous fp32 where that is how they are kept, else nil. The slice is the rows' own.
func (r *Rows) Floats() []float32 {
	if r.format.MSB < 16 {
		return nil
	}
	return r.exact
}

// Format returns how the rows are stored.
func (r *Rows) Format() Format { return r.format }

// Bytes returns the memory that the rows hold.
func (r *Rows) Bytes() int64 {
	return int64(4*cap(r.exact) + r.high.Bytes() + r.low.Bytes() + 4*cap(r.scales) + 4*cap(r.blocks))
}

// ReadBits returns the bits that reading the planes of rows takes: msb rows of the first plane, lsb of the second. Scales
// count once: a row's with its row, a block's channels spread over the block's rows.
func (r *Rows) ReadBits(msb, lsb int) int64 {
	f := r.format
	per := int64(r.dim * f.MSB)
	if f.MSB < 16 {
		per += int64(f.ScaleBits(r.dim))
	}
	return int64(msb)*per + int64(lsb)*int64(r.dim*f.LSB)
}

// ScaleBits returns the bits of scale that a row carries on average.
func (f Format) ScaleBits(dim int) int {
	switch {
	case f.MSB >= 16:
		return 0
	case f.PerChannel:
		return (dim*scaleBits + BlockRows - 1) / BlockRows
	default:
		return scaleBits
	}
}

// Append adds a row.
func (r *Rows) Append(row []float32) {
	r.n++
	switch {
	case r.format.MSB == 16:
		for _, v := range row {
			r.exact = append(r.exact, tensor.F16(tensor.ToF16(v)))
		}
	case r.format.Exact():
		r.exact = append(r.exact, row...)
	case r.format.PerChannel:
		r.exact = append(r.exact, row...)
		if len(r.exact) == BlockRows*r.dim {
			r.closeBlock()
		}
	default:
		top := float32(0)
		for _, v := range row {
			top = max(top, abs(v))
		}
		scale := r.scale(top)
		r.scales = append(r.scales, scale)
		r.encode(row, func(int) float32 { return scale })
	}
}

// closeBlock quantizes the waiting rows with a scale for each channel.
func (r *Rows) closeBlock() {
	at := len(r.scales)
	for c := range r.dim {
		top := float32(0)
		for i := c; i < len(r.exact); i += r.dim {
			top = max(top, abs(r.exact[i]))
		}
		r.scales = append(r.scales, r.scale(top))
	}
	scales := r.scales[at:]
	for i := 0; i < len(r.exact); i += r.dim {
		r.encode(r.exact[i:i+r.dim], func(c int) float32 { return scales[c] })
	}
	r.blocks = append(r.blocks, int32(len(r.exact)/r.dim))
	r.exact = r.exact[:0]
}

// scale returns the step between levels for a largest magnitude, rounded up to what fp16 stores.
func (r *Rows) scale(top float32) float32 {
	levels := float32(uint32(1)<<r.format.Bits() - 1)
	h := tensor.ToF16(2 * top / levels)
	if tensor.F16(h)*levels < 2*top {
		h++
	}
	return tensor.F16(min(h, 0x7bff)) // the largest finite half
}

// encode appends one row's codes to both planes.
func (r *Rows) encode(row []float32, scale func(c int) float32) {
	bits, low := r.format.Bits(), r.format.LSB
	top := 1<<bits - 1
	for c, v := range row {
		code := top / 2 // of zero, where everything is zero
		if s := scale(c); s > 0 {
			code = int(math.Floor(float64(v)/float64(s))) + 1<<(bits-1)
		}
		r.codes[c] = uint16(min(max(code, 0), top))
	}
	if low > 0 {
		for c, u := range r.codes {
			r.lows[c] = u & (1<<low - 1)
		}
		r.low.Append(r.lows)
		for c := range r.codes {
			r.codes[c] >>= low
		}
	}
	r.high.Append(r.codes)
}

// floats reports whether row i is kept as fp32, and returns it if so.
func (r *Rows) floats(i int) []float32 {
	first := r.n - len(r.exact)/r.dim
	if i < first {
		return nil
	}
	return r.exact[(i-first)*r.dim : (i-first+1)*r.dim]
}

// Row writes row i into dst as fp32, from both planes or from the most significant bits alone.
func (r *Rows) Row(dst []float32, i int, lsb bool) {
	if row := r.floats(i); row != nil {
		copy(dst, row)
		return
	}
	scales := r.scalesOf(i)
	clear(r.codes)
	r.high.Unpack(r.codes, i, r.format.LSB)
	offset := float32(0.5) - float32(uint32(1)<<(r.format.Bits()-1))
	if r.format.LSB > 0 {
		if lsb {
			r.low.Unpack(r.codes, i, 0)
		} else {
			offset += float32(uint32(1)<<r.format.LSB-1) / 2
		}
	}
	for c, u := range r.codes {
		s := scales[0]
		if len(scales) > 1 {
			s = scales[c]
		}
		dst[c] = (float32(u) + offset) * s
	}
}

// scalesOf returns the one scale of row i, or the dim scales of its block.
func (r *Rows) scalesOf(i int) []float32 {
	if !r.format.PerChannel {
		return r.scales[i : i+1]
	}
	for b, rows := range r.blocks {
		if i -= int(rows); i < 0 {
			return r.scales[b*r.dim : (b+1)*r.dim]
		}
	}
	panic("quant: row beyond the last block") // Row has checked that the row is in a block
}

// Keep leaves only the rows at the given ascending indices, moved together.
func (r *Rows) Keep(indices []int32) {
	if len(indices) == r.n {
		return
	}
	quantized := r.n - len(r.exact)/r.dim
	if r.format.PerChannel && r.format.MSB < 16 {
		r.keepBlocks(indices)
	} else if !r.format.Exact() && r.format.MSB < 16 {
		for to, from := range indices {
			r.scales[to] = r.scales[from]
		}
		r.scales = shrink(r.scales[:len(indices)])
	}
	split := 0
	for split < len(indices) && int(indices[split]) < quantized {
		split++
	}
	r.high.Keep(indices[:split])
	r.low.Keep(indices[:split])
	for to, from := range indices[split:] {
		copy(r.exact[to*r.dim:(to+1)*r.dim], r.exact[(int(from)-quantized)*r.dim:])
	}
	r.exact = shrink(r.exact[:(len(indices)-split)*r.dim])
	r.n = len(indices)
}

// keepBlocks recounts the rows of every block and drops the blocks that are empty.
func (r *Rows) keepBlocks(indices []int32) {
	end, at, to := 0, 0, 0
	for b, rows := range r.blocks {
		end += int(rows)
		first := at
		for at < len(indices) && int(indices[at]) < end {
			at++
		}
		if at == first {
			continue
		}
		copy(r.scales[to*r.dim:(to+1)*r.dim], r.scales[b*r.dim:(b+1)*r.dim])
		r.blocks[to] = int32(at - first)
		to++
	}
	r.blocks = r.blocks[:to]
	r.scales = shrink(r.scales[:to*r.dim])
}

// Clone copies the rows for an independent continuation.
func (r *Rows) Clone() *Rows {
	c := *r
	c.exact = append([]float32(nil), r.exact...)
	c.scales = append([]float32(nil), r.scales...)
	c.blocks = append([]int32(nil), r.blocks...)
	c.high, c.low = r.high.clone(), r.low.clone()
	c.codes, c.lows = make([]uint16, r.dim), make([]uint16, r.dim)
	return &c
}

func abs(v float32) float32 { return max(v, -v) }
