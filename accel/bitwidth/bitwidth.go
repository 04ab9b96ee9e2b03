// Package bitwidth is block (6), the bitwidth converter: it reads the bytes of the planes as they lie in memory, 4, 6, 8,
// 10 or 12 bits a number without gaps, and writes 12-bit two's complement numbers for the chip. Where LSBs were fetched it
// joins them with the MSBs. It is multiplexers and a shifter: one burst a cycle passes in one register.
package bitwidth

import "fmt"

// OnChip is the width of numbers on the chip.
const OnChip = 12

// Unpack reads numbers of bits each from packed, least significant bit first, starting at bit offset: signed for MSBs
// and whole numbers, unsigned for LSBs.
func Unpack(out []int16, packed []byte, offset, bits int, signed bool) error {
	if bits < 1 || bits > OnChip {
		return fmt.Errorf("bitwidth: %d bits; the converter takes 1 to %d", bits, OnChip)
	}
	if offset < 0 || (len(out)*bits+offset+7)/8 > len(packed) {
		return fmt.Errorf("bitwidth: %d numbers of %d bits from bit %d do not fit in %d bytes", len(out), bits, offset, len(packed))
	}
	for i := range out {
		at := offset + i*bits
		var word uint32
		for b := at / 8; b <= (at+bits-1)/8; b++ {
			word |= uint32(packed[b]) << (8 * (b - at/8))
		}
		v := word >> (at % 8) & (1<<bits - 1)
		if signed && v>>(bits-1) == 1 {
			v |= ^uint32(0) << bits
		}
		out[i] = int16(v)
	}
	return nil
}

// Join puts lsbBits LSBs below MSBs, in place. The sum of both widths is at most 12.
func Join(msb, lsb []int16, lsbBits int) {
	for i, l := range lsb {
		msb[i] = msb[i]<<lsbBits | l
	}
}

// Cycles is how many bursts of burstBytes the converter takes for count numbers of bits each that start at bit offset
// of the first burst: one a cycle.
func Cycles(count, bits, offset, burstBytes int64) int64 {
	return (count*bits + offset + 8*burstBytes - 1) / (8 * burstBytes)
}
