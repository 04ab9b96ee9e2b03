package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// quantize emits rounding to 16-bit integers.
func quantize() {
	function("quantizeAVX2", "func(dst *int8, x *float32, inverse float32, n int) int32", "rounds n numbers times inverse, a multiple of 16, of magnitude up to 127, and returns their sum.")
	dst, x, inverse, n := gp("dst"), gp("x"), broadcast("inverse"), gp("n")
	SHRQ(operand.Imm(4), n)
	sum := YMM()
	VPXOR(sum, sum, sum)
	a, b := YMM(), YMM()
	Label("step")
	VMULPS(mem(x, 0), inverse, a)
	VMULPS(mem(x, 32), inverse, b)
	VCVTPS2DQ(a, a)
	VCVTPS2DQ(b, b)
	VPADDD(a, sum, sum)
	VPADDD(b, sum, sum)
	packBytes(a, b)
	VMOVDQU(a.AsX(), mem(dst, 0))
	ADDQ(operand.Imm(64), x)
	ADDQ(operand.Imm(16), dst)
	again(n, "step")
	h := XMM()
	VEXTRACTI128(operand.Imm(1), sum, h)
	VPADDD(sum.AsX(), h, h)
	VPHADDD(h, h, h)
	VPHADDD(h, h, h)
	total := GP32()
	VMOVD(h, total)
	Store(total, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// packBytes turns sixteen integers, eight in a and eight in b, into bytes in the low half of a.
func packBytes(a, b reg.VecVirtual) {
	VPACKSSDW(b, a, a)
	VPERMQ(operand.Imm(0xd8), a, a)
	VEXTRACTI128(operand.Imm(1), a, b.AsX())
	VPACKSSWB(b.AsX(), a.AsX(), a.AsX())
}

// dots emits integer products of one query with rows of codes, four at a time or one.
func dots() {
	function("dotsAVX2", "func(dst *float32, q *int8, codes *byte, d, rows int)", "writes the products of a query of d integers, a multiple of 16, with rows of d codes; rows is a multiple of 4.")
	dst, q, codes, d, rows := gp("dst"), gp("q"), gp("codes"), gp("d"), gp("rows")
	SHRQ(operand.Imm(2), rows)
	Label("rows")
	acc := dotRows(rowsFrom(codes, d, 4), q, d)
	VPHADDD(acc[1], acc[0], acc[0])
	VPHADDD(acc[3], acc[2], acc[2])
	VPHADDD(acc[2], acc[0], acc[0])
	h := XMM()
	VEXTRACTI128(operand.Imm(1), acc[0], h)
	VPADDD(acc[0].AsX(), h, h)
	VCVTDQ2PS(h, h)
	VMOVUPS(h, mem(dst, 0))
	ADDQ(operand.Imm(16), dst)
	LEAQ(at(codes, d, 4), codes)
	again(rows, "rows")
	VZEROUPPER()
	RET()

	function("dotAVX2", "func(q *int8, codes *byte, d int) float32", "returns the product of a query of d integers, a multiple of 16, with d codes.")
	q1, c1, d1 := gp("q"), gp("codes"), gp("d")
	one := dotRows([]reg.GPVirtual{c1}, q1, d1)[0]
	low := XMM()
	VEXTRACTI128(operand.Imm(1), one, low)
	VPADDD(one.AsX(), low, low)
	VPHADDD(low, low, low)
	VPHADDD(low, low, low)
	VCVTDQ2PS(low, low)
	Store(low, ReturnIndex(0))
	VZEROUPPER()
	RET()

	function("prefetchAVX2", "func(src *byte, rows *int32, size, n int)", "asks for the first bytes of n rows.")
	src, list, size, n := gp("src"), gp("rows"), gp("size"), gp("n")
	row := GP64()
	Label("row")
	MOVLQSX(mem(list, 0), row)
	IMULQ(size, row)
	PREFETCHT0(at(src, row, 1))
	ADDQ(operand.Imm(4), list)
	again(n, "row")
	RET()
}

// dotRows emits the products of one query with some rows and returns their partial sums.
func dotRows(r []reg.GPVirtual, q, d reg.GPVirtual) []reg.VecVirtual {
	acc := make([]reg.VecVirtual, len(r))
	for i := range acc {
		acc[i] = YMM()
		VPXOR(acc[i], acc[i], acc[i])
	}
	c := GP64()
	XORQ(c, c)
	qv, v := YMM(), YMM()
	Label("step")
	VPMOVSXBW(at(q, c, 1), qv)
	for i := range acc {
		VPMOVZXBW(at(r[i], c, 1), v)
		VPMADDWD(qv, v, v)
		VPADDD(v, acc[i], acc[i])
	}
	ADDQ(operand.Imm(16), c)
	CMPQ(c, d)
	JL(operand.LabelRef("step"))
	return acc
}

// weigh emits the weighted sum of some columns of rows of codes.
func weigh(columns int) {
	function(fmt.Sprintf("weigh%dAVX2", columns), "func(out, w *float32, codes *byte, d, rows int)",
		fmt.Sprintf("adds the weighted sum of %d columns of rows of codes, which start d bytes apart.", columns))
	out, w, codes, d, rows := gp("out"), gp("w"), gp("codes"), gp("d"), gp("rows")
	acc := make([]reg.VecVirtual, columns/8)
	for i := range acc {
		acc[i] = YMM()
		VXORPS(acc[i], acc[i], acc[i])
	}
	weight, v := YMM(), YMM()
	Label("row")
	VBROADCASTSS(mem(w, 0), weight)
	for i := range acc {
		VPMOVZXBD(mem(codes, 8*i), v)
		VCVTDQ2PS(v, v)
		VFMADD231PS(v, weight, acc[i])
	}
	ADDQ(operand.Imm(4), w)
	ADDQ(d, codes)
	again(rows, "row")
	for i := range acc {
		VADDPS(mem(out, 32*i), acc[i], acc[i])
		VMOVUPS(acc[i], mem(out, 32*i))
	}
	VZEROUPPER()
	RET()
}
