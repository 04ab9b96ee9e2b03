// Package kernel is part of stage 4, the arithmetic of attention: products of queries with keys and of probabilities with
// values, the exponential, counting and cutting for selection, integer products with codes. Portable Go comes first; assembly
// stands beside it, chosen once at start. Integer results of all sets agree bit for bit; every float result has one order
// of summation, which depends on the place of a number in its row and on nothing else, so that a query's result is the
// same alone and among others.
package kernel

import "os"

// Lanes is what lengths are padded to: rows of scores, widths of tiles.
const Lanes = 16

// Pad rounds n up to a multiple of Lanes.
func Pad(n int) int { return (n + Lanes - 1) &^ (Lanes - 1) }

// set is one implementation of everything. n, where it stands for a length, is a multiple of Lanes.
type set struct {
	name      string
	tile      func(c []float32, ldc int, a []float32, lda, m int, b []float32, ldb, k int, add bool)
	panelTile func(dst []float32, ld int, q []int8, m int, packed []byte, n, d int) // nil where tile does as well
	transpose func(dst, src []float32, d int)
	max       func(x []float32) float32
	sum       func(x []float32) float32
	exp       func(dst, x []float32, top float32, ahead []byte) float32
	expFours  func(dst, x []float32, tops *[Fours]float32) float32
	scale     func(x []float32, s float32)
	add       func(dst, x []float32)
	count     func(x []float32, t float32) int
	above     func(dst []int32, x []float32, t float32, ahead []byte) int
	between   func(dst, x []float32, low, high float32, ahead []byte) (inside, above int)
	cut       func(x []float32, t float32, marks []float32) float32
	quantize  func(dst []int8, x []float32, inverse float32) int
	dots      func(dst []float32, q []int8, codes []byte)
	rescale   func(x []float32, offset float32, scales []uint16, factor float32)
	weigh     func(out []float32, ldo int, w []float32, ldw, m int, codes []byte, d, rows int)
	chosen    func(out []float32, ldo int, sums, w []float32, ldw, m int, packed []byte, scales []uint16, rows []int32, n, d, bits int, mem *ChosenMemory)
	panels    func(dst []float32, ld int, q []int8, m int, packed []byte, n, d, bits int, offsets, factors []float32, sets Sets)
	listed    func(dst []float32, ld int, q []int8, m, stride int, packed []byte, rows, sets []int32, d, bits int, mem *[]byte)
	refine    func(scores []float32, ld int, out []float32, q []int8, m, stride int, packed []byte, rows, sets []int32, offsets, factors []float32, lds int, rest float32, d, bits int, mem *RefineMemory)
	spread    func(dst []float32, ld int, x []float32, m int, rows []int32)
	fold      func(dst []int8, stride int, tmp, q []float32, m int, scales []uint16, largest, sums []float32, lds int, ahead []byte)
	unpack    func(dst, src []byte, rows []int32, n, dim, bits int)
	affine    func(x []float32, offset, factor float32)
	absmax    func(x []float32) float32
	widen     func(dst []float32, src []uint16)
	gather    func(dst, x []float32, rows []int32)
	mix       func(dst, x []float32, ld int, factors []float32, ahead []byte)
	narrow    func(dst []uint16, src []float32)
	widest    func(dst, x []float32)
	encode    func(dst []uint16, x, inverses []float32, middle float32)
	bytes     func(dst []byte, x, inverses []float32, middle float32)
	floats    func(dst []float32, codes []byte)
}

var portable = set{
	name: "portable",
	tile: tilePortable, transpose: transposePortable, max: maxPortable, sum: sumPortable, exp: expPortable, expFours: expFoursPortable, scale: scalePortable, add: addPortable,
	count: countPortable, above: abovePortable, between: betweenPortable, cut: cutPortable, quantize: quantizePortable, dots: dotsPortable,
	rescale: rescalePortable, weigh: weighPortable, panels: panelsPortable, listed: listedPortable, spread: spreadPortable, fold: foldPortable, unpack: unpackPortable, affine: affinePortable, absmax: absmaxPortable, widen: widenPortable,
	gather: gatherPortable, mix: mixPortable, narrow: narrowPortable, widest: widestPortable, encode: encodePortable[uint16], bytes: encodePortable[byte], floats: floatsPortable,
}

// active is the fastest set of this machine, or the one that SPATTEN_KERNELS names where the machine has it.
var active *set

func init() {
	portable.chosen, portable.refine = portable.chosenRows, portable.refineRows
	active = choose(os.Getenv("SPATTEN_KERNELS"))
}

func choose(name string) *set {
	sets := available()
	for _, s := range sets {
		if s.name == name {
			return s
		}
	}
	return sets[0]
}
