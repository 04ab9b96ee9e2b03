package tensor

import (
	"encoding/binary"
	"math"
)

// A woven panel holds 16 rows of weights as the vector kernels read them: for every block of 32 columns eight groups of
// four columns, in each group the four bytes of row 0, of row 1, …; scales and minima with the 16 rows side by side.

// integerPortable multiplies rows quantized activations with a woven panel of n blocks and writes rows × 16 outputs.
// For every output, over the blocks in rising order: acc += float(Σ(u−offset)·q)·(d·dx), then acc += m·(dx·Σq), each
// operation rounded; at the end the bias is added. All kernels keep to this order, so all agree bit for bit.
func integerPortable(dst []float32, stride int, x []byte, rows, n int, s *scratch, f form) {
	halves := f.scales()
	for r := range rows {
		x, y := x[r*n*activationBytes:], dst[r*stride:]
		var acc [panel]float32
		for b := range n {
			q, tail := x[b*activationBytes:][:blockSize], x[b*activationBytes+blockSize:][:16]
			dx, sx := float(tail), float(tail[4:])
			u := s.woven[b*blockSize*panel:][:blockSize*panel]
			for h := range halves {
				d := s.scale[(b*halves+h)*panel:][:panel]
				correction := int32(binary.LittleEndian.Uint32(tail[8+4*h:]))
				lo, hi := h*blockSize/halves, (h+1)*blockSize/halves
				for o := range panel {
					sum := correction
					for k := lo; k < hi; k += 4 {
						w := u[k*panel+4*o:][:4]
						sum += int32(w[0])*int32(int8(q[k])) + int32(w[1])*int32(int8(q[k+1])) +
							int32(w[2])*int32(int8(q[k+2])) + int32(w[3])*int32(int8(q[k+3]))
					}
					acc[o] += float32(float32(sum) * float32(d[o]*dx))
				}
			}
			if f.minimum {
				for o, m := range s.minimum[b*panel:][:panel] {
					acc[o] += float32(m * sx)
				}
			}
		}
		for o, v := range acc {
			y[o] = v + s.bias[o]
		}
	}
}

func float(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }

// weavePortable interleaves the bytes of 16 rows of n blocks in groups of four.
func weavePortable(dst, src []byte, n int) {
	row := n * blockSize
	for k := 0; k < row; k += 4 {
		for o := range panel {
			copy(dst[k*panel+4*o:][:4], src[o*row+k:][:4])
		}
	}
}
