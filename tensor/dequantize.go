package tensor

import (
	"encoding/binary"
	"math"

	"spatten/checkpoint/dtype"
)

// dequantize writes the elements of a row's blocks of 32 numbered [first, first+n) to dst as fp32; a plain row may end
// inside the last block, what is missing becomes zero. s lends memory.
func (k *kernels) dequantize(dst []float32, t dtype.Type, row []byte, first, n int, s *scratch) {
	dst = dst[:n*blockSize]
	if t.BlockElements() == 1 {
		size := t.BlockBytes()
		have := min(len(dst), len(row)/size-first*blockSize)
		k.widen(dst[:have], t, row[first*blockSize*size:][:have*size])
		clear(dst[have:])
		return
	}
	f := forms[t]
	k.unpack(s.bytes, s.scale, s.minimum, 1, t, row, first, n)
	if !f.minimum {
		clear(s.minimum[:n])
	}
	k.restore(dst, s.bytes, s.scale, s.minimum, f)
}

// widenPortable converts plain numbers to fp32.
func widenPortable(dst []float32, t dtype.Type, data []byte) {
	switch t {
	case dtype.F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case dtype.F16:
		for i := range dst {
			dst[i] = F16(binary.LittleEndian.Uint16(data[2*i:]))
		}
	case dtype.BF16:
		for i := range dst {
			dst[i] = BF16(binary.LittleEndian.Uint16(data[2*i:]))
		}
	}
}

// restorePortable computes scale·(u − offset) + minimum.
func restorePortable(dst []float32, u []byte, d, m []float32, f form) {
	span := blockSize / f.scales()
	for i := range dst {
		dst[i] = float32(d[i/span]*float32(int32(u[i])-f.offset)) + m[i/blockSize]
	}
}
