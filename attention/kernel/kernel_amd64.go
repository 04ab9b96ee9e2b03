package kernel

//go:generate go run ./asm -out kernel_amd64.s -stubs stubs_amd64.go -pkg kernel

import (
	"math/bits"

	"golang.org/x/sys/cpu"
)

// available returns the sets of this machine, the fastest first.
func available() []*set {
	sets := []*set{&portable}
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA || !cpu.X86.HasPOPCNT {
		return sets
	}
	avx2 := set{
		name:      "avx2",
		tile:      tile256,
		transpose: func(dst, src []float32, d int) { transposeAVX2(&dst[0], &src[0], d) },
		max:       func(x []float32) float32 { return maxAVX2(&x[0], len(x)) },
		sum:       func(x []float32) float32 { return sumAVX2(&x[0], len(x)) },
		absmax:    func(x []float32) float32 { return absmaxAVX2(&x[0], len(x)) },
		exp:       func(dst, x []float32, top float32, _ []byte) float32 { return expAVX2(&dst[0], &x[0], top, len(x)) },
		expFours: func(dst, x []float32, tops *[Fours]float32) float32 {
			return expFoursAVX2(&dst[0], &x[0], &tops[0], len(x))
		},
		scale:  func(x []float32, s float32) { scaleAVX2(&x[0], s, len(x)) },
		add:    func(dst, x []float32) { addAVX2(&dst[0], &x[0], len(dst)) },
		affine: func(x []float32, offset, factor float32) { affineAVX2(&x[0], offset, factor, len(x)) },
		rescale: func(x []float32, offset float32, scales []uint16, factor float32) {
			rescaleAVX2(&x[0], offset, &scales[0], factor, len(x))
		},
		count: func(x []float32, t float32) int { return countAVX2(&x[0], t, len(x)) },
		above: func(dst []int32, x []float32, t float32, _ []byte) int {
			return aboveAVX2(&dst[0], &x[0], t, &places, len(x))
		},
		between: func(dst, x []float32, low, high float32, _ []byte) (inside, above int) {
			return betweenAVX2(&dst[0], &x[0], low, high, &places, len(x))
		},
		cut: func(x []float32, t float32, marks []float32) float32 { return cutAVX2(&x[0], t, &marks[0], len(x)) },
		quantize: func(dst []int8, x []float32, inverse float32) int {
			return int(quantizeAVX2(&dst[0], &x[0], inverse, len(x)))
		},
		dots:   dots256,
		weigh:  weigh256,
		panels: panels256,
		listed: listedPortable,
		spread: spread256,
		fold:   fold256,
		unpack: unpack256,
		widen:  widenPortable,
		narrow: narrowPortable,
		gather: func(dst, x []float32, rows []int32) { gatherAVX2(&dst[0], &x[0], &rows[0], len(rows)) },
		mix: func(dst, x []float32, ld int, factors []float32, _ []byte) {
			mixAVX2(&dst[0], &x[0], 4*ld, &factors[0], len(factors), len(dst))
		},
		widest: func(dst, x []float32) { widestAVX2(&dst[0], &x[0], len(dst)) },
		encode: func(dst []uint16, x, inverses []float32, middle float32) {
			encodeAVX2(&dst[0], &x[0], &inverses[0], middle, 2*middle-1, len(x))
		},
		bytes: func(dst []byte, x, inverses []float32, middle float32) {
			encodeBytesAVX2(&dst[0], &x[0], &inverses[0], middle, 2*middle-1, len(x))
		},
		floats: func(dst []float32, codes []byte) { floatsAVX2(&dst[0], &codes[0], len(codes)) },
	}
	if cpu.X86.HasF16C {
		avx2.widen = func(dst []float32, src []uint16) { widenAVX2(&dst[0], &src[0], len(dst)) }
		avx2.narrow = func(dst []uint16, src []float32) { narrowAVX2(&dst[0], &src[0], len(src)) }
	}
	avx2.chosen, avx2.refine = avx2.chosenRows, avx2.refineRows
	sets = append([]*set{&avx2}, sets...)
	if !cpu.X86.HasAVX512F || !cpu.X86.HasAVX512DQ || !cpu.X86.HasAVX512VL || !cpu.X86.HasAVX512BW {
		return sets
	}
	avx512 := avx2
	avx512.name, avx512.tile, avx512.weigh = "avx512", tile512, weigh512
	avx512.chosen = avx512.chosen512
	avx512.exp = func(dst, x []float32, top float32, ahead []byte) float32 {
		from, step := steps(ahead, 32*expAhead)
		return expAVX512(&dst[0], &x[0], top, len(x), from, step)
	}
	avx512.expFours = func(dst, x []float32, tops *[Fours]float32) float32 {
		return expFoursAVX512(&dst[0], &x[0], &tops[0], len(x))
	}
	avx512.sum = func(x []float32) float32 { return sumAVX512(&x[0], len(x)) }
	avx512.max = func(x []float32) float32 { return maxAVX512(&x[0], len(x)) }
	avx512.mix = func(dst, x []float32, ld int, factors []float32, ahead []byte) {
		from, step := steps(ahead, 64*mixAhead)
		mixAVX512(&dst[0], &x[0], 4*ld, &factors[0], len(factors), len(dst), from, step)
	}
	avx512.above = func(dst []int32, x []float32, t float32, ahead []byte) int {
		from, step := steps(ahead, 16*selectAhead)
		return aboveAVX512(&dst[0], &x[0], t, &ascending, len(x), from, step)
	}
	avx512.between = func(dst, x []float32, low, high float32, ahead []byte) (inside, above int) {
		from, step := steps(ahead, 16*selectAhead)
		return betweenAVX512(&dst[0], &x[0], low, high, len(x), from, step)
	}
	avx512.count = func(x []float32, t float32) int { return countAVX512(&x[0], t, len(x)) }
	if cpu.X86.HasAVX512VNNI {
		avx512.panels, avx512.listed, avx512.panelTile = panels512, listed512, panelTile512
		avx512.refine, avx512.fold = avx512.refine512, fold512
	}
	return append([]*set{&avx512}, sets...)
}

// idle is asked for where there is nothing else to ask for: it is near already.
var idle [1024]byte

// steps returns where a kernel begins to ask for bytes, and how far it moves on in each step.
func steps(ahead []byte, step int) (*byte, int) {
	if len(ahead) == 0 {
		return &idle[0], 0
	}
	return &ahead[0], step
}

// ascending are the first places of a vector.
var ascending = [Lanes]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// places lists, for every mask of eight, the places of its ones, ascending.
var places = func() (table [256][8]byte) {
	for mask := range table {
		n := 0
		for bit := range 8 {
			if mask>>bit&1 == 1 {
				table[mask][n] = byte(bit)
				n++
			}
		}
	}
	return table
}()

// tileFunc is a kernel for a fixed number of rows.
type tileFunc func(c *float32, ldc int, a *float32, lda int, b *float32, ldb, k, add int)

var tiles256 = [...]tileFunc{tile1AVX2, tile2AVX2, tile3AVX2, tile4AVX2}

func tile256(c []float32, ldc int, a []float32, lda, m int, b []float32, ldb, k int, add bool) {
	flag := 0
	if add {
		flag = 1
	}
	_ = b[(k-1)*ldb+Lanes-1]
	_ = a[(m-1)*lda+k-1]
	_ = c[(m-1)*ldc+Lanes-1]
	for i := 0; i < m; i += 4 {
		tiles256[min(4, m-i)-1](&c[i*ldc], 4*ldc, &a[i*lda], 4*lda, &b[0], 4*ldb, k, flag)
	}
}

func tile512(c []float32, ldc int, a []float32, lda, m int, b []float32, ldb, k int, add bool) {
	flag := 0
	if add {
		flag = 1
	}
	_ = b[(k-1)*ldb+Lanes-1]
	_ = a[(m-1)*lda+k-1]
	_ = c[(m-1)*ldc+Lanes-1]
	for i := 0; i < m; {
		rows, f := 1, tile1AVX512
		switch {
		case m-i >= 8:
			rows, f = 8, tile8AVX512
		case m-i >= 4:
			rows, f = 4, tile4AVX512
		case m-i >= 2:
			rows, f = 2, tile2AVX512
		}
		f(&c[i*ldc], 4*ldc, &a[i*lda], 4*lda, &b[0], 4*ldb, k, flag)
		i += rows
	}
}

// panelTiles are by the logarithm of their rows.
var panelTiles = [...]func(dst *float32, ld int, q *int8, d int, packed *byte, n int){
	panelTile1AVX512, panelTile2AVX512, panelTile4AVX512, panelTile8AVX512}

func panelTile512(dst []float32, ld int, q []int8, m int, packed []byte, n, d int) {
	_, _, _ = dst[(m-1)*ld+n*Lanes-1], q[m*d-1], packed[n*PanelBytes(d, 8)-1]
	for i := 0; i < m; {
		size := min(bits.Len(uint(m-i)), len(panelTiles)) - 1
		panelTiles[size](&dst[i*ld], 4*ld, &q[i*d], d, &packed[0], n)
		i += 1 << size
	}
}

func dots256(dst []float32, q []int8, codes []byte) {
	d, n := len(q), len(dst)&^3
	if n > 0 {
		dotsAVX2(&dst[0], &q[0], &codes[0], d, n)
	}
	for ; n < len(dst); n++ {
		dst[n] = dotAVX2(&q[0], &codes[n*d], d)
	}
}

// weighFunc is a kernel for a fixed number of heads and columns.
type weighFunc func(out *float32, ldo int, w *float32, ldw int, codes *byte, d, rows int)

var (
	weighs256 = [...]weighFunc{weigh1x32AVX2, weigh2x32AVX2, weigh3x32AVX2}
	weighs512 = [...]weighFunc{weigh1x64AVX512, weigh2x64AVX512, weigh3x64AVX512}
)

func weigh256(out []float32, ldo int, w []float32, ldw, m int, codes []byte, d, rows int) {
	weighColumns(&weighs256, 32, out, ldo, w, ldw, m, codes, d, rows)
}

func weigh512(out []float32, ldo int, w []float32, ldw, m int, codes []byte, d, rows int) {
	weighColumns(&weighs512, 64, out, ldo, w, ldw, m, codes, d, rows)
}

// weighColumns goes over the columns in the kernels' width, and over what is left in sixteens.
func weighColumns(kernels *[3]weighFunc, width int, out []float32, ldo int, w []float32, ldw, m int, codes []byte, d, rows int) {
	_, _, _ = out[(m-1)*ldo+d-1], w[(m-1)*ldw+rows-1], codes[rows*d-1]
	for h := 0; h < m; {
		heads := min(3, m-h)
		c := 0
		for ; d-c >= width; c += width {
			kernels[heads-1](&out[h*ldo+c], 4*ldo, &w[h*ldw], 4*ldw, &codes[c], d, rows)
		}
		for ; c < d; c += Lanes {
			for i := h; i < h+heads; i++ {
				weigh16AVX2(&out[i*ldo+c], &w[i*ldw], &codes[c], d, rows)
			}
		}
		h += heads
	}
}

func fold256(dst []int8, stride int, tmp, q []float32, m int, scales []uint16, largest, sums []float32, lds int, _ []byte) {
	d := len(tmp)
	for b := range len(scales) / d {
		foldAVX2(&dst[b*stride], &tmp[0], &q[0], &scales[b*d], 127, m, d, &largest[b*lds], &sums[b*lds])
	}
}

var folds512 = [4]func(dst *int8, stride int, q *float32, scales *uint16, limit float32, largest, sums *float32, lds, blocks int, ahead *byte, step int){
	fold1AVX512, fold2AVX512, fold3AVX512, fold4AVX512,
}

// fold512 takes up to four queries at a time.
func fold512(dst []int8, stride int, tmp, q []float32, m int, scales []uint16, largest, sums []float32, lds int, ahead []byte) {
	d := len(tmp)
	if d != 64 {
		fold256(dst, stride, tmp, q, m, scales, largest, sums, lds, ahead)
		return
	}
	from, step := steps(ahead, foldAhead/2)
	for h := 0; h < m; h += 4 {
		folds512[min(4, m-h)-1](&dst[h*d], stride, &q[h*d], &scales[0], 127, &largest[h], &sums[h], 4*lds, len(scales)/d, from, step)
		from, step = steps(nil, 0)
	}
}

// panelFunc is a kernel for a fixed number of queries and width of codes.
type panelFunc func(dst *float32, ld int, q *int8, d int, packed *byte, panels, every, stride int, offsets, factors *float32, lds int)

var panelKernels256 = [8][3]panelFunc{
	{panels1x1AVX2, panels2x1AVX2, panels3x1AVX2}, {panels1x2AVX2, panels2x2AVX2, panels3x2AVX2},
	{panels1x3AVX2, panels2x3AVX2, panels3x3AVX2}, {panels1x4AVX2, panels2x4AVX2, panels3x4AVX2},
	{panels1x5AVX2, panels2x5AVX2, panels3x5AVX2}, {panels1x6AVX2, panels2x6AVX2, panels3x6AVX2},
	{panels1x7AVX2, panels2x7AVX2, panels3x7AVX2}, {panels1x8AVX2, panels2x8AVX2, panels3x8AVX2},
}

var panelKernels512 = [8][3]panelFunc{
	{panels1x1AVX512, panels2x1AVX512, panels3x1AVX512}, {panels1x2AVX512, panels2x2AVX512, panels3x2AVX512},
	{panels1x3AVX512, panels2x3AVX512, panels3x3AVX512}, {panels1x4AVX512, panels2x4AVX512, panels3x4AVX512},
	{panels1x5AVX512, panels2x5AVX512, panels3x5AVX512}, {panels1x6AVX512, panels2x6AVX512, panels3x6AVX512},
	{panels1x7AVX512, panels2x7AVX512, panels3x7AVX512}, {panels1x8AVX512, panels2x8AVX512, panels3x8AVX512},
}

func panels256(dst []float32, ld int, q []int8, m int, packed []byte, n, d, bits int, offsets, factors []float32, sets Sets) {
	panelQueries(&panelKernels256[bits-1], dst, ld, q, m, packed, n, d, bits, offsets, factors, sets)
}

func panels512(dst []float32, ld int, q []int8, m int, packed []byte, n, d, bits int, offsets, factors []float32, sets Sets) {
	panelQueries(&panelKernels512[bits-1], dst, ld, q, m, packed, n, d, bits, offsets, factors, sets)
}

// panelQueries takes up to three queries at a time.
func panelQueries(kernels *[3]panelFunc, dst []float32, ld int, q []int8, m int, packed []byte, n, d, bits int, offsets, factors []float32, sets Sets) {
	last := (n - 1) / sets.Every
	_, _, _ = dst[(m-1)*ld+n*Lanes-1], q[last*sets.Stride+m*d-1], packed[n*PanelBytes(d, bits)-1]
	_, _ = offsets[last*sets.Factors+m-1], factors[last*sets.Factors+m-1]
	for h := 0; h < m; h += 3 {
		kernels[min(3, m-h)-1](&dst[h*ld], 4*ld, &q[h*d], d, &packed[0], n, sets.Every, sets.Stride, &offsets[h], &factors[h], 4*sets.Factors)
	}
}

var (
	unpacks256   = [7]func(dst, src *byte, n int){unpack1AVX2, unpack2AVX2, unpack3AVX2, unpack4AVX2, unpack5AVX2, unpack6AVX2, unpack7AVX2}
	unpacksOf256 = [7]func(dst, src *byte, rows *int32, n int){unpack1OfAVX2, unpack2OfAVX2, unpack3OfAVX2, unpack4OfAVX2, unpack5OfAVX2, unpack6OfAVX2, unpack7OfAVX2}
)

func unpack256(dst, src []byte, rows []int32, n, dim, bits int) {
	switch {
	case bits == 8:
		copyRows(dst, src, rows, n, dim)
	case dim != 64:
		unpackPortable(dst, src, rows, n, dim, bits)
	case rows == nil:
		_, _ = dst[64*n-1], src[n*bits*8-1]
		unpacks256[bits-1](&dst[0], &src[0], n)
	default:
		_, _ = dst[64*n-1], src[(int(rows[n-1])+1)*bits*8-1] // the last of an ascending list
		prefetchAVX2(&src[0], &rows[0], 8*bits, n)
		unpacksOf256[bits-1](&dst[0], &src[0], &rows[0], n)
	}
}

var listeds512 = [8]func(dst *float32, ld int, q *int8, m, stride int, packed *byte, rows, sets *int32, n int){
	listed1AVX512, listed2AVX512, listed3AVX512, listed4AVX512, listed5AVX512, listed6AVX512, listed7AVX512, listed8AVX512,
}

// listed512 takes rows of 64 codes.
func listed512(dst []float32, ld int, q []int8, m, stride int, packed []byte, rows, sets []int32, d, bits int, mem *[]byte) {
	if d != 64 {
		listedPortable(dst, ld, q, m, stride, packed, rows, sets, d, bits, mem)
		return
	}
	n := len(rows)
	_, _, _, _ = dst[(m-1)*ld+n-1], packed[(int(rows[n-1])+1)*8*bits-1], sets[n-1], q[int(sets[n-1])*stride+m*64-1]
	prefetchAVX2(&packed[0], &rows[0], 8*bits, n)
	if n < 8 {
		listedPortable(dst, ld, q, m, stride, packed, rows, sets, d, bits, mem)
		return
	}
	listeds512[bits-1](&dst[0], 4*ld, &q[0], m, stride, &packed[0], &rows[0], &sets[0], n&^7)
	if n%8 > 0 { // the last round once more, from its own rows on: integer products come out the same
		listeds512[bits-1](&dst[n-8], 4*ld, &q[0], m, stride, &packed[0], &rows[n-8], &sets[n-8], 8)
	}
}

func copyRows(dst, src []byte, rows []int32, n, dim int) {
	if rows == nil {
		copy(dst, src[:n*dim])
		return
	}
	for i, row := range rows {
		copy(dst[i*dim:(i+1)*dim], src[int(row)*dim:])
	}
}

// chosenFunc is a kernel for a fixed number of heads and width of codes.
type chosenFunc func(out *float32, ldo int, sums, w *float32, ldw int, packed *byte, scales *uint16, rows *int32, n, listed int)

var chosens512 = [8][chosenHeads]chosenFunc{
	{chosen1x1AVX512, chosen2x1AVX512, chosen3x1AVX512}, {chosen1x2AVX512, chosen2x2AVX512, chosen3x2AVX512},
	{chosen1x3AVX512, chosen2x3AVX512, chosen3x3AVX512}, {chosen1x4AVX512, chosen2x4AVX512, chosen3x4AVX512},
	{chosen1x5AVX512, chosen2x5AVX512, chosen3x5AVX512}, {chosen1x6AVX512, chosen2x6AVX512, chosen3x6AVX512},
	{chosen1x7AVX512, chosen2x7AVX512, chosen3x7AVX512}, {chosen1x8AVX512, chosen2x8AVX512, chosen3x8AVX512},
}

// chosen512 takes rows of 64 codes.
func (s *set) chosen512(out []float32, ldo int, sums, w []float32, ldw, m int, packed []byte, scales []uint16, rows []int32, n, d, bits int, mem *ChosenMemory) {
	if d != 64 {
		s.chosenRows(out, ldo, sums, w, ldw, m, packed, scales, rows, n, d, bits, mem)
		return
	}
	last := int(rows[len(rows)-1]) // of an ascending list
	_, _, _, _ = packed[(last+1)*8*bits-1], scales[last], w[(m-1)*ldw+last], rows[n-1]
	_, _ = out[(m-1)*ldo+d-1], sums[2*m-1]
	for h := 0; h < m; h += chosenHeads {
		chosens512[bits-1][min(chosenHeads, m-h)-1](&out[h*ldo], 4*ldo, &sums[2*h], &w[h*ldw], 4*ldw, &packed[0], &scales[0], &rows[0], n, len(rows))
	}
}

var refines512 = [8][Fours]func(scores *float32, ld int, out *float32, q *int8, stride int, packed *byte, rows, sets *int32, offsets, factors *float32, lds int, rest float32, n int){
	{refine1x1AVX512, refine2x1AVX512, refine3x1AVX512, refine4x1AVX512}, {refine1x2AVX512, refine2x2AVX512, refine3x2AVX512, refine4x2AVX512},
	{refine1x3AVX512, refine2x3AVX512, refine3x3AVX512, refine4x3AVX512}, {refine1x4AVX512, refine2x4AVX512, refine3x4AVX512, refine4x4AVX512},
	{refine1x5AVX512, refine2x5AVX512, refine3x5AVX512, refine4x5AVX512}, {refine1x6AVX512, refine2x6AVX512, refine3x6AVX512, refine4x6AVX512},
	{refine1x7AVX512, refine2x7AVX512, refine3x7AVX512, refine4x7AVX512}, {refine1x8AVX512, refine2x8AVX512, refine3x8AVX512, refine4x8AVX512},
}

// refine512 takes rows of 64 codes.
func (s *set) refine512(scores []float32, ld int, out []float32, q []int8, m, stride int, packed []byte, rows, sets []int32, offsets, factors []float32, lds int, rest float32, d, bits int, mem *RefineMemory) {
	if d != 64 {
		s.refineRows(scores, ld, out, q, m, stride, packed, rows, sets, offsets, factors, lds, rest, d, bits, mem)
		return
	}
	n := len(rows)
	row, set := int(rows[n-1]), int(sets[n-1]) // the last of ascending lists
	_, _, _, _ = scores[(m-1)*ld+row], out[Fours*n-1], packed[(row+1)*8*bits-1], q[set*stride+m*64-1]
	_, _ = offsets[set*lds+Fours-1], factors[set*lds+Fours-1]
	refines512[bits-1][m-1](&scores[0], 4*ld, &out[0], &q[0], stride, &packed[0], &rows[0], &sets[0], &offsets[0], &factors[0], 4*lds, rest, n)
}

var spreads256 = [Fours]func(dst *float32, ld int, x *float32, rows *int32, n int){spread1AVX2, spread2AVX2, spread3AVX2, spread4AVX2}

func spread256(dst []float32, ld int, x []float32, m int, rows []int32) {
	n := len(rows)
	_, _ = dst[(m-1)*ld+int(rows[n-1])], x[Fours*n-1] // the last of an ascending list
	spreads256[m-1](&dst[0], 4*ld, &x[0], &rows[0], n)
}
