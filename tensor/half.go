package tensor

import "math"

// F16 converts an IEEE 754 half to fp32, exactly.
func F16(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exp {
	case 0: // zero or subnormal: frac × 2⁻²⁴
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	default:
		return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
	}
}

// ToF16 rounds fp32 to the nearest half, ties to even.
func ToF16(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 16 & 0x8000)
	abs := bits & 0x7fffffff
	switch {
	case abs > 0x7f800000: // NaN
		return sign | 0x7e00
	case abs >= 0x47800000: // 2¹⁶ and beyond
		return sign | 0x7c00
	case abs < 0x38800000: // subnormal half: a multiple of 2⁻²⁴
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(abs))*(1<<24)))
	default:
		abs += 0xfff + abs>>13&1
		return sign | uint16((abs-0x38000000)>>13)
	}
}

// BF16 converts a bfloat16 to fp32, exactly.
func BF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }
