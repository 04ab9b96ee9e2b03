package quant

import (
	"encoding/binary"
	"slices"

	"spatten/attention/kernel"
)

// Rows are the keys or values of one head in one layer, oldest first.
type Rows struct {
	dim              int
	format           Format
	n                int
	exact            []float32 // n × dim, where rows are fp32
	half             []uint16  // n × dim, where rows are fp16, or the rows that wait for their block
	high             Plane     // or panels
	panels           Panels
	low              Plane
	scales           []uint16  // one a row, or dim a block
	blocks           []int32   // per channel: the number of rows of each block that are still there
	codes, lows      []uint16  // scratch of one row: its codes, their least significant bits,
	small, smallLows []byte    // the same where a byte is enough,
	inverses         []float32 // and of its scales
}

// NewRows returns an empty list of rows of dim elements.
func NewRows(dim int, f Format) *Rows {
	r := &Rows{dim: dim, format: f}
	if f.Coded() {
		if r.format.InPanels = f.InPanels && f.MSB <= 8 && dim%kernel.Lanes == 0; r.format.InPanels {
			r.panels = NewPanels(dim, f.MSB)
		} else {
			r.high = NewPlane(dim, f.MSB)
		}
		r.low = NewPlane(dim, f.LSB)
		r.scratch()
	}
	return r
}

// scratch makes the memory in which a row becomes codes.
func (r *Rows) scratch() {
	r.codes, r.lows, r.inverses = make([]uint16, r.dim), make([]uint16, r.dim), make([]float32, r.dim)
	r.small, r.smallLows = make([]byte, r.dim), make([]byte, r.dim)
}

// Len returns the number of rows.
func (r *Rows) Len() int { return r.n }

// Dim returns the elements of a row.
func (r *Rows) Dim() int { return r.dim }

// Format returns how the rows are stored.
func (r *Rows) Format() Format { return r.format }

// Floats returns all rows as contiguous fp32 where that is how they are kept, else nil. The slice is the rows' own.
func (r *Rows) Floats() []float32 {
	if r.format.MSB != 32 {
		return nil
	}
	return r.exact
}

// Coded returns the number of rows, the oldest, that are in the planes; those after them wait for their block.
func (r *Rows) Coded() int {
	if !r.format.Coded() {
		return 0
	}
	return r.n - len(r.half)/r.dim
}

// High is the plane of the most significant bits, where it does not lie in Panels.
func (r *Rows) High() *Plane { return &r.high }

// Panels is the plane of the most significant bits of a format that has them in panels.
func (r *Rows) Panels() *Panels { return &r.panels }

// Low is the plane of the least significant bits.
func (r *Rows) Low() *Plane { return &r.low }

// Scales returns one scale a row, or dim a block of Blocks, as bfloat16.
func (r *Rows) Scales() []uint16 { return r.scales }

// Blocks returns, of rows with a scale for each channel, how many rows each block still has.
func (r *Rows) Blocks() []int32 { return r.blocks }

// Bytes returns the memory that the rows hold.
func (r *Rows) Bytes() int64 {
	return int64(4*cap(r.exact) + 2*cap(r.half) + r.high.Bytes() + r.panels.Bytes() + r.low.Bytes() + 2*cap(r.scales) + 4*cap(r.blocks))
}

// ReadBits returns the bits that reading the planes of rows takes: msb rows of the first plane (the waiting ones last),
// lsb of the second. Scales count once: a row's with its row, a block's channels spread over the block's rows.
func (r *Rows) ReadBits(msb, lsb int) int64 {
	f := r.format
	per := int64(r.dim*f.MSB + f.ScaleBits(r.dim))
	waiting := 0
	if f.Coded() {
		waiting = max(0, msb-r.Coded())
	}
	return int64(msb-waiting)*per + int64(waiting)*int64(r.dim*waitingBits) + int64(lsb)*int64(r.dim*f.LSB)
}

// Append adds a row.
func (r *Rows) Append(row []float32) {
	r.n++
	switch {
	case r.format.MSB == 32:
		r.exact = append(r.exact, row...)
	case r.format.MSB == 16:
		r.appendHalf(row)
	case r.format.PerChannel:
		if r.appendHalf(row); len(r.half) == BlockRows*r.dim {
			r.closeBlock()
		}
	default:
		scale := r.format.scale(largest(row))
		r.scales = append(r.scales, scale)
		one := inverse(scale)
		for c := range r.inverses {
			r.inverses[c] = one
		}
		r.encode(row)
	}
}

func (r *Rows) appendHalf(row []float32) {
	at := len(r.half)
	r.half = slices.Grow(r.half, len(row))[:at+len(row)]
	kernel.Narrow(r.half[at:], row)
}

// closeBlock quantizes the waiting rows with a scale for each channel.
func (r *Rows) closeBlock() {
	rows := make([]float32, len(r.half))
	kernel.Widen(rows, r.half)
	tops := make([]float32, r.dim)
	for i := 0; i < len(rows); i += r.dim {
		kernel.Widest(tops, rows[i:i+r.dim])
	}
	for c, top := range tops {
		scale := r.format.scale(top)
		r.scales = append(r.scales, scale)
		r.inverses[c] = inverse(scale)
	}
	for i := 0; i < len(rows); i += r.dim {
		r.encode(rows[i : i+r.dim])
	}
	r.blocks = append(r.blocks, BlockRows)
	r.half = r.half[:0]
}

// inverse returns 1/scale, or 0 where everything is 0.
func inverse(scale uint16) float32 {
	if scale == 0 {
		return 0
	}
	return 1 / BFloat(scale)
}

// largest returns the largest magnitude of a row.
func largest(row []float32) float32 {
	if len(row)%kernel.Lanes == 0 {
		return kernel.AbsMax(row)
	}
	top := float32(0)
	for _, v := range row {
		top = max(top, v, -v)
	}
	return top
}

// encode appends a row to both planes: ⌊v/scale⌋ + 2^(b−1), cut to what b bits hold, for each of its numbers.
func (r *Rows) encode(row []float32) {
	middle := float32(uint32(1) << (r.format.Bits() - 1))
	if r.format.Bits() <= 8 {
		kernel.EncodeBytes(r.small, row, r.inverses, middle)
		if low := r.format.LSB; low > 0 {
			split(r.small, r.smallLows, low)
			r.low.AppendBytes(r.smallLows)
		}
		if r.format.InPanels {
			r.panels.Append(r.small)
		} else {
			r.high.AppendBytes(r.small)
		}
		return
	}
	kernel.Encode(r.codes, row, r.inverses, middle)
	if low := r.format.LSB; low > 0 {
		for c, u := range r.codes {
			r.lows[c], r.codes[c] = u&(1<<low-1), u>>low
		}
		r.low.Append(r.lows)
	}
	if !r.format.InPanels {
		r.high.Append(r.codes)
		return
	}
	for c, u := range r.codes {
		r.small[c] = byte(u)
	}
	r.panels.Append(r.small)
}

// split leaves in codes, a multiple of 8 of them, what lies above their lowest bits, and writes those to lows.
func split(codes, lows []byte, low int) {
	mask := uint64(1<<low-1) * 0x0101010101010101
	for i := 0; i < len(codes); i += 8 {
		word := binary.LittleEndian.Uint64(codes[i:])
		binary.LittleEndian.PutUint64(lows[i:], word&mask)
		binary.LittleEndian.PutUint64(codes[i:], word&^mask>>low)
	}
}

// Keep leaves only the rows at the given ascending indices, moved together.
func (r *Rows) Keep(indices []int32) {
	if len(indices) == r.n {
		return
	}
	if !r.format.Coded() {
		if r.format.MSB == 32 {
			r.exact = compact(r.exact, indices, r.dim)
		} else {
			r.half = compact(r.half, indices, r.dim)
		}
		r.n = len(indices)
		return
	}
	coded := r.Coded()
	split, _ := slices.BinarySearch(indices, int32(coded))
	if r.format.PerChannel {
		r.keepBlocks(indices[:split])
	} else {
		r.scales = compact(r.scales, indices, 1)
	}
	if r.format.InPanels {
		r.panels.Keep(indices[:split])
	} else {
		r.high.Keep(indices[:split])
	}
	r.low.Keep(indices[:split])
	for to, from := range indices[split:] {
		copy(r.half[to*r.dim:(to+1)*r.dim], r.half[(int(from)-coded)*r.dim:])
	}
	r.half = r.half[:(len(indices)-split)*r.dim]
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
	c.half = append([]uint16(nil), r.half...)
	c.scales = append([]uint16(nil), r.scales...)
	c.blocks = append([]int32(nil), r.blocks...)
	c.high, c.panels, c.low = r.high.clone(), r.panels.clone(), r.low.clone()
	c.scratch()
	return &c
}
