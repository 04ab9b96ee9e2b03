package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// quantizing is what both kernels that quantize share.
type quantizing struct {
	dst, x, n, offset, halves   reg.GPVirtual
	limit, smallest, magnitudes operand.Mem
}

// newQuantizing begins a kernel.
func newQuantizing(l level) quantizing {
	function("quantize"+l.name, "func(dst *byte, x *float32, n, offset, halves int)",
		"quantizes n blocks of 32 activations to 8 bits for weights of that offset, with one correction or one for each half.")
	q := quantizing{pointer("dst"), pointer("x"), pointer("n"), pointer("offset"), pointer("halves"),
		number(127), number(0x1p-100), dwords(1<<31 - 1)}
	NEGQ(q.offset)
	return q
}

// scales returns inverse = 127/top, or 0 where all is nothing, and d = top/127, of the largest of four numbers.
func (q quantizing) scales(top reg.VecVirtual) (inverse, d reg.VecVirtual) {
	a, of, some := XMM(), XMM(), XMM()
	inverse, d = XMM(), XMM()
	VMOVHLPS(top, top, a)
	VMAXPS(a, top, top)
	VMOVSHDUP(top, a)
	VMAXSS(a, top, top)
	VMOVSS(q.limit, of)
	VDIVSS(top, of, inverse)
	VMOVSS(q.smallest, some)
	VCMPSS(operand.Imm(1), top, some, some) // smallest < top
	VANDPS(some, inverse, inverse)
	VDIVSS(of, top, d)
	return inverse, d
}

// finish writes what follows a block's codes, of the sums of its halves, and goes on to the next block.
func (q quantizing) finish(first, second reg.GPVirtual, d reg.VecVirtual) {
	sum := GP32()
	MOVL(first, sum)
	ADDL(second, sum)
	TESTQ(q.halves, q.halves)
	JNZ(operand.LabelRef("corrections"))
	MOVL(sum, first)
	XORL(second, second)
	Label("corrections")
	IMULL(q.offset.As32(), first)
	IMULL(q.offset.As32(), second)
	MOVL(first, operand.Mem{Base: q.dst, Disp: atCorrection})
	MOVL(second, operand.Mem{Base: q.dst, Disp: atCorrection + 4})
	VMOVSS(d, operand.Mem{Base: q.dst, Disp: atScale})
	f := XMM()
	VXORPS(f, f, f)
	VCVTSI2SSL(sum, f, f)
	VMULSS(d, f, f)
	VMOVSS(f, operand.Mem{Base: q.dst, Disp: atSum})
	ADDQ(operand.Imm(128), q.x)
	ADDQ(operand.Imm(activationBytes), q.dst)
	DECQ(q.n)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}

// quantize quantizes n blocks of 32 activations to 8 bits.
func quantize() {
	order := GLOBL("quantizeOrder", 8|16)
	for i, v := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		DATA(4*i, operand.U32(v))
	}
	q := newQuantizing(avx2)
	mask, permutation := YMM(), YMM()
	VMOVUPS(q.magnitudes, mask)
	VMOVDQU(order, permutation)
	Label("block")
	var v [4]reg.VecVirtual
	top := YMM()
	for i := range v {
		v[i] = YMM()
		VMOVUPS(operand.Mem{Base: q.x, Disp: 32 * i}, v[i])
		if i == 0 {
			VANDPS(mask, v[i], top)
		} else {
			a := YMM()
			VANDPS(mask, v[i], a)
			VMAXPS(a, top, top)
		}
	}
	a := XMM()
	VEXTRACTF128(operand.Imm(1), top, a)
	t := top.AsX()
	VMAXPS(a, t, t)
	inverse, d := q.scales(t.(reg.VecVirtual))
	wide := YMM()
	VBROADCASTSS(inverse, wide)
	for i := range v {
		VMULPS(wide, v[i], v[i])
		VCVTPS2DQ(v[i], v[i])
	}
	first, second := YMM(), YMM()
	VPADDD(v[1], v[0], first)
	VPADDD(v[3], v[2], second)
	VPACKSSDW(v[1], v[0], v[0])
	VPACKSSDW(v[3], v[2], v[2])
	VPACKSSWB(v[2], v[0], v[0])
	VPERMD(v[0], permutation, v[0])
	VMOVDQU(v[0], operand.Mem{Base: q.dst})
	VPHADDD(second, first, first)
	VPHADDD(first, first, first)
	VEXTRACTI128(operand.Imm(1), first, a)
	VPADDD(first.AsX(), a, a)
	// a: Σ of the first half, Σ of the second
	s0, s1 := GP32(), GP32()
	VMOVD(a, s0)
	VPEXTRD(operand.Imm(1), a, s1)
	q.finish(s0.(reg.GPVirtual), s1.(reg.GPVirtual), d)
}

// quantizeWide does the same with two registers a block.
func quantizeWide() {
	q := newQuantizing(avx512)
	mask, flip, zero := spread512(1<<31-1), XMM(), XMM()
	VMOVDQU(dwords(0x80808080), flip)
	VPXOR(zero, zero, zero)
	Label("block")
	var v [2]reg.VecVirtual
	for i := range v {
		v[i] = ZMM()
		VMOVUPS(operand.Mem{Base: q.x, Disp: 64 * i}, v[i])
	}
	top, other := ZMM(), ZMM()
	VPANDD(mask, v[0], top)
	VPANDD(mask, v[1], other)
	VMAXPS(other, top, top)
	y, x := YMM(), XMM()
	VEXTRACTF64X4(operand.Imm(1), top, y)
	VMAXPS(y, top.AsY(), y)
	VEXTRACTF128(operand.Imm(1), y, x)
	VMAXPS(x, y.AsX(), x)
	inverse, d := q.scales(x)
	wide := ZMM()
	VBROADCASTSS(inverse, wide)
	var sums [2]reg.VecVirtual // Σ(q + 128) of eight codes each
	for i := range v {
		codes := XMM()
		VMULPS(wide, v[i], v[i])
		VCVTPS2DQ(v[i], v[i])
		VPMOVSDB(v[i], codes)
		VMOVDQU(codes, operand.Mem{Base: q.dst, Disp: 16 * i})
		sums[i] = XMM()
		VPXOR(flip, codes, sums[i])
		VPSADBW(zero, sums[i], sums[i])
	}
	lo, hi := XMM(), XMM()
	VPUNPCKLQDQ(sums[1], sums[0], lo)
	VPUNPCKHQDQ(sums[1], sums[0], hi)
	VPADDD(hi, lo, lo)
	s0, s1 := GP32(), GP32()
	VMOVD(lo, s0)
	VPEXTRD(operand.Imm(2), lo, s1)
	SUBL(operand.U32(16*128), s0)
	SUBL(operand.U32(16*128), s1)
	q.finish(s0.(reg.GPVirtual), s1.(reg.GPVirtual), d)
}
