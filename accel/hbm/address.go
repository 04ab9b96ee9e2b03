package hbm

import "math/bits"

// Place is where an address lies in a channel. Group and Bank count through the whole channel, so that either
// is the index of its node.
type Place struct {
	Pseudo, Group, Bank int32
	Row                 int32
}

// AddressMap takes channel-local byte addresses apart. From the low end: offset in a burst, column, pseudo-
// channel, bank group, bank, row (the order of the reference: row-bank-group-pseudochannel-column). Within this package
// the three fields before the row, as they stand in the address, are a bank's number.
type AddressMap struct {
	low, rows    uint8 // where the fields above the column and the row begin
	pseudo, node uint8 // bits of the pseudo-channel, and of group and pseudo-channel
	banks        uint8 // bits of the bank within its group
	bankMask     uint8
	rowMask      uint64
}

// Mapping names the address map that this package has.
const Mapping = "row-bank-group-pseudochannel-column"

// NewAddressMap is the map of a standard's channel.
func NewAddressMap(o Organization) AddressMap {
	m := AddressMap{low: log2(o.RowBytes), pseudo: log2(o.Pseudo), banks: log2(o.Banks), rowMask: uint64(o.Rows - 1)}
	m.node = m.pseudo + log2(o.Groups)
	m.rows = m.low + m.node + m.banks
	m.bankMask = 1<<(m.node+m.banks) - 1
	return m
}

func log2(n int) uint8 { return uint8(bits.Len(uint(n)) - 1) }

// Place decodes a channel-local byte address; bits above the row are ignored.
func (m *AddressMap) Place(addr uint64) Place { return m.place(m.bank(addr)) }

// bank is the bank and the row of an address.
func (m *AddressMap) bank(addr uint64) (uint8, int32) {
	return uint8(addr>>(m.low&63)) & m.bankMask, int32(addr >> (m.rows & 63) & m.rowMask)
}

// place is where a bank and a row lie.
func (m *AddressMap) place(bank uint8, row int32) Place {
	var r request
	m.fill(&r, row, bank, 0)
	return Place{Pseudo: int32(r.pseudo), Group: int32(r.group), Bank: int32(r.group)<<m.banks | int32(bank>>m.node), Row: row}
}

// fill makes a request.
func (m *AddressMap) fill(r *request, row int32, bank uint8, tag uint32) {
	r.row, r.tag, r.counted, r.bank = row, tag, false, bank
	r.pseudo = bank & (1<<(m.pseudo&7) - 1)
	r.group = r.pseudo<<((m.node-m.pseudo)&7) | bank&(1<<(m.node&7)-1)>>(m.pseudo&7)
}
