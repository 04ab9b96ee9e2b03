// Package quant is part of stage 4: it reads rows of keys or values and keeps them as bit planes with scales, the most
// significant bits apart from the least significant ones so that either can be read alone (section III-D of the paper).
package quant

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

// Row returns the packed row i.
func (p *Plane) Row(i int) []byte { return p.data[i*p.rowBytes : (i+1)*p.rowBytes] }

// Bytes returns the memory that the plane holds.
func (p *Plane) Bytes() int { return cap(p.data) }

// Append adds a row of codes.
func (p *Plane) Append(codes []uint16) {
	at := len(p.data)
	for range p.rowBytes {
		p.data = append(p.data, 0)
	}
	row := p.data[at:]
	left := p.bits
	for _, width := range parts {
		for left >= width {
			left -= width
			size := p.dim * width / 8
			for i, c := range codes {
				row[i%size] |= byte(c>>left&(1<<width-1)) << (i / size * width)
			}
			row = row[size:]
		}
	}
}

// parts are the widths that a code is cut into.
var parts = [...]int{8, 4, 2, 1}

// Unpack writes the codes of row i, shifted left by shift, onto dst: dst[j] |= code << shift.
func (p *Plane) Unpack(dst []uint16, i, shift int) {
	row := p.Row(i)
	left := p.bits
	for _, width := range parts {
		for left >= width {
			left -= width
			size := p.dim * width / 8
			mask := byte(1<<width - 1)
			for j := range dst {
				dst[j] |= uint16(row[j%size]>>(j/size*width)&mask) << (left + shift)
			}
			row = row[size:]
		}
	}
}

// Keep leaves only the rows at the given ascending indices, moved together; memory that is not needed any more is freed
// once less than half of it is used.
func (p *Plane) Keep(indices []int32) {
	if p.bits == 0 {
		return
	}
	for to, from := range indices {
		if int(from) != to {
			copy(p.Row(to), p.Row(int(from)))
		}
	}
	p.data = shrink(p.data[:len(indices)*p.rowBytes])
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
