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
	low, rows uint8           // where the fields above the column and the row begin
	nodes     [maxBanks]uint8 // bank, by the fields between
	rowMask   uint64
	groups    int32 // of a pseudo-channel
	banks     int32 // of a group
}

// Mapping names the address map that this package has.
const Mapping = "row-bank-group-pseudochannel-column"

// NewAddressMap is the map of a standard's channel.
func NewAddressMap(o Organization) AddressMap {
	m := AddressMap{low: log2(o.RowBytes), rowMask: uint64(o.Rows - 1), groups: int32(o.Groups), banks: int32(o.Banks)}
	m.rows = m.low + log2(o.Pseudo*o.Groups*o.Banks)
	for i := range m.nodes {
		pseudo, group, bank := i%o.Pseudo, i/o.Pseudo%o.Groups, i/o.Pseudo/o.Groups%o.Banks
		m.nodes[i] = uint8((pseudo*o.Groups+group)*o.Banks + bank)
	}
	return m
}

func log2(n int) uint8 { return uint8(bits.Len(uint(n)) - 1) }

// Place decodes a channel-local byte address; bits above the row are ignored.
func (m *AddressMap) Place(addr uint64) Place {
	bank, row := m.bank(addr)
	p := Place{Bank: int32(bank), Row: row}
	p.Group = p.Bank / m.banks
	p.Pseudo = p.Group / m.groups
	return p
}

// bank is the bank and the row of an address.
func (m *AddressMap) bank(addr uint64) (uint8, int32) {
	return m.nodes[addr>>(m.low&63)&(maxBanks-1)], int32(addr >> (m.rows & 63) & m.rowMask)
}
