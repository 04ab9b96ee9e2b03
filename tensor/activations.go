package tensor

import (
	"encoding/binary"
	"math"
)

// activationBytes is the size of a quantized block of 32 activations: 32 signed bytes q; the scale dx as fp32, x ≈ dx·q;
// dx·Σq as fp32; two int32 corrections that stand in for the weights' offset, since Σ(u−offset)·q = Σu·q − offset·Σq:
// −offset·Σq of the whole block and 0, or of each half.
const activationBytes = blockSize + 16

// smallestScaled is the magnitude below which a block counts as zero: 127 divided by it must stay finite.
const smallestScaled = 0x1p-100

// quantizePortable quantizes x, a multiple of 32 elements, to blocks of 8 bits for weights of form f. The largest
// magnitude of a block becomes ±127; ties round to even.
func quantizePortable(dst []byte, x []float32, f form) {
	for b := 0; b*blockSize < len(x); b++ {
		x, y := x[b*blockSize:][:blockSize], dst[b*activationBytes:][:activationBytes]
		var top float32
		for _, v := range x {
			top = max(top, float32(math.Abs(float64(v))))
		}
		var inverse float32
		if top > smallestScaled {
			inverse = 127 / top
		}
		var sums [2]int32
		for j, v := range x {
			q := int32(math.RoundToEven(float64(float32(v * inverse))))
			y[j] = byte(q)
			sums[j/16] += q
		}
		d := top / 127
		sum := sums[0] + sums[1]
		first, second := -f.offset*sum, int32(0)
		if f.halves {
			first, second = -f.offset*sums[0], -f.offset*sums[1]
		}
		binary.LittleEndian.PutUint32(y[32:], math.Float32bits(d))
		binary.LittleEndian.PutUint32(y[36:], math.Float32bits(d*float32(sum)))
		binary.LittleEndian.PutUint32(y[40:], uint32(first))
		binary.LittleEndian.PutUint32(y[44:], uint32(second))
	}
}
