package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A packed tile multiplies several rows of activations with a packed panel: codes become bytes in registers once for all of
// the rows. It does the same sums in the same order as a woven panel's tile.
type packedTile struct {
	layout
	dst, src, bias, n, ldd, add reg.GPVirtual
	x                           rows
	quants, size                int // bytes of a block's codes, and of the block
}

// newPackedTile begins the kernel of count rows.
func newPackedTile(l level, f layout, count int) packedTile {
	function(fmt.Sprintf("packed%s%sTile%d", f.name, l.name, count), "func(dst *float32, x, src *byte, bias *float32, n, ldx, ldd, add int)",
		"multiplies rows of quantized activations with n blocks of a packed panel, adds what dst holds where add is not 0, and the bias unless it is nil.")
	load := func(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
	t := packedTile{layout: f, dst: load("dst"), src: load("src"), bias: load("bias"), n: load("n"), ldd: load("ldd"), add: load("add"),
		quants: 64 * f.bits, size: 64*f.bits + 32}
	t.x = rowsOf(load("x"), load("ldx"), count)
	if f.minimum {
		t.size += 32
	}
	return t
}

// begin clears the totals, or loads them from dst.
func (t packedTile) begin(l level, total []reg.VecVirtual) {
	for _, v := range total {
		l.zero(v)
	}
	TESTQ(t.add, t.add)
	JZ(operand.LabelRef("block"))
	t.eachRow(len(total), func(r int, m operand.Mem) { VMOVUPS(m, total[r]) })
}

// end adds the bias and stores the totals.
func (t packedTile) end(total []reg.VecVirtual) {
	TESTQ(t.bias, t.bias)
	JZ(operand.LabelRef("store"))
	for _, v := range total {
		VADDPS(operand.Mem{Base: t.bias}, v, v)
	}
	Label("store")
	t.eachRow(len(total), func(r int, m operand.Mem) { VMOVUPS(total[r], m) })
}

// eachRow calls do with the place of every row's outputs.
func (t packedTile) eachRow(count int, do func(r int, m operand.Mem)) {
	at := GP64()
	MOVQ(t.dst, at)
	for r := range count {
		do(r, operand.Mem{Base: at})
		if r < count-1 {
			ADDQ(t.ldd, at)
		}
	}
}

// next moves on to the next block, until left is none.
func (t packedTile) next(left reg.GPVirtual) {
	t.x.advance(operand.Imm(activationBytes))
	ADDQ(operand.U32(uint32(t.size)), t.src)
	DECQ(left)
	JNZ(operand.LabelRef("block"))
}

func packedTile512(f layout, count int) {
	t := newPackedTile(avx512, f, count)
	flip := ZMM() // the sign of 8 bits, or the mask of four
	r := GP32()
	if f.bits == 8 {
		MOVL(operand.U32(0x80808080), r)
	} else {
		MOVL(operand.U32(0x0f0f0f0f), r)
	}
	VPBROADCASTD(r, flip)
	total := make([]reg.VecVirtual, count)
	for r := range total {
		total[r] = ZMM()
	}
	t.begin(avx512, total)
	Label("block")
	w := t.unpack512(flip)
	d, m := ZMM(), ZMM()
	VCVTPH2PS(operand.Mem{Base: t.src, Disp: t.quants}, d)
	if f.minimum {
		VCVTPH2PS(operand.Mem{Base: t.src, Disp: t.quants + 32}, m)
	}
	for r := range total {
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
		VADDPS(sum, total[r], total[r])
		if f.minimum {
			least := ZMM()
			VMULPS_BCST(t.x.at(r, atSum), m, least)
			VADDPS(least, total[r], total[r])
		}
	}
	t.next(t.n)
	t.end(total)
	VZEROUPPER()
	RET()
}

// unpack512 returns a block's eight groups of four columns as unsigned bytes.
func (t packedTile) unpack512(flip reg.VecVirtual) (w [8]reg.VecVirtual) {
	for g := range t.quants / 64 {
		w[g] = ZMM()
		at := operand.Mem{Base: t.src, Disp: 64 * g}
		if t.bits == 8 {
			VPXORD(at, flip, w[g])
			continue
		}
		w[g+4] = ZMM()
		VMOVDQU64(at, w[g])
		VPSRLW(operand.Imm(4), w[g], w[g+4])
		VPANDD(flip, w[g], w[g])
		VPANDD(flip, w[g+4], w[g+4])
	}
	return w
}

// packedTile256 does eight outputs and then the other eight.
func packedTile256(f layout, count int) {
	t := newPackedTile(avx2, f, count)
	ones, mask := YMM(), YMM()
	VPCMPEQW(ones, ones, ones)
	VPSRLW(operand.Imm(15), ones, ones)
	if f.bits == 4 {
		mask = splat(15)
	}
	left, side, scales := GP64(), GP64(), GP64()
	MOVQ(operand.U32(2), side)
	LEAQ(operand.Mem{Base: t.src, Disp: t.quants}, scales)
	total := make([]reg.VecVirtual, count)
	for r := range total {
		total[r] = YMM()
	}
	Label("side")
	MOVQ(t.n, left)
	t.begin(avx2, total)
	Label("block")
	sum, short := make([]reg.VecVirtual, count), make([]reg.VecVirtual, count)
	for g := range 8 {
		w := YMM()
		magnitude := w
		if f.bits == 8 {
			VMOVDQU(operand.Mem{Base: t.src, Disp: 64 * g}, w)
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
		VADDPS(sum[r], total[r], total[r])
		if f.minimum {
			VBROADCASTSS(t.x.at(r, atSum), product)
			VMULPS(m, product, product)
			VADDPS(product, total[r], total[r])
		}
	}
	t.next(left)
	t.end(total)
	DECQ(side)
	JZ(operand.LabelRef("done"))
	back := GP64()
	IMUL3Q(operand.Imm(activationBytes), t.n, back)
	t.x.retreat(back)
	IMUL3Q(operand.U32(uint32(t.size)), t.n, back)
	SUBQ(back, t.src)
	SUBQ(back, scales)
	for _, p := range []reg.GPVirtual{t.src, t.dst} {
		ADDQ(operand.Imm(32), p)
	}
	ADDQ(operand.Imm(16), scales)
	TESTQ(t.bias, t.bias)
	JZ(operand.LabelRef("side"))
	ADDQ(operand.Imm(32), t.bias)
	JMP(operand.LabelRef("side"))
	Label("done")
	VZEROUPPER()
	RET()
}
