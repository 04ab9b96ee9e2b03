package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A packed tile multiplies several rows of activations with a packed panel: codes become bytes in registers once for all of
// the rows. It does the same sums in the same order as a woven panel's tile. One call does several tiles, one below the other, so
// that the last sums of one are under way with the first of the next.
type packedTile struct {
	layout
	count          int // rows
	dst, src, left reg.GPVirtual
	x              rows
	quants, size   int // bytes of a block's codes, and of the block
	total          []reg.VecVirtual
}

// newPackedTile begins the kernel of count rows.
func newPackedTile(l level, f layout, count int) packedTile {
	function(fmt.Sprintf("packed%s%sTile%d", f.name, l.name, count), "func(dst *float32, x, src *byte, bias *float32, n, ldx, ldd, add, tiles int)",
		"multiplies rows of quantized activations, so many for every tile, with n blocks of a packed panel; adds what dst holds where add is not 0, and the bias unless it is nil.")
	t := packedTile{layout: f, count: count, dst: pointer("dst"), src: pointer("src"), left: GP64(),
		quants: 64 * f.bits, size: 64*f.bits + 32}
	t.x = rowsOf(pointer("x"), pointer("ldx"), count)
	if f.minimum {
		t.size += 32
	}
	for range count {
		t.total = append(t.total, l.vec())
	}
	return t
}

// begin clears the totals, or loads them from dst.
func (t packedTile) begin(l level) {
	Load(Param("n"), t.left)
	for _, v := range t.total {
		l.zero(v)
	}
	add := pointer("add")
	TESTQ(add, add)
	JZ(operand.LabelRef("block"))
	t.eachRow(func(v reg.VecVirtual, m operand.Mem) { VMOVUPS(m, v) })
}

// next moves on to the next block, until there is none.
func (t packedTile) next() {
	t.x.advance(operand.Imm(activationBytes))
	ADDQ(operand.U32(uint32(t.size)), t.src)
	DECQ(t.left)
	JNZ(operand.LabelRef("block"))
}

// end adds the bias, from twice right bytes on where there is such a register, and stores the totals.
func (t packedTile) end(right reg.GPVirtual) {
	bias := pointer("bias")
	TESTQ(bias, bias)
	JZ(operand.LabelRef("store"))
	at := operand.Mem{Base: bias}
	if right != nil {
		at.Index, at.Scale = right, 2
	}
	for _, v := range t.total {
		VADDPS(at, v, v)
	}
	Label("store")
	t.eachRow(func(v reg.VecVirtual, m operand.Mem) { VMOVUPS(v, m) })
}

// back returns to the first block.
func (t packedTile) back() {
	bytes := t.left // 0 by now
	n := pointer("n")
	IMUL3Q(operand.Imm(activationBytes), n, bytes)
	t.x.retreat(bytes)
	IMUL3Q(operand.U32(uint32(t.size)), n, bytes)
	SUBQ(bytes, t.src)
}

// below goes on to the next tile, if there is one.
func (t packedTile) below() {
	tiles := Param("tiles")
	at, err := tiles.Resolve()
	if err != nil {
		panic(err)
	}
	DECQ(at.Addr)
	JZ(operand.LabelRef("done"))
	t.back()
	height := GP64()
	IMUL3Q(operand.Imm(uint64(t.count)), t.x.stride, height)
	t.x.advance(height)
	IMUL3Q(operand.Imm(uint64(t.count)), pointer("ldd"), height)
	ADDQ(height, t.dst)
}

// eachRow calls do with every row's total and the place of its outputs.
func (t packedTile) eachRow(do func(v reg.VecVirtual, m operand.Mem)) {
	at, ldd := GP64(), pointer("ldd")
	MOVQ(t.dst, at)
	for r, v := range t.total {
		do(v, operand.Mem{Base: at})
		if r < t.count-1 {
			ADDQ(ldd, at)
		}
	}
}

func packedTile512(f layout, count int) {
	t := newPackedTile(avx512, f, count)
	var low reg.VecVirtual
	if f.bits == 4 {
		low = spread512(0x0f0f0f0f)
	}
	Label("tile")
	t.begin(avx512)
	Label("block")
	w := t.unpack512(low)
	d, m := ZMM(), ZMM()
	VCVTPH2PS(operand.Mem{Base: t.src, Disp: t.quants}, d)
	if f.minimum {
		VCVTPH2PS(operand.Mem{Base: t.src, Disp: t.quants + 32}, m)
	}
	for r := range t.total {
		sum, product := ZMM(), ZMM()
		VPBROADCASTD(t.x.at(r, atCorrection), sum)
		if count < 4 { // two chains where few rows hide the latency
			other := ZMM()
			avx512.zero(other)
			for g := 0; g < len(w); g += 2 {
				dotBytes(t.x.at(r, 4*g), w[g], sum)
				dotBytes(t.x.at(r, 4*g+4), w[g+1], other)
			}
			VPADDD(other, sum, sum)
		} else {
			for g := range w {
				dotBytes(t.x.at(r, 4*g), w[g], sum)
			}
		}
		VCVTDQ2PS(sum, sum)
		VMULPS_BCST(t.x.at(r, atScale), d, product)
		VMULPS(product, sum, sum)
		VADDPS(sum, t.total[r], t.total[r])
		if f.minimum {
			least := ZMM()
			VMULPS_BCST(t.x.at(r, atSum), m, least)
			VADDPS(least, t.total[r], t.total[r])
		}
	}
	t.next()
	t.end(nil)
	t.below()
	JMP(operand.LabelRef("tile"))
	Label("done")
	VZEROUPPER()
	RET()
}

// unpack512 returns a block's eight groups of four columns as unsigned bytes.
func (t packedTile) unpack512(low reg.VecVirtual) (w [8]reg.VecVirtual) {
	for g := range t.quants / 64 {
		w[g] = ZMM()
		at := operand.Mem{Base: t.src, Disp: 64 * g}
		VMOVDQU64(at, w[g])
		if t.bits == 8 {
			continue
		}
		w[g+4] = ZMM()
		VPSRLW(operand.Imm(4), w[g], w[g+4])
		VPANDD(low, w[g], w[g])
		VPANDD(low, w[g+4], w[g+4])
	}
	return w
}

// packedTile256 does eight outputs and then the other eight.
func packedTile256(f layout, count int) {
	t := newPackedTile(avx2, f, count)
	ones, mask := YMM(), splat(15)
	VPCMPEQW(ones, ones, ones)
	VPSRLW(operand.Imm(15), ones, ones)
	if f.bits == 8 {
		mask = splat(0x80)
	}
	right, scales := GP64(), GP64()
	XORQ(right, right)
	Label("side")
	LEAQ(operand.Mem{Base: t.src, Disp: t.quants}, scales)
	SUBQ(right, scales) // a scale is half as wide as four codes
	t.begin(avx2)
	Label("block")
	sum, short := make([]reg.VecVirtual, count), make([]reg.VecVirtual, count)
	for g := range 8 {
		w := YMM()
		magnitude := w
		if f.bits == 8 {
			VPXOR(operand.Mem{Base: t.src, Disp: 64 * g}, mask, w) // signed
			magnitude = YMM()
			VPABSB(w, magnitude)
		} else {
			VMOVDQU(operand.Mem{Base: t.src, Disp: 64 * (g % 4)}, w)
			if g >= 4 {
				VPSRLW(operand.Imm(4), w, w)
			}
			VPAND(mask, w, w)
		}
		for r := range count {
			q := YMM()
			VPBROADCASTD(t.x.at(r, 4*g), q)
			if f.bits == 8 {
				VPSIGNB(w, q, q)
			}
			VPMADDUBSW(q, magnitude, q)
			if f.bits == 4 && g > 0 { // 2·8·15·127 < 2¹⁵
				VPADDW(q, short[r], short[r])
			} else {
				short[r] = q
			}
			if f.bits == 4 && g < 7 {
				continue
			}
			VPMADDWD(ones, short[r], short[r])
			if f.bits == 8 && g > 0 {
				VPADDD(short[r], sum[r], sum[r])
			} else {
				sum[r] = short[r]
			}
		}
	}
	d, m := YMM(), YMM()
	VCVTPH2PS(operand.Mem{Base: scales}, d)
	if f.minimum {
		VCVTPH2PS(operand.Mem{Base: scales, Disp: 32}, m)
	}
	ADDQ(operand.U32(uint32(t.size)), scales)
	for r := range count {
		product := YMM()
		if f.bits == 4 {
			VPBROADCASTD(t.x.at(r, atCorrection), product)
			VPADDD(product, sum[r], sum[r])
		}
		VCVTDQ2PS(sum[r], sum[r])
		VBROADCASTSS(t.x.at(r, atScale), product)
		VMULPS(d, product, product)
		VMULPS(product, sum[r], sum[r])
		VADDPS(sum[r], t.total[r], t.total[r])
		if f.minimum {
			VBROADCASTSS(t.x.at(r, atSum), product)
			VMULPS(m, product, product)
			VADDPS(product, t.total[r], t.total[r])
		}
	}
	t.next()
	t.end(right)
	XORQ(operand.Imm(16), right)
	JZ(operand.LabelRef("below"))
	t.back()
	ADDQ(operand.Imm(32), t.src)
	ADDQ(operand.Imm(32), t.dst)
	JMP(operand.LabelRef("side"))
	Label("below")
	SUBQ(operand.Imm(32), t.src)
	SUBQ(operand.Imm(32), t.dst)
	t.below()
	JMP(operand.LabelRef("side"))
	Label("done")
	VZEROUPPER()
	RET()
}
