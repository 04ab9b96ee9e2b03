package kernel

// Tile computes c[i][j] = Σ_k a[i][k]·b[k][j] for m rows of a and 16 columns of b, or adds that to c. Rows start lda, ldb
// and ldc elements apart; the sum runs over k upwards from zero.
func Tile(c []float32, ldc int, a []float32, lda, m int, b []float32, ldb, k int, add bool) {
	if m > 0 {
		active.tile(c, ldc, a, lda, m, b, ldb, k, add)
	}
}

// Transpose turns 16 rows of d elements (a multiple of 8) into d rows of 16.
func Transpose(dst, src []float32, d int) { active.transpose(dst[:Lanes*d], src[:Lanes*d], d) }

// Exp writes exp(x − top) to dst, which may be x, and returns the sum; len(x) is a multiple of Lanes. What lies more than 87 below
// top becomes 0.
func Exp(dst, x []float32, top float32) float32 { return active.exp(dst[:len(x)], x, top, nil) }

// ExpAhead is Exp, and asks for bytes meanwhile.
func ExpAhead(dst, x []float32, top float32, a Ahead) float32 {
	return active.exp(dst[:len(x)], x, top, claim(a, expAhead*len(x)))
}

// ExpFours writes exp(x − top) to dst, which may be x, tops being four that take turns, and returns the largest x − top; len(x) is a
// multiple of Lanes. What lies more than 87 below its top becomes 0.
func ExpFours(dst, x []float32, tops *[Fours]float32) float32 {
	return active.expFours(dst[:len(x)], x, tops)
}

// Sum adds up x, whose length is a multiple of Lanes.
func Sum(x []float32) float32 { return active.sum(x) }

// Max returns the largest of x, whose length is a multiple of Lanes.
func Max(x []float32) float32 { return active.max(x) }

// AbsMax returns the largest magnitude in x, whose length is a multiple of Lanes.
func AbsMax(x []float32) float32 { return active.absmax(x) }

// The functions from here on take any length: what does not fill the lanes is done one by one, with the same result.

// Scale multiplies x by s.
func Scale(x []float32, s float32) {
	n := len(x) &^ (Lanes - 1)
	if n > 0 {
		active.scale(x[:n], s)
	}
	scalePortable(x[n:], s)
}

// Add adds x to dst.
func Add(dst, x []float32) {
	n := len(dst) &^ (Lanes - 1)
	if n > 0 {
		active.add(dst[:n], x[:n])
	}
	addPortable(dst[n:], x[n:len(dst)])
}

// Count returns how many of x are greater than t.
func Count(x []float32, t float32) int {
	n := len(x) &^ (Lanes - 1)
	count := countPortable(x[n:], t)
	if n > 0 {
		count += active.count(x[:n], t)
	}
	return count
}

// Above writes the indices of all x ≥ t to dst, ascending, and returns their number. dst has room for len(x) + Lanes. It asks for bytes meanwhile.
func Above(dst []int32, x []float32, t float32, a Ahead) int {
	n, found := len(x)&^(Lanes-1), 0
	if n > 0 {
		found = active.above(dst, x[:n], t, claim(a, selectAhead*n))
	}
	for i := n; i < len(x); i++ {
		if x[i] >= t {
			dst[found] = int32(i)
			found++
		}
	}
	return found
}

// Between writes those of x that are above low and not above high to dst, in their order, and returns their number and how many are
// above high. dst has room for len(x) + Lanes. It asks for bytes meanwhile.
func Between(dst, x []float32, low, high float32, a Ahead) (inside, above int) {
	n := len(x) &^ (Lanes - 1)
	if n > 0 {
		inside, above = active.between(dst[:n+Lanes], x[:n], low, high, claim(a, selectAhead*n))
	}
	more, higher := betweenPortable(dst[inside:], x[n:], low, high, nil)
	return inside + more, above + higher
}

// Cut zeroes all x < t, sets marks to 1 where x ≥ t, and returns the sum of what is left; len(x) is a multiple of Lanes.
func Cut(x []float32, t float32, marks []float32) float32 { return active.cut(x, t, marks[:len(x)]) }

// Quantize writes x·inverse rounded to the nearest integer, ties to even, and returns their sum; len(x) is a multiple of Lanes.
func Quantize(dst []int8, x []float32, inverse float32) int {
	return active.quantize(dst[:len(x)], x, inverse)
}

// Dots writes to dst[j] the exact Σ_i q[i]·codes[j][i] for len(dst) rows of len(q) codes, len(q) a multiple of Lanes; |q| is
// at most 127.
func Dots(dst []float32, q []int8, codes []byte) {
	if len(dst) > 0 {
		active.dots(dst, q, codes[:len(dst)*len(q)])
	}
}

// Rescale turns integer products into scores: x[j] = (x[j] + offset)·(scales[j]·factor), scales being bfloat16.
func Rescale(x []float32, offset float32, scales []uint16, factor float32) {
	n := len(x) &^ (Lanes - 1)
	if n > 0 {
		active.rescale(x[:n], offset, scales[:n], factor)
	}
	rescalePortable(x[n:], offset, scales[n:len(x)], factor)
}

// Affine computes x = (x + offset)·factor.
func Affine(x []float32, offset, factor float32) {
	n := len(x) &^ (Lanes - 1)
	if n > 0 {
		active.affine(x[:n], offset, factor)
	}
	affinePortable(x[n:], offset, factor)
}

// Listed writes to dst[h·ld+j] the exact product of the packed row rows[j] with query h of m, of the set sets[j]: queries of d integers,
// sets of them stride integers apart. Both lists are ascending. mem is memory for unpacked codes.
func Listed(dst []float32, ld int, q []int8, m, stride int, packed []byte, rows, sets []int32, d, bits int, mem *[]byte) {
	if len(rows) > 0 && m > 0 {
		active.listed(dst, ld, q, m, stride, packed, rows, sets[:len(rows)], d, bits, mem)
	}
}

// listedPortable unpacks some rows at a time.
func listedPortable(dst []float32, ld int, q []int8, m, stride int, packed []byte, rows, sets []int32, d, bits int, mem *[]byte) {
	const together = 8
	if cap(*mem) < together*d {
		*mem = make([]byte, together*d)
	}
	codes := (*mem)[:together*d]
	for at := 0; at < len(rows); {
		n := 1 // rows of the same set
		for n < together && at+n < len(rows) && sets[at+n] == sets[at] {
			n++
		}
		Unpack(codes[:n*d], packed, rows[at:at+n], n, d, bits)
		for h := range m {
			Dots(dst[h*ld+at:h*ld+at+n], q[int(sets[at])*stride+h*d:][:d], codes[:n*d])
		}
		at += n
	}
}

// Fold quantizes q[i]·scales[i] of m queries of d numbers, a multiple of Lanes, to integers of at most 127, for every block of d scales: those
// of block b go to dst from b·stride on. For query h it writes the largest magnitude of those products, for which 127
// stands, to largest[b·lds+h], and the sum of the integers to sums[b·lds+h]. tmp is scratch of d numbers. It asks for bytes meanwhile.
func Fold(dst []int8, stride int, tmp, q []float32, m int, scales []uint16, largest, sums []float32, lds int, a Ahead) {
	d := len(tmp)
	if blocks := len(scales) / d; blocks > 0 && m > 0 {
		last := blocks - 1
		active.fold(dst[:last*stride+m*d], stride, tmp, q[:m*d], m, scales[:blocks*d], largest[:last*lds+m], sums[:last*lds+m], lds, claim(a, foldAhead*blocks))
	}
}

// Weigh adds Σ_j w[j]·codes[j][i] to out[i] for rows of d codes, d a multiple of Lanes, and for m heads, whose weights and outputs start
// ldw and ldo elements apart; each sum runs over j upwards from zero.
func Weigh(out []float32, ldo int, w []float32, ldw, m int, codes []byte, d, rows int) {
	if rows > 0 && m > 0 {
		active.weigh(out, ldo, w, ldw, m, codes[:rows*d], d, rows)
	}
}

// Unpack writes the codes of packed rows (see quant.Plane) of dim codes of 1 to 8 bits as a byte each: of the rows
// listed, or without a list of the first n.
func Unpack(dst, src []byte, rows []int32, n, dim, bits int) {
	if rows != nil {
		n = len(rows)
	}
	if n > 0 {
		active.unpack(dst[:n*dim], src, rows, n, dim, bits)
	}
}

// Widen turns fp16 into fp32.
func Widen(dst []float32, src []uint16) {
	n := len(dst) &^ (Lanes - 1)
	if n > 0 {
		active.widen(dst[:n], src[:n])
	}
	widenPortable(dst[n:], src[n:len(dst)])
}

// Narrow rounds fp32 to fp16, ties to even.
func Narrow(dst []uint16, src []float32) {
	n := len(src) &^ (Lanes - 1)
	if n > 0 {
		active.narrow(dst[:n], src[:n])
	}
	narrowPortable(dst[n:len(src)], src[n:])
}

// Widest raises each of dst to the magnitude in x where that is larger.
func Widest(dst, x []float32) {
	n := len(dst) &^ (Lanes - 1)
	if n > 0 {
		active.widest(dst[:n], x[:n])
	}
	widestPortable(dst[n:], x[n:len(dst)])
}

// Floats turns codes of a byte each into fp32.
func Floats(dst []float32, codes []byte) {
	n := len(codes) &^ (Lanes - 1)
	if n > 0 {
		active.floats(dst[:n], codes[:n])
	}
	floatsPortable(dst[n:len(codes)], codes[n:])
}

// EncodeBytes is Encode for codes of at most 8 bits.
func EncodeBytes(dst []byte, x, inverses []float32, middle float32) {
	n := len(x) &^ (Lanes - 1)
	if n > 0 {
		active.bytes(dst[:n], x[:n], inverses[:n], middle)
	}
	encodePortable(dst[n:len(x)], x[n:], inverses[n:len(x)], middle)
}

// Encode writes the codes of x: x·inverse + middle cut off to integers from 0 to 2·middle − 1; NaN becomes 0.
func Encode(dst []uint16, x, inverses []float32, middle float32) {
	n := len(x) &^ (Lanes - 1)
	if n > 0 {
		active.encode(dst[:n], x[:n], inverses[:n], middle)
	}
	encodePortable(dst[n:len(x)], x[n:], inverses[n:len(x)], middle)
}

// Gather writes x[rows[j]] to dst[j].
func Gather(dst, x []float32, rows []int32) {
	n := len(rows) &^ (Lanes - 1)
	if n > 0 {
		_ = x[rows[n-1]] // the last of an ascending list
		active.gather(dst[:n], x, rows[:n])
	}
	for j := n; j < len(rows); j++ {
		dst[j] = x[rows[j]]
	}
}

// Mix writes the sum of rows of x, which start ld elements apart, each times its factor; len(dst) is a multiple of Lanes. It asks for bytes
// meanwhile.
func Mix(dst, x []float32, ld int, factors []float32, a Ahead) {
	active.mix(dst, x[:(len(factors)-1)*ld+len(dst)], ld, factors, claim(a, mixAhead*len(dst)))
}
