package tensor

import (
	"os"

	"spatten/checkpoint/dtype"
)

// kernels is one set of implementations. Integer kernels of all sets agree bit for bit; float kernels sum in orders of
// their own, each fixed.
type kernels struct {
	name string

	// No kernel but the portable ones need take n = 0.
	// unpack is unpackPortable, restore restorePortable, and so on.
	unpack   func(u []byte, d, m []float32, stride int, t dtype.Type, row []byte, first, n int)
	restore  func(dst []float32, u []byte, d, m []float32, f form)
	widen    func(dst []float32, t dtype.Type, data []byte)
	quantize func(dst []byte, x []float32, f form)
	weave    func(dst, src []byte, n int)

	// floatTile takes up to floatRows rows, with outs a multiple of 4; integerTile up to integerRows.
	floatTile   func(dst []float32, ldd int, x []float32, rows, n int, w []float32, outs int, bias []float32)
	integerTile func(dst []float32, stride int, x []byte, rows, n int, s *scratch, f form)
	pack        func(dst, src []byte, t dtype.Type, rowBytes int)
	// packed multiplies one row of activations with a packed panel of 16 rows of weights, adding to total and at last the
	// bias, if it is not nil; nil for a format that is woven first even for one row.
	packed [len(forms)]func(total *float32, x, src *byte, n int, bias *float32)
	// packedTile does that for tiles of up to integerRows rows, by their number less one, one tile below the other; it begins
	// with what dst holds where add is 1.
	packedTile [len(forms)][]packedTileFunc

	floatRows, integerRows int
	read                   func(data []byte) uint64 // a multiple of 256 bytes

	elementwise
}

var portable = kernels{
	name:   "portable",
	unpack: unpackPortable, restore: restorePortable, widen: widenPortable, quantize: quantizePortable, weave: weavePortable,
	pack:      packPortable,
	floatTile: floatTilePortable, integerTile: integerPortable, floatRows: 4, integerRows: 4,
	read:        readPortable,
	elementwise: portableElementwise,
}

// packedTileFunc is a kernel for a fixed number of rows; rows of x and of dst lie ldx and ldd bytes apart.
type packedTileFunc func(dst *float32, x, src *byte, bias *float32, n, ldx, ldd, add, tiles int)

// active is the set that the package uses: the fastest of this machine, or the one that SPATTEN_KERNELS names
// (portable, avx2, avx512), where the machine has it.
var active = choose(os.Getenv("SPATTEN_KERNELS"))

// Kernels names the set that is used. Sets round differently in fp32.
func Kernels() string { return active.name }

// choose returns the set of that name if this machine has it, else the fastest that it has.
func choose(name string) *kernels {
	sets := available()
	for _, k := range sets {
		if k.name == name {
			return k
		}
	}
	return sets[0]
}
