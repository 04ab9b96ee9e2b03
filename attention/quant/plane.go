// Package quant is part of stage 4: it reads rows of keys or values and keeps them as bit planes with scales, the most
// significant bits apart from the least significant ones so that either can be read alone (section III-D of the paper).
package quant

import (
	"encoding/binary"

	"spatten/attention/kernel"
)

// Plane is a growing list of rows of unsigned codes of a fixed width, each row contiguous. A width is stored as sub-rows
// of 8, 4, 2 and 1 bits, the most significant first (6 bits: all high nibbles, then all low pairs), so that each part
// unpacks with whole-byte operations. Within a part, element i of a row of D lies in byte i mod B, B being the part's bytes,
// at bit (i div B)·width: neighbours in a byte are D/2 (nibbles) or D/4 (pairs) apart, which suits vector registers.
type Plane struct {
	dim, bits int
	rowBytes  int
	data      []byte
}

// NewPlane returns an empty plane of rows of dim codes (a multiple of 8) of the given width, 0 to 16 bits.
func NewPlane(dim, bits int) Plane {
	return Plane{dim: dim, bits: bits, rowBytes: dim * bits / 8}
}

// Bits returns the width of a code.
func (p *Plane) Bits() int { return p.bits }

// RowBytes returns the bytes of one row.
func (p *Plane) RowBytes() int { return p.rowBytes }

// Bytes returns the memory that the plane holds.
func (p *Plane) Bytes() int { return cap(p.data) }

// Append adds a row of codes.
func (p *Plane) Append(codes []uint16) {
	at := len(p.data)
	for len(p.data)+p.rowBytes > cap(p.data) {
		p.data = append(p.data[:cap(p.data)], 0)
	}
	row := p.data[at : at+p.rowBytes]
	p.data = p.data[:at+p.rowBytes]
	clear(row)
	left := p.bits
	for _, width := range parts {
		for left >= width {
			left -= width
			size := p.dim * width / 8
			mask := uint16(1<<width - 1)
			for shift, from := 0, codes; len(from) > 0; shift, from = shift+width, from[size:] {
				for j, c := range from[:size] {
					row[j] |= byte(c >> left & mask << shift)
				}
			}
			row = row[size:]
		}
	}
}

// AppendBytes is Append for planes of at most 8 bits, eight codes at a time.
func (p *Plane) AppendBytes(codes []byte) {
	at := len(p.data)
	for len(p.data)+p.rowBytes > cap(p.data) {
		p.data = append(p.data[:cap(p.data)], 0)
	}
	row := p.data[at : at+p.rowBytes]
	p.data = p.data[:at+p.rowBytes]
	left := p.bits
	for _, width := range parts {
		if left < width {
			continue
		}
		left -= width
		size := p.dim * width / 8
		mask := uint64(1<<width-1) * 0x0101010101010101
		j := 0
		for ; j+8 <= size; j += 8 {
			var word uint64
			for shift, from := 0, j; from < p.dim; shift, from = shift+width, from+size {
				word |= binary.LittleEndian.Uint64(codes[from:]) >> left & mask << shift
			}
			binary.LittleEndian.PutUint64(row[j:], word)
		}
		for ; j < size; j++ {
			var b byte
			for shift, from := 0, j; from < p.dim; shift, from = shift+width, from+size {
				b |= codes[from] >> left & byte(mask) << shift
			}
			row[j] = b
		}
		row = row[size:]
	}
}

// parts are the widths that a code is cut into.
var parts = [...]int{8, 4, 2, 1}

// Codes returns the codes of rows as a byte each, for planes of at most 8 bits: of the rows listed, or without a list of
// n rows from the first on. Codes of 8 bits that lie together are returned in place, others in mem.
func (p *Plane) Codes(mem *[]byte, rows []int32, first, n int) []byte {
	if p.bits == 8 && rows == nil {
		return p.data[first*p.dim : (first+n)*p.dim]
	}
	if rows != nil {
		n, first = len(rows), 0
	}
	if cap(*mem) < n*p.dim {
		*mem = make([]byte, n*p.dim)
	}
	codes := (*mem)[:n*p.dim]
	kernel.Unpack(codes, p.data[first*p.rowBytes:], rows, n, p.dim, p.bits)
	return codes
}

// Listed writes the integer products of rows with the queries of their sets: see kernel.Listed.
func (p *Plane) Listed(dst []float32, ld int, q []int8, m, stride int, rows, sets []int32, s *Scratch) {
	kernel.Listed(dst, ld, q, m, stride, p.data, rows, sets, p.dim, p.bits, &s.low)
}

// Refine adds to scores what rows change in them: see kernel.Refine.
func (p *Plane) Refine(scores []float32, ld int, out []float32, q []int8, m, stride int, rows, sets []int32, offsets, factors []float32, lds int, rest float32, s *Scratch) {
	kernel.Refine(scores, ld, out, q, m, stride, p.data, rows, sets, offsets, factors, lds, rest, p.dim, p.bits, &s.refine)
}

// Chosen adds up the first n of listed rows, weighted and scaled: see kernel.Chosen.
func (p *Plane) Chosen(out []float32, ldo int, sums, w []float32, ldw, m int, scales []uint16, rows []int32, n int, s *Scratch) {
	kernel.Chosen(out, ldo, sums, w, ldw, m, p.data, scales, rows, n, p.dim, p.bits, &s.chosen)
}

// unpack writes the codes of row i, shifted left by shift, onto dst: dst[j] |= code << shift. It takes every width.
func (p *Plane) unpack(dst []uint16, i, shift int) {
	row := p.data[i*p.rowBytes : (i+1)*p.rowBytes]
	left := p.bits
	for _, width := range parts {
		for left >= width {
			left -= width
			size := p.dim * width / 8
			mask := byte(1<<width - 1)
			for down, to := 0, dst; len(to) > 0; down, to = down+width, to[size:] {
				for j, b := range row[:size] {
					to[j] |= uint16(b>>down&mask) << (left + shift)
				}
			}
			row = row[size:]
		}
	}
}

// Keep leaves only the rows at the given ascending indices, moved together; memory that is not needed any more is freed
// once less than half of it is used.
func (p *Plane) Keep(indices []int32) {
	p.data = compact(p.data, indices, p.rowBytes)
}

// compact moves the rows of the given ascending indices together and cuts the list there.
func compact[T any](data []T, indices []int32, width int) []T {
	for to, from := range indices {
		if int(from) != to {
			copy(data[to*width:(to+1)*width], data[int(from)*width:])
		}
	}
	return shrink(data[:len(indices)*width])
}

// shrink gives memory back where more than half of it is unused.
func shrink[T any](s []T) []T {
	if cap(s) > 1024 && len(s) < cap(s)/2 {
		return append(make([]T, 0, len(s)+len(s)/8), s...)
	}
	return s
}

// clone copies the plane for an independent continuation.
func (p *Plane) clone() Plane {
	c := *p
	c.data = append([]byte(nil), p.data...)
	return c
}
