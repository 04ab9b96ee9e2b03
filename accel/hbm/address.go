package hbm

import "math/bits"

// Place is where an address lies in a channel. Group and Bank count through the whole channel, so that either
// is the index of its node.
type Place struct {
	Pseudo, Group, Bank int32
	Row                 int32
}

// AddressMap takes channel-local byte addresses apart. From the low end: offset in a burst, column, pseudo-
// channel, bank group, bank, row (the order of the reference: row-bank-group-pseudochannel-column).
type AddressMap struct {
	low, pseudo, group, bank uint8 // bits of each field; low is offset and column together
	rowMask                  uint64
}

// Mapping names the address map that this package has.
const Mapping = "row-bank-group-pseudochannel-column"

// NewAddressMap is the map of a standard's channel.
func NewAddressMap(o Organization) AddressMap {
	return AddressMap{
		low: log2(o.RowBytes), pseudo: log2(o.Pseudo), group: log2(o.Groups), bank: log2(o.Banks),
		rowMask: uint64(o.Rows - 1),
	}
}

func log2(n int) uint8 { return uint8(bits.Len(uint(n)) - 1) }

// Place decodes a channel-local byte address; bits above the row are ignored.
func (m *AddressMap) Place(addr uint64) Place {
	var r request
	m.place(addr, &r)
	return r.place()
}

func (m *AddressMap) place(addr uint64, r *request) {
	a := addr >> (m.low & 63)
	p := a & (1<<(m.pseudo&63) - 1)
	a >>= m.pseudo & 63
	g := p<<(m.group&63) | a&(1<<(m.group&63)-1)
	a >>= m.group & 63
	b := g<<(m.bank&63) | a&(1<<(m.bank&63)-1)
	r.pseudo, r.group, r.bank, r.row = uint8(p), uint8(g), uint8(b), int32(a>>(m.bank&63)&m.rowMask)
}
