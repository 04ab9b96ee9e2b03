package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The direct kernels multiply one row of activations with 16 rows of weights straight from the checkpoint's bytes: a
// token's decoding reads every weight once, so weaving a panel first would cost more than the products. They transpose
// in registers and then do exactly what the integer tiles do, in the same order.

// gather4 loads the 16 bytes at displacement disp of as many rows as there are lanes into registers 0…3, ready for
// transpose4.
func gather4(l level, x rows, first, disp int) {
	for a := range 4 {
		VMOVDQU(x.at(first+a, disp), fixedX[a])
		VINSERTI128(operand.Imm(1), x.at(first+4+a, disp), fixedY[a], fixedY[a])
		if l == avx512 { // two halves of 256 bits cost less than four inserts into 512
			VMOVDQU(x.at(8+a, disp), fixedX[4+a])
			VINSERTI128(operand.Imm(1), x.at(12+a, disp), fixedY[4+a], fixedY[4+a])
			VINSERTI64X4(operand.Imm(1), fixedY[4+a], fixedZ[a], fixedZ[a])
		}
	}
}

// firstDwords transposes only the first dword of each row into out.
func firstDwords(v []reg.VecPhysical, out reg.VecPhysical) {
	VPUNPCKLDQ(v[1], v[0], v[4])
	VPUNPCKLDQ(v[3], v[2], v[5])
	VPUNPCKLQDQ(v[5], v[4], out)
}

// direct emits the kernel of one format.
func direct(l level, f layout) {
	function("direct"+f.name+l.name, "func(total *float32, x, src *byte, stride, n int, bias *float32)",
		"adds the products of n blocks of one row of activations with 16 rows of weights to total, and then the bias unless it is nil; rows start stride bytes apart.")
	load := func(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
	total, x, src, stride, n := load("total"), load("x"), load("src"), load("stride"), load("n")
	ahead := GP64() // the next panel's bytes, asked for while this one is multiplied
	MOVQ(stride, ahead)
	SHLQ(operand.Imm(4), ahead)
	ADDQ(src, ahead)
	if l == avx512 {
		direct512(f, total, x, n, ahead, rowsOf(src, stride, 16))
	} else {
		direct256(f, total, x, src, stride, n, ahead)
	}
	VZEROUPPER()
	RET()
}

// prefetch asks for the lines of the next panel that take the place of one block of 16 rows.
func prefetch(f layout, ahead reg.GPVirtual) {
	for line := 0; line < 16*f.bytes; line += 64 {
		PREFETCHT1(operand.Mem{Base: ahead, Disp: line})
	}
	ADDQ(operand.U32(uint32(16*f.bytes)), ahead)
}

func direct512(f layout, total, x, n, ahead reg.GPVirtual, w rows) {
	order := GLOBL("scaleOrder"+f.name, 8|16) // words of two rows' dwords: sixteen scales, then sixteen minima
	for i := range 32 {
		// register 0 holds rows 4L and 4L+1 at dwords 4L and 4L+1, register 1 rows 4L+2 and 4L+3
		row, minimum := i%16, i/16
		word := 2*(row/4*4+row%2) + minimum + 32*(row%4/2)
		DATA(2*i, operand.U16(uint16(word)))
	}
	z := fixedZ
	sum, acc, other, mask, d, m, words := reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22
	lo, high := reg.Z23, reg.Z24
	spread := func(v uint32, z reg.VecPhysical) {
		r := GP32()
		MOVL(operand.U32(v), r)
		VPBROADCASTD(r, z)
	}
	if f.bits == 8 {
		spread(0x80808080, mask)
	} else {
		spread(0x0f0f0f0f, mask)
		spread(0xf0f0f0f0, high)
	}
	VMOVDQU64(order, words)
	VMOVUPS(operand.Mem{Base: total}, sum)
	Label("block")
	prefetch(f, ahead)
	gather4(avx512, w, 0, 0)
	VPUNPCKLDQ(z[1], z[0], z[8])
	VPUNPCKLDQ(z[3], z[2], z[9])
	VMOVDQA64(words, z[10])
	VPERMI2W(z[9], z[8], z[10])
	VCVTPH2PS(reg.Y10, d)
	if f.minimum {
		VEXTRACTI64X4(operand.Imm(1), z[10], reg.Y11)
		VCVTPH2PS(reg.Y11, m)
	}
	VPBROADCASTD(operand.Mem{Base: x, Disp: atCorrection}, acc)
	VPXORD(other, other, other)
	gather4(avx512, w, 0, f.quants)
	for g, q := range transpose4(z) {
		if f.bits == 8 {
			VPXORD(mask, q, q)
			dotBytes(operand.Mem{Base: x, Disp: 4 * g}, q, acc)
			continue
		}
		VPANDD(mask, q, lo)
		dotBytes(operand.Mem{Base: x, Disp: 4 * g}, lo, acc)
		VPANDD(high, q, q) // sixteen times the upper four bits
		dotBytes(operand.Mem{Base: x, Disp: 16 + 4*g}, q, other)
	}
	if f.bits == 8 {
		gather4(avx512, w, 0, f.quants+16)
		for g, q := range transpose4(z) {
			VPXORD(mask, q, q)
			dotBytes(operand.Mem{Base: x, Disp: 16 + 4*g}, q, other)
		}
	} else {
		VPSRAD(operand.Imm(4), other, other)
	}
	VPADDD(other, acc, acc)
	VCVTDQ2PS(acc, acc)
	VMULPS_BCST(operand.Mem{Base: x, Disp: atScale}, d, d)
	VMULPS(d, acc, acc)
	VADDPS(acc, sum, sum)
	if f.minimum {
		VMULPS_BCST(operand.Mem{Base: x, Disp: atSum}, m, m)
		VADDPS(m, sum, sum)
	}
	ADDQ(operand.Imm(activationBytes), x)
	w.advance(operand.Imm(uint64(f.bytes)))
	DECQ(n)
	JNZ(operand.LabelRef("block"))
	bias := Load(Param("bias"), GP64())
	TESTQ(bias, bias)
	JZ(operand.LabelRef("store"))
	VADDPS(operand.Mem{Base: bias}, sum, sum)
	Label("store")
	VMOVUPS(sum, operand.Mem{Base: total})
}

// direct256 does eight rows at a time.
func direct256(f layout, total, x, src, stride, n, ahead reg.GPVirtual) {
	ones := GLOBL("ones"+f.name, 8|16)
	for i := range 8 {
		DATA(4*i, operand.U32(0x00010001))
	}
	y := fixedY
	mask, sum := reg.Y15, reg.Y14
	left, side := GP64(), GP64()
	XORQ(side, side)
	Label("side")
	w := rowsOf(src, stride, 8)
	MOVQ(n, left)
	VMOVUPS(operand.Mem{Base: total}, sum)
	if f.bits == 4 {
		VPCMPEQB(mask, mask, mask)
		VPSRLW(operand.Imm(12), mask, mask)
		VPSLLW(operand.Imm(8), mask, y[0])
		VPOR(y[0], mask, mask)
	}
	Label("block")
	TESTQ(side, side) // the first side brings the lines of both
	JNZ(operand.LabelRef("fetched"))
	prefetch(f, ahead)
	Label("fetched")
	gather4(avx2, w, 0, 0)
	firstDwords(y, y[6])
	VPSLLD(operand.Imm(16), y[6], y[7])
	VPSRLD(operand.Imm(16), y[7], y[7])
	VPSRLD(operand.Imm(16), y[6], y[6])
	VPACKUSDW(y[6], y[7], y[7]) // in each lane four scales, four minima
	VPERMQ(operand.Imm(0xd8), y[7], y[7])
	VCVTPH2PS(reg.X7, reg.Y12)
	if f.minimum {
		VEXTRACTI128(operand.Imm(1), y[7], reg.X6)
		VCVTPH2PS(reg.X6, reg.Y13)
	}
	acc, q, t := y[4], y[5], y[6]
	parts := 1
	if f.bits == 8 {
		parts = 2
	}
	for part := range parts {
		if part > 0 {
			VMOVDQA(acc, reg.Y13) // no minimum in this format: its register is free
		}
		gather4(avx2, w, 0, f.quants+16*part)
		for g, v := range transpose4(y) {
			if f.bits == 8 {
				VPBROADCASTD(operand.Mem{Base: x, Disp: 16*part + 4*g}, q)
				VPSIGNB(v, q, q)
				VPABSB(v, t)
				VPMADDUBSW(q, t, t)
				VPMADDWD(ones, t, t)
				if g == 0 {
					VMOVDQA(t, acc)
				} else {
					VPADDD(t, acc, acc)
				}
				continue
			}
			for side := range 2 {
				if side > 0 {
					VPSRLW(operand.Imm(4), v, v)
				}
				VPAND(mask, v, t)
				VPBROADCASTD(operand.Mem{Base: x, Disp: 16*side + 4*g}, q)
				VPMADDUBSW(q, t, t)
				if g+side == 0 {
					VMOVDQA(t, acc)
				} else {
					VPADDW(t, acc, acc)
				}
			}
		}
	}
	if f.bits == 8 {
		VPADDD(reg.Y13, acc, acc)
	} else {
		VPMADDWD(ones, acc, acc)
		VPBROADCASTD(operand.Mem{Base: x, Disp: atCorrection}, q)
		VPADDD(q, acc, acc)
	}
	VCVTDQ2PS(acc, acc)
	VBROADCASTSS(operand.Mem{Base: x, Disp: atScale}, q)
	VMULPS(reg.Y12, q, q)
	VMULPS(q, acc, acc)
	VADDPS(acc, sum, sum)
	if f.minimum {
		VBROADCASTSS(operand.Mem{Base: x, Disp: atSum}, q)
		VMULPS(reg.Y13, q, q)
		VADDPS(q, sum, sum)
	}
	ADDQ(operand.Imm(activationBytes), x)
	w.advance(operand.Imm(uint64(f.bytes)))
	DECQ(left)
	JNZ(operand.LabelRef("block"))
	bias := Load(Param("bias"), GP64())
	TESTQ(bias, bias)
	JZ(operand.LabelRef("store"))
	IMUL3Q(operand.Imm(32), side, left)
	VADDPS(operand.Mem{Base: bias, Index: left, Scale: 1}, sum, sum)
	Label("store")
	VMOVUPS(sum, operand.Mem{Base: total})
	INCQ(side)
	CMPQ(side, operand.Imm(2))
	JE(operand.LabelRef("done"))
	ADDQ(operand.Imm(32), total)
	back := GP64()
	IMUL3Q(operand.Imm(activationBytes), n, back)
	SUBQ(back, x)
	IMUL3Q(operand.Imm(uint64(f.bytes)), n, back)
	SUBQ(back, src)
	LEAQ(operand.Mem{Base: src, Index: stride, Scale: 8}, src)
	JMP(operand.LabelRef("side"))
	Label("done")
}
