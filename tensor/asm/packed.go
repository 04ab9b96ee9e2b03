package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The packed kernels are the direct ones for matrices that have been packed once: what those transpose lies there as
// registers need it. They do the same sums in the same order.
func packed(l level, f layout) {
	function("packed"+f.name+l.name, "func(total *float32, x, src *byte, n int, bias *float32)",
		"adds the products of n blocks of one row of activations with a packed panel of 16 rows of weights to total, and then the bias unless it is nil.")
	load := func(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
	total, x, src, n := load("total"), load("x"), load("src"), load("n")
	quants := 64 * f.bits
	size := quants + 32
	if f.minimum {
		size += 32
	}
	if l == avx512 {
		packed512(f, total, x, src, n, quants, size)
	} else {
		packed256(f, total, x, src, n, quants, size)
	}
	VZEROUPPER()
	RET()
}

// ahead is how far before their use the bytes of a packed panel are asked for.
const ahead = 2048

// spread512 returns a register full of one dword.
func spread512(v uint32) reg.VecVirtual {
	r, z := GP32(), ZMM()
	MOVL(operand.U32(v), r)
	VPBROADCASTD(r, z)
	return z
}

func packed512(f layout, total, x, src, n reg.GPVirtual, quants, size int) {
	var low, high reg.VecVirtual
	if f.bits == 4 {
		low, high = spread512(0x0f0f0f0f), spread512(0xf0f0f0f0)
	}
	sum, acc, other, d, m := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
	VMOVUPS(operand.Mem{Base: total}, sum)
	Label("block")
	for line := 0; line < size; line += 64 {
		if f.bits == 8 { // they come faster than the first cache has places for lines under way
			PREFETCHT1(operand.Mem{Base: src, Disp: 2*ahead + line})
		} else {
			PREFETCHT0(operand.Mem{Base: src, Disp: ahead + line})
		}
	}
	VPBROADCASTD(operand.Mem{Base: x, Disp: atCorrection}, acc)
	VPXORD(other, other, other)
	for g := range quants / 64 {
		q := ZMM()
		VMOVDQU64(operand.Mem{Base: src, Disp: 64 * g}, q)
		if f.bits == 8 {
			into := acc
			if g >= 4 {
				into = other
			}
			dotBytes(operand.Mem{Base: x, Disp: 4 * g}, q, into)
			continue
		}
		lo := ZMM()
		VPANDD(low, q, lo)
		dotBytes(operand.Mem{Base: x, Disp: 4 * g}, lo, acc)
		VPANDD(high, q, q) // sixteen times the upper four bits
		dotBytes(operand.Mem{Base: x, Disp: 16 + 4*g}, q, other)
	}
	if f.bits == 4 {
		VPSRAD(operand.Imm(4), other, other)
	}
	VPADDD(other, acc, acc)
	VCVTDQ2PS(acc, acc)
	VCVTPH2PS(operand.Mem{Base: src, Disp: quants}, d)
	VMULPS_BCST(operand.Mem{Base: x, Disp: atScale}, d, d)
	VMULPS(d, acc, acc)
	VADDPS(acc, sum, sum)
	if f.minimum {
		VCVTPH2PS(operand.Mem{Base: src, Disp: quants + 32}, m)
		VMULPS_BCST(operand.Mem{Base: x, Disp: atSum}, m, m)
		VADDPS(m, sum, sum)
	}
	ADDQ(operand.Imm(activationBytes), x)
	ADDQ(operand.U32(uint32(size)), src)
	DECQ(n)
	JNZ(operand.LabelRef("block"))
	bias := Load(Param("bias"), GP64())
	TESTQ(bias, bias)
	JZ(operand.LabelRef("store"))
	VADDPS(operand.Mem{Base: bias}, sum, sum)
	Label("store")
	VMOVUPS(sum, operand.Mem{Base: total})
}

// packed256 does both halves of a panel, eight rows each, block by block.
func packed256(f layout, total, x, src, n reg.GPVirtual, quants, size int) {
	ones := GLOBL("packedOnes"+f.name, 8|16)
	for i := range 8 {
		DATA(4*i, operand.U32(0x00010001))
	}
	sums := [2]reg.VecVirtual{YMM(), YMM()}
	for half, sum := range sums {
		VMOVUPS(operand.Mem{Base: total, Disp: 32 * half}, sum)
	}
	mask := splat(15)
	if f.bits == 8 {
		mask = splat(0x80)
	}
	acc, v, q, t := YMM(), YMM(), YMM(), YMM()
	Label("block")
	for line := 0; line < size; line += 64 {
		PREFETCHT0(operand.Mem{Base: src, Disp: ahead + line})
	}
	for half, sum := range sums {
		VPXOR(acc, acc, acc)
		for g := range quants / 64 {
			at := operand.Mem{Base: src, Disp: 64*g + 32*half}
			if f.bits == 8 {
				VPXOR(at, mask, v) // signed
				VPBROADCASTD(operand.Mem{Base: x, Disp: 4 * g}, q)
				VPSIGNB(v, q, q)
				VPABSB(v, t)
				VPMADDUBSW(q, t, t)
				VPMADDWD(ones, t, t)
				VPADDD(t, acc, acc)
				continue
			}
			VMOVDQU(at, v)
			for side := range 2 {
				if side > 0 {
					VPSRLW(operand.Imm(4), v, v)
				}
				VPAND(mask, v, t)
				VPBROADCASTD(operand.Mem{Base: x, Disp: 16*side + 4*g}, q)
				VPMADDUBSW(q, t, t)
				VPADDW(t, acc, acc)
			}
		}
		if f.bits == 4 {
			VPMADDWD(ones, acc, acc)
			VPBROADCASTD(operand.Mem{Base: x, Disp: atCorrection}, q)
			VPADDD(q, acc, acc)
		}
		VCVTDQ2PS(acc, acc)
		VCVTPH2PS(operand.Mem{Base: src, Disp: quants + 16*half}, t)
		VBROADCASTSS(operand.Mem{Base: x, Disp: atScale}, q)
		VMULPS(t, q, q)
		VMULPS(q, acc, acc)
		VADDPS(acc, sum, sum)
		if f.minimum {
			VCVTPH2PS(operand.Mem{Base: src, Disp: quants + 32 + 16*half}, t)
			VBROADCASTSS(operand.Mem{Base: x, Disp: atSum}, q)
			VMULPS(t, q, q)
			VADDPS(q, sum, sum)
		}
	}
	ADDQ(operand.Imm(activationBytes), x)
	ADDQ(operand.U32(uint32(size)), src)
	DECQ(n)
	JNZ(operand.LabelRef("block"))
	bias := Load(Param("bias"), GP64())
	TESTQ(bias, bias)
	JZ(operand.LabelRef("store"))
	for half, sum := range sums {
		VADDPS(operand.Mem{Base: bias, Disp: 32 * half}, sum, sum)
	}
	Label("store")
	for half, sum := range sums {
		VMOVUPS(sum, operand.Mem{Base: total, Disp: 32 * half})
	}
}
