package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constant returns a global with one dword in it.
func constant(name string, v uint32) operand.Mem {
	m := GLOBL(name, 8|16) // RODATA|NOPTR
	DATA(0, operand.U32(v))
	return m
}

// quantize quantizes n blocks of 32 activations to 8 bits.
func quantize() {
	order := GLOBL("quantizeOrder", 8|16)
	for i, v := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		DATA(4*i, operand.U32(v))
	}
	limit := constant("quantizeLimit", math.Float32bits(127))
	smallest := constant("quantizeSmallest", math.Float32bits(0x1p-100))
	magnitude := constant("quantizeMagnitude", 0x7fffffff)
	function("quantizeAVX2", "func(dst *byte, x *float32, n, offset, halves int)",
		"quantizes n blocks of 32 activations to 8 bits for weights of that offset, with one correction or one for each half.")
	dst, x := Load(Param("dst"), GP64()), Load(Param("x"), GP64())
	n, offset, halves := Load(Param("n"), GP64()), Load(Param("offset"), GP64()), Load(Param("halves"), GP64())
	NEGQ(offset)
	mask, permutation := YMM(), YMM()
	VBROADCASTSS(magnitude, mask)
	VMOVDQU(order, permutation)
	Label("block")
	var v [4]reg.VecVirtual
	top := YMM()
	for i := range v {
		v[i] = YMM()
		VMOVUPS(operand.Mem{Base: x, Disp: 32 * i}, v[i])
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
	VMOVHLPS(t, t, a)
	VMAXPS(a, t, t)
	VMOVSHDUP(t, a)
	VMAXSS(a, t, t)
	// inverse = 127/top, or 0 where all is nothing
	of, inverse, some, d := XMM(), XMM(), XMM(), XMM()
	VMOVSS(limit, of)
	VDIVSS(t, of, inverse)
	VMOVSS(smallest, some)
	VCMPSS(operand.Imm(1), t, some, some) // smallest < top
	VANDPS(some, inverse, inverse)
	VDIVSS(of, t, d)
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
	VMOVDQU(v[0], operand.Mem{Base: dst})
	VPHADDD(second, first, first)
	VPHADDD(first, first, first)
	VEXTRACTI128(operand.Imm(1), first, a)
	VPADDD(first.AsX(), a, a)
	// a: Σ of the first half, Σ of the second
	s0, s1, sum := GP32(), GP32(), GP32()
	VMOVD(a, s0)
	VPEXTRD(operand.Imm(1), a, s1)
	MOVL(s0, sum)
	ADDL(s1, sum)
	TESTQ(halves, halves)
	JNZ(operand.LabelRef("corrections"))
	MOVL(sum, s0)
	XORL(s1, s1)
	Label("corrections")
	IMULL(offset.(reg.GPVirtual).As32(), s0)
	IMULL(offset.(reg.GPVirtual).As32(), s1)
	MOVL(s0, operand.Mem{Base: dst, Disp: atCorrection})
	MOVL(s1, operand.Mem{Base: dst, Disp: atCorrection + 4})
	VMOVSS(d, operand.Mem{Base: dst, Disp: atScale})
	f := XMM()
	VXORPS(f, f, f)
	VCVTSI2SSL(sum, f, f)
	VMULSS(d, f, f)
	VMOVSS(f, operand.Mem{Base: dst, Disp: atSum})
	ADDQ(operand.Imm(128), x)
	ADDQ(operand.Imm(activationBytes), dst)
	DECQ(n)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}
