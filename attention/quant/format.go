package quant

import "math"

// Format says how rows are stored.
type Format struct {
	MSB, LSB   int  // bits of the two planes; MSB 32 or 16 with LSB 0 stands for unquantized floats
	PerChannel bool // one scale a channel over blocks of rows, instead of one a row
	InPanels   bool // the plane of the most significant bits lies in panels, for products with all rows, where its width allows
}

// BlockRows is the number of rows that share the scales of a per-channel block. Rows that do not fill a block yet
// wait as fp16.
const BlockRows = 64

// scaleBits is the width of a stored scale: bfloat16, as wide in range as what it scales.
const scaleBits = 16

// waitingBits is the width of the elements of rows that wait for their block.
const waitingBits = 16

// Bits returns the bits of one element, both planes.
func (f Format) Bits() int { return f.MSB + f.LSB }

// Coded reports whether rows are stored as codes with scales.
func (f Format) Coded() bool { return f.MSB < 16 }

// ScaleBits returns the bits of scale that a row carries on average.
func (f Format) ScaleBits(dim int) int {
	switch {
	case !f.Coded():
		return 0
	case f.PerChannel:
		return (dim*scaleBits + BlockRows - 1) / BlockRows
	default:
		return scaleBits
	}
}

// Offset returns what is added to a code before it is scaled. A code u of b bits stands for (u − 2^(b−1) + ½)·scale: 2^b
// levels, evenly spread and symmetric. The most significant bits alone, shifted to their place, stand for the middle of
// what they leave open.
func (f Format) Offset(lsb bool) float32 {
	offset := float32(0.5) - float32(uint32(1)<<(f.Bits()-1))
	if !lsb {
		offset += f.Middle()
	}
	return offset
}

// Middle returns the mean of the codes of the least significant plane.
func (f Format) Middle() float32 { return float32(uint32(1)<<f.LSB-1) / 2 }

// scale returns the step between levels for a largest magnitude as bfloat16, rounded up.
func (f Format) scale(top float32) uint16 {
	bits := math.Float32bits(2 * top / float32(uint32(1)<<f.Bits()-1))
	h := bits >> 16
	if bits&0xffff != 0 {
		h++
	}
	return uint16(min(h, 0x7f7f)) // the largest finite one
}

// BFloat turns a stored scale into fp32.
func BFloat(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }
