package tensor

import (
	"encoding/binary"

	"spatten/checkpoint/dtype"
)

// blockSize is the number of elements that share a scale in every block format but Q6_K, where 16 do. K-quants store
// eight such blocks together.
const blockSize = 32

// form is how a stored format reads as blocks of 32 unsigned bytes u: value = scale·(u − offset) + minimum.
type form struct {
	offset  int32 // subtracted from every byte
	largest int32 // the largest byte
	minimum bool  // whether a minimum is added
	halves  bool  // whether each half of a block has a scale of its own
}

// forms holds the block formats.
var forms = [...]form{
	dtype.Q4_0: {offset: 8, largest: 15},
	dtype.Q4_1: {largest: 15, minimum: true},
	dtype.Q5_0: {offset: 16, largest: 31},
	dtype.Q5_1: {largest: 31, minimum: true},
	dtype.Q8_0: {offset: 128, largest: 255},
	dtype.Q4_K: {largest: 15, minimum: true},
	dtype.Q5_K: {largest: 31, minimum: true},
	dtype.Q6_K: {offset: 32, largest: 63, halves: true},
}

// scales returns the number of scales a block has.
func (f form) scales() int {
	if f.halves {
		return 2
	}
	return 1
}

// unpackPortable unpacks the blocks of 32 numbered [first, first+n) of a row in a block format: 32·n bytes to u, their
// scales and minima (where the format has any) to every stride-th element of d and m. Source of the layouts: the GGUF
// specification and ggml's type definitions.
func unpackPortable(u []byte, d, m []float32, stride int, t dtype.Type, row []byte, first, n int) {
	size := t.BlockBytes()
	for i := range n {
		u, at := u[blockSize*i:blockSize*(i+1)], i*stride
		block := first + i
		switch t {
		case dtype.Q4_0:
			b := row[block*size:][:size]
			nibbles(u, b[2:18])
			d[at] = half(b)
		case dtype.Q4_1:
			b := row[block*size:][:size]
			nibbles(u, b[4:20])
			d[at], m[at] = half(b), half(b[2:])
		case dtype.Q5_0:
			b := row[block*size:][:size]
			nibbles(u, b[6:22])
			fifthBits(u, binary.LittleEndian.Uint32(b[2:]))
			d[at] = half(b)
		case dtype.Q5_1:
			b := row[block*size:][:size]
			nibbles(u, b[8:24])
			fifthBits(u, binary.LittleEndian.Uint32(b[4:]))
			d[at], m[at] = half(b), half(b[2:])
		case dtype.Q8_0:
			b := row[block*size:][:size]
			for j := range u {
				u[j] = b[2+j] ^ 0x80
			}
			d[at] = half(b)
		case dtype.Q4_K, dtype.Q5_K:
			b := row[block/8*size:][:size]
			d[at], m[at] = unpackK(u, t, b, block%8)
		case dtype.Q6_K:
			b := row[block/8*size:][:size]
			d[2*at], d[2*at+stride] = unpackQ6K(u, b, block%8)
		}
	}
}

func half(b []byte) float32 { return F16(binary.LittleEndian.Uint16(b)) }

// nibbles splits 16 bytes: low halves are elements 0…15, high halves 16…31.
func nibbles(u, b []byte) {
	u = u[:32]
	for j, v := range b[:16] {
		u[j], u[j+16] = v&15, v>>4
	}
}

// fifthBits adds bit j of high to element j as its fifth.
func fifthBits(u []byte, high uint32) {
	for j := range u {
		u[j] |= byte(high>>j&1) << 4
	}
}

// unpackK unpacks block k of a super-block of Q4_K or Q5_K: d·scale and −dmin·minimum with 6-bit scales and minima;
// blocks 2i and 2i+1 are the low and high halves of the same 32 bytes, the fifth bits of Q5_K are apart.
func unpackK(u []byte, t dtype.Type, b []byte, k int) (scale, minimum float32) {
	low := b[16:]
	if t == dtype.Q5_K {
		low = b[48:]
	}
	low = low[k/2*32:][:32]
	for j := range u {
		u[j] = low[j] >> (k % 2 * 4) & 15
	}
	if t == dtype.Q5_K {
		for j := range u {
			u[j] |= b[16+j] >> k & 1 << 4
		}
	}
	s, m := scaleMin(b[4:16], k)
	return half(b) * float32(s), -(half(b[2:]) * float32(m))
}

// scaleMin unpacks the 6-bit scale and minimum of block k from the 12 bytes that hold all eight of both.
func scaleMin(b []byte, k int) (scale, minimum byte) {
	if k < 4 {
		return b[k] & 63, b[k+4] & 63
	}
	return b[k+4]&15 | b[k-4]>>6<<4, b[k+4]>>4 | b[k]>>6<<4
}

// unpackQ6K unpacks block k of a super-block of Q6_K: 128 bytes of low halves, 64 bytes of high pairs of bits, 16 signed
// scales for 16 elements each, d.
func unpackQ6K(u, b []byte, k int) (first, second float32) {
	part, quarter := k/4, k%4
	low, high := b[part*64+quarter%2*32:][:32], b[128+part*32:][:32]
	for j := range u {
		u[j] = low[j]>>(quarter/2*4)&15 | high[j]>>(quarter*2)&3<<4
	}
	d := half(b[208:])
	return d * float32(int8(b[192+2*k])), d * float32(int8(b[193+2*k]))
}
