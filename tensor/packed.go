package tensor

import (
	"encoding/binary"

	"spatten/checkpoint/dtype"
)

// A packed matrix holds 16 rows together as the integer kernels read them, in the bytes that it takes as stored: of every
// block of 32 columns first the codes, unsigned, four columns of each row side by side (of 4-bit codes column k and column k+16
// in one byte), then the 16 scales, then the 16 minima where the format has them. A token's decoding reads every weight once and
// no more; turning 16 rows in registers each time costs more than the products. Many rows of activations meet a panel as tiles,
// as they do a woven one, without the weaving.

// packs reports whether a format can be packed, and how: the bytes before a block's codes, and those of the codes.
func packs(t dtype.Type) (head, codes int, ok bool) {
	switch t {
	case dtype.Q4_0, dtype.Q8_0:
		return 2, t.BlockBytes() - 2, true
	case dtype.Q4_1:
		return 4, t.BlockBytes() - 4, true
	}
	return 0, 0, false
}

// packing is the task that packs a matrix from some panel on, a panel an item.
type packing struct {
	w       *Weights
	first   int
	kernels *kernels
}

// packTogether is the number of panels after which stored bytes are given back.
const packTogether = 64

// OnPack names what is called with stored bytes of which the matrix has a packed copy for decoding: they are hardly read any more
// then, and the memory of pages that come from a file can be given back.
func (w *Weights) OnPack(release func(stored []byte)) { w.release = release }

// pack makes the packed copy, at the first call.
func (w *Weights) pack(c *CPU) {
	w.packing.Do(func() {
		panels := w.out / panel // what is left over is multiplied as stored
		w.packed = alignedBytes(panels * panel * w.rowBytes)
		for first := 0; first < panels; first += packTogether {
			last := min(first+packTogether, panels)
			c.Do(last-first, packing{w, first, c.kernels})
			if w.release != nil {
				w.release(w.data[:last*panel*w.rowBytes])
			}
		}
		w.isPacked.Store(true)
	})
}

// wantsPacking reports whether a product of so many rows should find the matrix packed: a few rows do at once, of which more
// will come; many do the second time, since packing costs more than weaving once.
func (w *Weights) wantsPacking(rows int) bool {
	return rows <= directRows || w.met.Swap(true)
}

// alignedBytes returns n bytes from the start of a cache line on.
func alignedBytes(n int) []byte { return aligned[byte](nil, n) }

// Run implements Task.
func (p packing) Run(_, i int) {
	w := p.w
	i += p.first
	src, dst := w.data[i*panel*w.rowBytes:][:panel*w.rowBytes], w.packed[i*panel*w.rowBytes:][:panel*w.rowBytes]
	p.kernels.pack(dst, src, w.format, w.rowBytes)
}

// packPortable packs 16 rows of so many bytes.
func packPortable(dst, src []byte, t dtype.Type, rowBytes int) {
	head, codes, _ := packs(t)
	size, flip := head+codes, uint32(0)
	if t == dtype.Q8_0 {
		flip = 0x80808080
	}
	for len(dst) > 0 {
		for r := range panel {
			b := src[r*rowBytes:][:size]
			for k := 0; k < codes; k += 4 {
				binary.LittleEndian.PutUint32(dst[panel*k+4*r:], binary.LittleEndian.Uint32(b[head+k:])^flip)
			}
			for k := 0; k < head; k += 2 {
				binary.LittleEndian.PutUint16(dst[panel*(codes+k)+2*r:], binary.LittleEndian.Uint16(b[k:]))
			}
		}
		src, dst = src[size:], dst[panel*size:]
	}
}

// packedPanel computes 16 outputs of all rows from a packed matrix.
func (p *product) packedPanel(s *scratch, o *output, first int) {
	p.eachRun(func(at, block, blocks int) {
		var bias *float32
		if at+blocks == p.blocks {
			bias = &s.bias[0]
		}
		p.packedTiles(o, first, at, block, blocks, bias)
	})
}

// packedTiles adds the products of some blocks, at the given place of the activations and of the weights, to 16 outputs of all
// rows. The first ones of a row begin with zero, to the last the bias is added.
func (p *product) packedTiles(o *output, first, at, block, blocks int, bias *float32) {
	out, row, format := o.W.out, p.blocks*activationBytes, o.W.format
	src := &o.W.packed[first*o.W.rowBytes+block*panel*format.BlockBytes()]
	for r := 0; r < p.rows; {
		dst, x := o.Dst[r*out+first:], &p.c.integers[r*row+at*activationBytes]
		if rows, n := share(p.rows-r, p.kernels.integerRows); rows > directRows {
			p.kernels.packedTile[format][rows-1](&dst[0], x, src, bias, blocks, row, 4*out, min(at, 1), n)
			r += rows * n
			continue
		}
		if at == 0 {
			clear(dst[:panel])
		}
		p.kernels.packed[format](&dst[0], x, src, blocks, bias)
		r++
	}
}

// share cuts rows into tiles of most rows or fewer as evenly as it goes. It returns the rows of the first ones and how many
// have as many; the others have one row less.
func share(rows, most int) (first, n int) {
	tiles := (rows + most - 1) / most
	first = (rows + tiles - 1) / tiles
	return first, rows - tiles*(first-1)
}
