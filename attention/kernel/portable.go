package kernel

import (
	"encoding/binary"
	"math"

	"spatten/tensor"
)

func tilePortable(c []float32, ldc int, a []float32, lda, m int, b []float32, ldb, k int, add bool) {
	for i := range m {
		row := a[i*lda : i*lda+k]
		for j := 0; j < Lanes; j += 4 {
			var s0, s1, s2, s3 float32
			at := j
			for _, v := range row {
				w := b[at : at+4 : at+4]
				s0 += float32(v * w[0])
				s1 += float32(v * w[1])
				s2 += float32(v * w[2])
				s3 += float32(v * w[3])
				at += ldb
			}
			out := c[i*ldc+j : i*ldc+j+4 : i*ldc+j+4]
			if add {
				s0, s1, s2, s3 = s0+out[0], s1+out[1], s2+out[2], s3+out[3]
			}
			out[0], out[1], out[2], out[3] = s0, s1, s2, s3
		}
	}
}

func transposePortable(dst, src []float32, d int) {
	for i := range Lanes {
		row := src[i*d : (i+1)*d]
		for c, v := range row {
			dst[c*Lanes+i] = v
		}
	}
}

func maxPortable(x []float32) float32 {
	top := x[0]
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	return top
}

// The exponential: 2^n·p(r) with n = round(x·log₂e) and |r| ≤ ln2/2, p the Taylor series of degree 6, whose error there is
// under 2·10⁻⁷. ln2 is split so that n·ln2High is exact (Cody and Waite, 1980).
const (
	log2e    = float32(math.Log2E)
	ln2High  = float32(0.693359375)
	ln2Low   = float32(-2.12194440e-4)
	expFloor = float32(-87)
)

func expPortable(dst, x []float32, top float32, _ []byte) float32 {
	var sum float32
	for i, v := range x {
		dst[i] = exponential(v - top)
		sum += dst[i]
	}
	return sum
}

func expFoursPortable(dst, x []float32, tops *[Fours]float32) float32 {
	largest := float32(math.Inf(-1))
	for i, v := range x {
		v -= tops[i%Fours]
		largest = max(largest, v)
		dst[i] = exponential(v)
	}
	return largest
}

// exponential is exp(v) for v of at most 88 or so; NaN stays visible.
func exponential(v float32) float32 {
	if v < expFloor {
		return 0
	}
	if v != v {
		return v
	}
	n := float32(math.RoundToEven(float64(float32(v * log2e))))
	r := v - float32(n*ln2High)
	r -= float32(n * ln2Low)
	p := float32(1.0 / 720)
	p = float32(p*r) + 1.0/120
	p = float32(p*r) + 1.0/24
	p = float32(p*r) + 1.0/6
	p = float32(p*r) + 0.5
	p = float32(p*r) + 1
	p = float32(p*r) + 1
	return math.Float32frombits(math.Float32bits(p) + uint32(int32(n))<<23)
}

func scalePortable(x []float32, s float32) {
	for i := range x {
		x[i] *= s
	}
}

func addPortable(dst, x []float32) {
	for i, v := range x {
		dst[i] += v
	}
}

func countPortable(x []float32, t float32) int {
	n := 0
	for _, v := range x {
		if v > t {
			n++
		}
	}
	return n
}

func abovePortable(dst []int32, x []float32, t float32, _ []byte) int {
	n := 0
	for i, v := range x {
		if v >= t {
			dst[n] = int32(i)
			n++
		}
	}
	return n
}

func betweenPortable(dst, x []float32, low, high float32, _ []byte) (inside, above int) {
	for _, v := range x {
		switch {
		case v > high:
			above++
		case v > low:
			dst[inside] = v
			inside++
		}
	}
	return inside, above
}

func cutPortable(x []float32, t float32, marks []float32) float32 {
	var sum float32
	for i, v := range x {
		if v >= t {
			marks[i] = 1
			sum += v
		} else {
			x[i] = 0
		}
	}
	return sum
}

func quantizePortable(dst []int8, x []float32, inverse float32) int {
	sum := 0
	for i, v := range x {
		q := int8(math.RoundToEven(float64(v * inverse)))
		dst[i] = q
		sum += int(q)
	}
	return sum
}

func dotsPortable(dst []float32, q []int8, codes []byte) {
	for j := range dst {
		row := codes[:len(q)]
		var a, b int32
		for i := 0; i+1 < len(q); i += 2 {
			a += int32(q[i]) * int32(row[i])
			b += int32(q[i+1]) * int32(row[i+1])
		}
		dst[j] = float32(a + b)
		codes = codes[len(q):]
	}
}

func rescalePortable(x []float32, offset float32, scales []uint16, factor float32) {
	for j, s := range scales {
		x[j] = float32(x[j]+offset) * float32(math.Float32frombits(uint32(s)<<16)*factor)
	}
}

func weighPortable(out []float32, ldo int, w []float32, ldw, m int, codes []byte, d, rows int) {
	for h := range m {
		weights, sums := w[h*ldw:h*ldw+rows], out[h*ldo:h*ldo+d]
		for i := 0; i < d; i += 4 {
			var s0, s1, s2, s3 float32
			at := i
			for _, v := range weights {
				c := codes[at : at+4 : at+4]
				s0 += float32(v * float32(c[0]))
				s1 += float32(v * float32(c[1]))
				s2 += float32(v * float32(c[2]))
				s3 += float32(v * float32(c[3]))
				at += d
			}
			sums[i] += s0
			sums[i+1] += s1
			sums[i+2] += s2
			sums[i+3] += s3
		}
	}
}

func foldPortable(dst []int8, stride int, tmp, q []float32, m int, scales []uint16, largest, sums []float32, lds int, _ []byte) {
	d := len(tmp)
	for b := range len(scales) / d {
		for h := range m {
			for i, s := range scales[b*d : (b+1)*d] {
				tmp[i] = q[h*d+i] * math.Float32frombits(uint32(s)<<16)
			}
			top := absmaxPortable(tmp)
			inverse := 127 / top
			if !(inverse <= math.MaxFloat32) {
				inverse = 0
			}
			largest[b*lds+h], sums[b*lds+h] = top, float32(quantizePortable(dst[b*stride+h*d:][:d], tmp, inverse))
		}
	}
}

// parts are the widths that a code is cut into, the most significant first.
var parts = [...]int{8, 4, 2, 1}

func unpackPortable(dst, src []byte, rows []int32, n, dim, bits int) {
	size := dim * bits / 8
	for i := range n {
		at := i
		if rows != nil {
			at = int(rows[i])
		}
		out, in := dst[i*dim:(i+1)*dim], src[at*size:(at+1)*size]
		clear(out)
		left := bits
		for _, width := range parts {
			if left < width {
				continue
			}
			left -= width
			part := dim * width / 8
			mask := byte(1<<width - 1)
			for shift, to := 0, out; len(to) > 0; shift, to = shift+width, to[part:] {
				j := 0
				for wide := uint64(mask) * 0x0101010101010101; j+8 <= part; j += 8 { // eight bytes at a time
					x := binary.LittleEndian.Uint64(in[j:]) >> shift & wide << left
					binary.LittleEndian.PutUint64(to[j:], binary.LittleEndian.Uint64(to[j:])|x)
				}
				for ; j < part; j++ {
					to[j] |= in[j] >> shift & mask << left
				}
			}
			in = in[part:]
		}
	}
}

func widenPortable(dst []float32, src []uint16) {
	for i, h := range src {
		dst[i] = tensor.F16(h)
	}
}

func sumPortable(x []float32) float32 {
	var sum float32
	for _, v := range x {
		sum += v
	}
	return sum
}

func affinePortable(x []float32, offset, factor float32) {
	for i, v := range x {
		x[i] = float32(v+offset) * factor
	}
}

func absmaxPortable(x []float32) float32 {
	var top float32
	for _, v := range x {
		top = max(top, v, -v)
	}
	return top
}

func narrowPortable(dst []uint16, src []float32) {
	for i, v := range src {
		dst[i] = tensor.ToF16(v)
	}
}

func widestPortable(dst, x []float32) {
	for i, v := range x {
		if v < 0 {
			v = -v
		}
		if v > dst[i] { // not NaN
			dst[i] = v
		}
	}
}

func encodePortable[T byte | uint16](dst []T, x, inverses []float32, middle float32) {
	for i, v := range x {
		u := float32(v*inverses[i]) + middle
		if !(u > 0) {
			u = 0
		}
		dst[i] = T(min(u, 2*middle-1))
	}
}

func floatsPortable(dst []float32, codes []byte) {
	for i, u := range codes {
		dst[i] = float32(u)
	}
}

func gatherPortable(dst, x []float32, rows []int32) {
	for j, row := range rows {
		dst[j] = x[row]
	}
}

func mixPortable(dst, x []float32, ld int, factors []float32, _ []byte) {
	for j := range dst {
		var sum float32
		for h, f := range factors {
			sum += float32(x[h*ld+j] * f)
		}
		dst[j] = sum
	}
}
