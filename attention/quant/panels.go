package quant

import (
	"encoding/binary"

	"spatten/attention/kernel"
)

// Panels is a growing list of rows of unsigned codes of 1 to 8 bits, 16 rows together as products want them (see
// kernel.Panels). What a Plane keeps row by row, for reading some of them, Panels keep for reading all.
type Panels struct {
	dim, bits int
	n         int
	data      []byte
}

// NewPanels returns an empty list of rows of dim codes, a multiple of 16, of the given width.
func NewPanels(dim, bits int) Panels { return Panels{dim: dim, bits: bits} }

// Bytes returns the memory that the panels hold.
func (p *Panels) Bytes() int { return cap(p.data) }

// Append adds a row of codes.
func (p *Panels) Append(codes []byte) {
	if p.n%kernel.Lanes == 0 {
		p.data = append(p.data, make([]byte, kernel.PanelBytes(p.dim, p.bits))...)
	}
	panel := p.panel(p.n)
	for i := 0; i < p.dim; i += 4 {
		kernel.SetQuad(panel, p.bits, p.n%kernel.Lanes, i/4, binary.LittleEndian.Uint32(codes[i:]))
	}
	p.n++
}

// panel returns the panel of a row.
func (p *Panels) panel(row int) []byte {
	size := kernel.PanelBytes(p.dim, p.bits)
	return p.data[row/kernel.Lanes*size:][:size]
}

// Codes returns the codes of rows as a byte each, in mem: of the rows listed, or without a list of n rows from the first on.
func (p *Panels) Codes(mem *[]byte, rows []int32, first, n int) []byte {
	if rows != nil {
		n = len(rows)
	}
	if cap(*mem) < n*p.dim {
		*mem = make([]byte, n*p.dim)
	}
	codes := (*mem)[:n*p.dim]
	for i := range n {
		row := first + i
		if rows != nil {
			row = int(rows[i])
		}
		p.row(codes[i*p.dim:(i+1)*p.dim], row)
	}
	return codes
}

// row writes the codes of one row.
func (p *Panels) row(dst []byte, row int) {
	panel := p.panel(row)
	if p.bits == 8 { // one part, quad after quad
		from := panel[4*(row%kernel.Lanes):]
		for i := 0; i < p.dim; i += 4 {
			binary.LittleEndian.PutUint32(dst[i:], binary.LittleEndian.Uint32(from[4*kernel.Lanes*(i/4):]))
		}
		return
	}
	for i := 0; i < p.dim; i += 4 {
		binary.LittleEndian.PutUint32(dst[i:], kernel.Quad(panel, p.bits, row%kernel.Lanes, i/4))
	}
}

// Products writes, of m queries, (product + offset)·factor with n rows from the first on; the results of a query start ld elements after
// those of the one before. Whole panels go straight to dst; of others mem takes what does not belong there.
func (p *Panels) Products(dst []float32, ld int, q []int8, m, first, n int, offsets, factors []float32, mem *[]float32) {
	size := kernel.PanelBytes(p.dim, p.bits)
	part := func(dst []float32, first, n int) { // of one panel
		if cap(*mem) < m*kernel.Lanes {
			*mem = make([]float32, m*kernel.Lanes)
		}
		all := (*mem)[:m*kernel.Lanes]
		kernel.Panels(all, kernel.Lanes, q, m, p.data[first/kernel.Lanes*size:], 1, p.dim, p.bits, offsets, factors)
		for h := range m {
			copy(dst[h*ld:h*ld+n], all[h*kernel.Lanes+first%kernel.Lanes:])
		}
	}
	at := 0
	if skip := first % kernel.Lanes; skip > 0 && n > 0 {
		at = min(n, kernel.Lanes-skip)
		part(dst, first, at)
	}
	if whole := (n - at) / kernel.Lanes; whole > 0 {
		kernel.Panels(dst[at:], ld, q, m, p.data[(first+at)/kernel.Lanes*size:], whole, p.dim, p.bits, offsets, factors)
		at += whole * kernel.Lanes
	}
	if at < n {
		part(dst[at:], first+at, n-at)
	}
}

// Tile writes the integer products of m queries with all rows, of 8 bits, up to a multiple of kernel.Lanes of them.
func (p *Panels) Tile(dst []float32, ld int, q []int8, m, rows int) {
	kernel.PanelTile(dst, ld, q, m, p.data, rows/kernel.Lanes, p.dim)
}

// SetProducts is Products for whole panels of keys of a block each with its own set of queries: see kernel.PanelSets; offsets and factors of
// sets start lds numbers apart. It reports whether rows from the first on are whole panels.
func (p *Panels) SetProducts(dst []float32, ld int, q []int8, m, stride, first, n int, offsets, factors []float32, lds int) bool {
	if first%kernel.Lanes != 0 || n%BlockRows != 0 {
		return false
	}
	kernel.PanelSets(dst, ld, q, m, p.data[first/kernel.Lanes*kernel.PanelBytes(p.dim, p.bits):], n/kernel.Lanes, p.dim, p.bits, offsets, factors,
		kernel.Sets{Every: BlockRows / kernel.Lanes, Stride: stride, Factors: lds})
	return true
}

// Keep leaves only the rows at the given ascending indices, moved together.
func (p *Panels) Keep(indices []int32) {
	for to, from := range indices {
		if int(from) == to {
			continue
		}
		source, target := p.panel(int(from)), p.panel(to)
		for quad := range p.dim / 4 {
			kernel.SetQuad(target, p.bits, to%kernel.Lanes, quad, kernel.Quad(source, p.bits, int(from)%kernel.Lanes, quad))
		}
	}
	p.n = len(indices)
	p.data = shrink(p.data[:kernel.Pad(p.n)/kernel.Lanes*kernel.PanelBytes(p.dim, p.bits)])
}

// clone copies the panels for an independent continuation.
func (p *Panels) clone() Panels {
	c := *p
	c.data = append([]byte(nil), p.data...)
	return c
}
