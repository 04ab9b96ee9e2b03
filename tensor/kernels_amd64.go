package tensor

//go:generate go run ./asm -out kernels_amd64.s -stubs stubs_amd64.go -pkg tensor

import (
	"unsafe"

	"spatten/checkpoint/dtype"

	"golang.org/x/sys/cpu"
)

// readsMapped says whether fp32 numbers lie in memory as they do in a file, little-endian.
const readsMapped = true

// available returns the kernel sets of this machine, the fastest first.
func available() []*kernels {
	sets := []*kernels{&portable}
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA || !cpu.X86.HasF16C {
		return sets
	}
	avx2 := kernels{
		name:   "avx2",
		unpack: unpackAVX2, restore: restoreBlocksAVX2, widen: widenAVX2, quantize: quantizeBlocks(quantizeAVX2),
		weave:     func(dst, src []byte, n int) { weaveAVX2(&dst[0], &src[0], n) },
		floatTile: floatTile256, integerTile: integerTile256, floatRows: 3, integerRows: 4,
		read:        func(data []byte) uint64 { return readAVX2(&data[0], len(data)/256) },
		elementwise: elementwiseAVX2,
	}
	avx2.pack = packBlocksAVX2
	avx2.packed[dtype.Q4_0] = packedQ4_0AVX2
	avx2.packed[dtype.Q4_1] = packedQ4_1AVX2
	avx2.packed[dtype.Q8_0] = packedQ8_0AVX2
	avx2.packedTile = packedTiles256
	sets = append([]*kernels{&avx2}, sets...)
	if !cpu.X86.HasAVX512F || !cpu.X86.HasAVX512BW || !cpu.X86.HasAVX512DQ || !cpu.X86.HasAVX512VL || !cpu.X86.HasAVX512VNNI {
		return sets
	}
	avx512 := avx2
	avx512.name = "avx512"
	avx512.weave = func(dst, src []byte, n int) { weaveAVX512(&dst[0], &src[0], n) }
	avx512.floatTile, avx512.floatRows = floatTile512, 6
	avx512.integerTile, avx512.integerRows = integerTile512, 8
	avx512.packed[dtype.Q4_0] = packedQ4_0AVX512
	avx512.packed[dtype.Q4_1] = packedQ4_1AVX512
	avx512.packed[dtype.Q8_0] = packedQ8_0AVX512
	avx512.packedTile = packedTiles512
	avx512.quantize = quantizeBlocks(quantizeAVX512)
	avx512.gelu = func(x []float32) { geluAVX512(&x[0], len(x)) }
	return append([]*kernels{&avx512}, sets...)
}

// floatTileFunc is a kernel for a fixed number of rows.
type floatTileFunc func(dst, x, w, bias *float32, n, groups, ldd int)

var (
	floatTiles256 = [...]floatTileFunc{floatTile1AVX2, floatTile2AVX2, floatTile3AVX2}
	floatTiles512 = [...]floatTileFunc{floatTile1AVX512, floatTile2AVX512, floatTile3AVX512, floatTile4AVX512, floatTile5AVX512, floatTile6AVX512}
)

func floatTile256(dst []float32, ldd int, x []float32, rows, n int, w []float32, outs int, bias []float32) {
	floatTiles256[rows-1](&dst[0], &x[0], &w[0], &bias[0], n, outs/4, 4*ldd)
}

func floatTile512(dst []float32, ldd int, x []float32, rows, n int, w []float32, outs int, bias []float32) {
	floatTiles512[rows-1](&dst[0], &x[0], &w[0], &bias[0], n, outs/4, 4*ldd)
}

// integerTileFunc is a kernel for a fixed number of rows.
type integerTileFunc func(dst *float32, x, woven *byte, scale, minimum, bias *float32, n, ldx, ldd int)

var (
	// by the largest byte of the weights: 15, 31, 63 in halves, 255
	fours256  = [...]integerTileFunc{integerFour1AVX2, integerFour2AVX2, integerFour3AVX2, integerFour4AVX2}
	fives256  = [...]integerTileFunc{integerFive1AVX2, integerFive2AVX2, integerFive3AVX2, integerFive4AVX2}
	halves256 = [...]integerTileFunc{integerHalves1AVX2, integerHalves2AVX2, integerHalves3AVX2, integerHalves4AVX2}
	eights256 = [...]integerTileFunc{integerEight1AVX2, integerEight2AVX2, integerEight3AVX2, integerEight4AVX2}

	integers512 = [...]integerTileFunc{integerTile1AVX512, integerTile2AVX512, integerTile3AVX512, integerTile4AVX512,
		integerTile5AVX512, integerTile6AVX512, integerTile7AVX512, integerTile8AVX512}
	halves512 = [...]integerTileFunc{integerHalves1AVX512, integerHalves2AVX512, integerHalves3AVX512, integerHalves4AVX512}
)

var (
	packedTiles256 = [len(forms)][]packedTileFunc{
		dtype.Q4_0: {packedQ4_0AVX2Tile1, packedQ4_0AVX2Tile2, packedQ4_0AVX2Tile3, packedQ4_0AVX2Tile4},
		dtype.Q4_1: {packedQ4_1AVX2Tile1, packedQ4_1AVX2Tile2, packedQ4_1AVX2Tile3, packedQ4_1AVX2Tile4},
		dtype.Q8_0: {packedQ8_0AVX2Tile1, packedQ8_0AVX2Tile2, packedQ8_0AVX2Tile3, packedQ8_0AVX2Tile4},
	}
	packedTiles512 = [len(forms)][]packedTileFunc{
		dtype.Q4_0: {packedQ4_0AVX512Tile1, packedQ4_0AVX512Tile2, packedQ4_0AVX512Tile3, packedQ4_0AVX512Tile4,
			packedQ4_0AVX512Tile5, packedQ4_0AVX512Tile6, packedQ4_0AVX512Tile7, packedQ4_0AVX512Tile8},
		dtype.Q4_1: {packedQ4_1AVX512Tile1, packedQ4_1AVX512Tile2, packedQ4_1AVX512Tile3, packedQ4_1AVX512Tile4,
			packedQ4_1AVX512Tile5, packedQ4_1AVX512Tile6, packedQ4_1AVX512Tile7, packedQ4_1AVX512Tile8},
		dtype.Q8_0: {packedQ8_0AVX512Tile1, packedQ8_0AVX512Tile2, packedQ8_0AVX512Tile3, packedQ8_0AVX512Tile4,
			packedQ8_0AVX512Tile5, packedQ8_0AVX512Tile6, packedQ8_0AVX512Tile7, packedQ8_0AVX512Tile8},
	}
)

func integerTile256(dst []float32, ldd int, x []byte, rows, n int, s *scratch, f form) {
	tiles := &eights256
	switch f.largest {
	case 15:
		tiles = &fours256
	case 31:
		tiles = &fives256
	case 63:
		tiles = &halves256
	}
	tiles[rows-1](&dst[0], &x[0], &s.woven[0], &s.scale[0], s.minima(f), &s.bias[0], n, n*activationBytes, 4*ldd)
}

func integerTile512(dst []float32, ldd int, x []byte, rows, n int, s *scratch, f form) {
	if !f.halves {
		integers512[rows-1](&dst[0], &x[0], &s.woven[0], &s.scale[0], s.minima(f), &s.bias[0], n, n*activationBytes, 4*ldd)
		return
	}
	for r := 0; r < rows; r += 4 {
		halves512[min(4, rows-r)-1](&dst[r*ldd], &x[r*n*activationBytes], &s.woven[0], &s.scale[0], nil, &s.bias[0], n, n*activationBytes, 4*ldd)
	}
}

// minima is where the minima are, nil if the format has none.
func (s *scratch) minima(f form) *float32 {
	if !f.minimum {
		return nil
	}
	return &s.minimum[0]
}

func packBlocksAVX2(dst, src []byte, t dtype.Type, rowBytes int) {
	_ = dst[panel*rowBytes-1]
	_ = src[panel*rowBytes-1]
	pack, n := packQ8_0AVX2, rowBytes/t.BlockBytes()
	switch t {
	case dtype.Q4_0:
		pack = packQ4_0AVX2
	case dtype.Q4_1:
		pack = packQ4_1AVX2
	}
	pack(&dst[0], &src[0], rowBytes, n)
}

// unpackFunc unpacks n blocks or super-blocks from src on.
type unpackFunc func(u *byte, d, m *float32, stride int, src *byte, n int)

var unpackers256 = [len(forms)]unpackFunc{
	dtype.Q4_0: unpackQ4_0AVX2, dtype.Q4_1: unpackQ4_1AVX2, dtype.Q5_0: unpackQ5_0AVX2, dtype.Q5_1: unpackQ5_1AVX2,
	dtype.Q8_0: unpackQ8_0AVX2, dtype.Q4_K: unpackQ4_KAVX2, dtype.Q5_K: unpackQ5_KAVX2, dtype.Q6_K: unpackQ6_KAVX2,
}

// unpackAVX2 unpacks whole blocks, or super-blocks of eight, by assembly; blocks at the edges of a super-block portably.
func unpackAVX2(u []byte, d, m []float32, stride int, t dtype.Type, row []byte, first, n int) {
	size, per, scales := t.BlockBytes(), t.BlockElements()/blockSize, forms[t].scales()
	for n > 0 {
		some := min(per-first%per, n)
		if some < per {
			unpackPortable(u, d, m, stride, t, row, first, some)
		} else {
			some = n / per * per
			b := row[first/per*size:][:some/per*size]
			unpackers256[t](&u[0], &d[0], &m[0], 4*stride, &b[0], some/per)
		}
		first += some
		if n -= some; n > 0 {
			u, d, m = u[some*blockSize:], d[some*scales*stride:], m[some*stride:]
		}
	}
}

func restoreBlocksAVX2(dst []float32, u []byte, d, m []float32, f form) {
	n := len(dst) / blockSize
	if f.halves {
		restoreHalvesAVX2(&dst[0], &u[0], &d[0], &m[0], int(f.offset), n)
	} else {
		restoreAVX2(&dst[0], &u[0], &d[0], &m[0], int(f.offset), n)
	}
}

func widenAVX2(dst []float32, t dtype.Type, data []byte) {
	n := len(dst) / 8
	if n > 0 {
		switch t {
		case dtype.F32:
			copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 4*len(dst)), data)
			return
		case dtype.F16:
			widenF16AVX2(&dst[0], &data[0], n)
		case dtype.BF16:
			widenBF16AVX2(&dst[0], &data[0], n)
		}
	}
	widenPortable(dst[8*n:], t, data[8*n*t.BlockBytes():])
}

// quantizeBlocks wraps a kernel that quantizes n blocks.
func quantizeBlocks(kernel func(dst *byte, x *float32, n, offset, halves int)) func([]byte, []float32, form) {
	return func(dst []byte, x []float32, f form) {
		halves := 0
		if f.halves {
			halves = 1
		}
		kernel(&dst[0], &x[0], len(x)/blockSize, int(f.offset), halves)
	}
}
