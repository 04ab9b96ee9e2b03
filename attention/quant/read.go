package quant

import (
	"slices"

	"spatten/attention/kernel"
)

// Scratch is one reader's memory. Several readers may read the same rows at once.
type Scratch struct {
	high, low []byte
	wide      []uint16
	lows      []float32
	chosen    kernel.ChosenMemory
	refine    kernel.RefineMemory
}

// Read writes rows into dst as fp32, from both planes or from the most significant bits alone: the rows listed, or
// without a list len(dst)/dim rows from the first on. raw leaves codes as they are, without offset and scale.
func (r *Rows) Read(dst []float32, s *Scratch, rows []int32, first int, lsb, raw bool) {
	n := len(dst) / r.dim
	if r.format.MSB == 32 {
		if rows == nil {
			copy(dst, r.exact[first*r.dim:])
			return
		}
		for i, row := range rows {
			copy(dst[i*r.dim:(i+1)*r.dim], r.exact[int(row)*r.dim:])
		}
		return
	}
	coded := r.Coded()
	if rows == nil {
		in := min(max(coded-first, 0), n)
		r.codesOf(dst[:in*r.dim], s, nil, first, lsb)
		if !raw {
			r.place(dst[:in*r.dim], nil, first, lsb)
		}
		if in < n {
			kernel.Widen(dst[in*r.dim:], r.half[(first+in-coded)*r.dim:])
		}
		return
	}
	in, _ := slices.BinarySearch(rows, int32(coded))
	r.codesOf(dst[:in*r.dim], s, rows[:in], 0, lsb)
	if !raw {
		r.place(dst[:in*r.dim], rows[:in], 0, lsb)
	}
	for i, row := range rows[in:] {
		at := (int(row) - coded) * r.dim
		kernel.Widen(dst[(in+i)*r.dim:(in+i+1)*r.dim], r.half[at:])
	}
}

// codesOf writes codes as fp32.
func (r *Rows) codesOf(dst []float32, s *Scratch, rows []int32, first int, lsb bool) {
	n := len(dst) / r.dim
	if n == 0 {
		return
	}
	if r.format.MSB > 8 || r.format.LSB > 8 {
		r.wideCodes(dst, s, rows, first, lsb)
		return
	}
	kernel.Floats(dst, r.highCodes(s, rows, first, n))
	if r.format.LSB == 0 {
		return
	}
	kernel.Scale(dst, float32(uint32(1)<<r.format.LSB))
	if !lsb {
		return
	}
	s.lows = slices.Grow(s.lows[:0], len(dst))[:len(dst)]
	kernel.Floats(s.lows, r.low.Codes(&s.low, rows, first, n))
	kernel.Add(dst, s.lows)
}

// highCodes returns the codes of the most significant bits, a byte each.
func (r *Rows) highCodes(s *Scratch, rows []int32, first, n int) []byte {
	if r.format.InPanels {
		return r.panels.Codes(&s.high, rows, first, n)
	}
	return r.high.Codes(&s.high, rows, first, n)
}

// wideCodes is codesOf for planes of more than 8 bits.
func (r *Rows) wideCodes(dst []float32, s *Scratch, rows []int32, first int, lsb bool) {
	s.wide = slices.Grow(s.wide[:0], r.dim)[:r.dim]
	for i := range len(dst) / r.dim {
		at := first + i
		if rows != nil {
			at = int(rows[i])
		}
		clear(s.wide)
		if r.format.InPanels {
			for i, u := range r.panels.Codes(&s.high, nil, at, 1) {
				s.wide[i] = uint16(u) << r.format.LSB
			}
		} else {
			r.high.unpack(s.wide, at, r.format.LSB)
		}
		if lsb {
			r.low.unpack(s.wide, at, 0)
		}
		for c, u := range s.wide {
			dst[i*r.dim+c] = float32(u)
		}
	}
}

// place turns codes into the numbers that they stand for.
func (r *Rows) place(dst []float32, rows []int32, first int, lsb bool) {
	offset := r.format.Offset(lsb || r.format.LSB == 0)
	block, end := 0, 0
	if r.format.PerChannel && len(r.blocks) > 0 {
		end = int(r.blocks[0])
	}
	for i := range len(dst) / r.dim {
		at := first + i
		if rows != nil {
			at = int(rows[i])
		}
		row := dst[i*r.dim : (i+1)*r.dim]
		if !r.format.PerChannel {
			kernel.Affine(row, offset, BFloat(r.scales[at]))
			continue
		}
		for at >= end {
			block++
			end += int(r.blocks[block])
		}
		kernel.Rescale(row, offset, r.scales[block*r.dim:], 1)
	}
}

// Bytes returns memory for unpacked codes.
func (s *Scratch) Bytes() *[]byte { return &s.high }
