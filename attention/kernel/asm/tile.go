package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const tileSignature = "func(c *float32, ldc int, a *float32, lda int, b *float32, ldb, k, add int)"

// rowsFrom returns addresses of neighbouring rows: base, base + ld, … Registers beyond the first hold their own address.
func rowsFrom(base, ld reg.GPVirtual, rows int) []reg.GPVirtual {
	out := []reg.GPVirtual{base}
	for r := 1; r < rows; r++ {
		next := GP64()
		MOVQ(out[r-1], next)
		ADDQ(ld, next)
		out = append(out, next)
	}
	return out
}

// tile emits the product of a few rows with 16 columns, in registers of eight. Every output has one running sum over k.
func tile(rows int) {
	function(fmt.Sprintf("tile%dAVX2", rows), tileSignature, "multiplies rows of a with 16 columns of b; rows start ld bytes apart.")
	a, lda := gp("a"), gp("lda")
	as := rowsFrom(a, lda, rows)
	b, ldb, k := gp("b"), gp("ldb"), gp("k")
	acc := make([][2]reg.VecVirtual, rows)
	for r := range acc {
		acc[r] = [2]reg.VecVirtual{YMM(), YMM()}
		VXORPS(acc[r][0], acc[r][0], acc[r][0])
		VXORPS(acc[r][1], acc[r][1], acc[r][1])
	}
	step := GP64()
	XORQ(step, step)
	b0, b1, v := YMM(), YMM(), YMM()
	Label("step")
	VMOVUPS(mem(b, 0), b0)
	VMOVUPS(mem(b, 32), b1)
	for r := range acc {
		VBROADCASTSS(at(as[r], step, 4), v)
		VFMADD231PS(b0, v, acc[r][0])
		VFMADD231PS(b1, v, acc[r][1])
	}
	ADDQ(ldb, b)
	INCQ(step)
	CMPQ(step, k)
	JL(operand.LabelRef("step"))

	c, ldc, add := gp("c"), gp("ldc"), gp("add")
	TESTQ(add, add)
	JZ(operand.LabelRef("store"))
	for r := range acc {
		VADDPS(mem(c, 0), acc[r][0], acc[r][0])
		VADDPS(mem(c, 32), acc[r][1], acc[r][1])
		if r+1 < rows {
			ADDQ(ldc, c)
		}
	}
	Load(Param("c"), c)
	Label("store")
	for r := range acc {
		VMOVUPS(acc[r][0], mem(c, 0))
		VMOVUPS(acc[r][1], mem(c, 32))
		if r+1 < rows {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
}

// tileWide is tile with registers of sixteen.
func tileWide(rows int) {
	function(fmt.Sprintf("tile%dAVX512", rows), tileSignature, "multiplies rows of a with 16 columns of b; rows start ld bytes apart.")
	a, lda := gp("a"), gp("lda")
	as := rowsFrom(a, lda, rows)
	b, ldb, k := gp("b"), gp("ldb"), gp("k")
	acc := make([]reg.VecVirtual, rows)
	for r := range acc {
		acc[r] = ZMM()
		VPXORD(acc[r], acc[r], acc[r])
	}
	for r := range as {
		LEAQ(at(as[r], k, 4), as[r])
	}
	NEGQ(k)
	v := ZMM()
	Label("step")
	VMOVUPS(mem(b, 0), v)
	for r := range acc {
		VFMADD231PS_BCST(at(as[r], k, 4), v, acc[r])
	}
	ADDQ(ldb, b)
	INCQ(k)
	JNZ(operand.LabelRef("step"))

	c, ldc, add := gp("c"), gp("ldc"), gp("add")
	TESTQ(add, add)
	JZ(operand.LabelRef("store"))
	for r := range acc {
		VADDPS(mem(c, 0), acc[r], acc[r])
		if r+1 < rows {
			ADDQ(ldc, c)
		}
	}
	Load(Param("c"), c)
	Label("store")
	for r := range acc {
		VMOVUPS(acc[r], mem(c, 0))
		if r+1 < rows {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
}

// transpose emits 16 rows of d numbers into d rows of 16, eight by eight.
func transpose() {
	function("transposeAVX2", "func(dst, src *float32, d int)", "turns 16 rows of d numbers, a multiple of 8, into d rows of 16.")
	dst, src, d := gp("dst"), gp("src"), gp("d")
	ld, left := GP64(), GP64()
	MOVQ(d, ld)
	SHLQ(operand.Imm(2), ld)
	SHRQ(operand.Imm(3), d)
	for half := range 2 {
		label := fmt.Sprintf("block%d", half)
		from, to := GP64(), GP64()
		MOVQ(src, from)
		MOVQ(dst, to)
		if half == 1 {
			LEAQ(at(from, ld, 8), from)
			ADDQ(operand.Imm(32), to)
		}
		MOVQ(d, left)
		row := GP64()
		Label(label)
		MOVQ(from, row)
		r := make([]reg.VecVirtual, 8)
		for i := range r {
			r[i] = YMM()
			VMOVUPS(mem(row, 0), r[i])
			if i < 7 {
				ADDQ(ld, row)
			}
		}
		t := make([]reg.VecVirtual, 8)
		for i := 0; i < 8; i += 2 {
			t[i], t[i+1] = YMM(), YMM()
			VUNPCKLPS(r[i+1], r[i], t[i])
			VUNPCKHPS(r[i+1], r[i], t[i+1])
		}
		// t0: a0b0a1b1, t1: a2b2a3b3 of rows 0 and 1; and so on.
		u := make([]reg.VecVirtual, 8)
		for i := range u {
			u[i] = r[i] // their contents are spent
		}
		for q := range 2 {
			VUNPCKLPD(t[4*q+2], t[4*q], u[4*q])
			VUNPCKHPD(t[4*q+2], t[4*q], u[4*q+1])
			VUNPCKLPD(t[4*q+3], t[4*q+1], u[4*q+2])
			VUNPCKHPD(t[4*q+3], t[4*q+1], u[4*q+3])
		}
		for c := range 4 {
			VPERM2F128(operand.Imm(0x20), u[4+c], u[c], t[c])
			VPERM2F128(operand.Imm(0x31), u[4+c], u[c], t[4+c])
		}
		for c := range 8 {
			VMOVUPS(t[c], mem(to, 64*c))
		}
		ADDQ(operand.Imm(32), from)
		ADDQ(operand.U32(512), to)
		again(left, label)
	}
	VZEROUPPER()
	RET()
}
