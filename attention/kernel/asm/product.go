package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bytePattern is a register that holds the same byte everywhere.
func bytePattern(name string, v uint32, bytes int) operand.Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range bytes / 4 {
		DATA(4*i, operand.U32(v*0x01010101))
	}
	return m
}

// foldFour adds up, within each 128 bits, the numbers of four registers: [a b c d] in every 128 bits of the first.
func foldFour(a, b, c, d, t reg.VecVirtual) {
	VPUNPCKLDQ(b, a, t)
	VPUNPCKHDQ(b, a, a)
	VPADDD(t, a, a)
	VPUNPCKLDQ(d, c, t)
	VPUNPCKHDQ(d, c, c)
	VPADDD(t, c, c)
	VPUNPCKLQDQ(c, a, t)
	VPUNPCKHQDQ(c, a, a)
	VPADDD(t, a, a)
}

// foldEight adds up the numbers of each of eight registers: eight sums in one of half the width.
func foldEight(acc [8]reg.VecVirtual, t reg.VecVirtual) reg.VecVirtual {
	foldFour(acc[0], acc[1], acc[2], acc[3], t)
	foldFour(acc[4], acc[5], acc[6], acc[7], t)
	for _, v := range []reg.VecVirtual{acc[0], acc[4]} {
		VEXTRACTI64X4(operand.Imm(1), v, t.AsY())
		VPADDD(t.AsY(), v.AsY(), v.AsY())
	}
	VSHUFI64X2(operand.Imm(0), acc[4].AsY(), acc[0].AsY(), t.AsY())
	VSHUFI64X2(operand.Imm(3), acc[4].AsY(), acc[0].AsY(), acc[0].AsY())
	VPADDD(t.AsY(), acc[0].AsY(), acc[0].AsY())
	return acc[0].AsY().(reg.VecVirtual)
}

// dotBytes emits VPDPBUSD (AVX-512 VNNI): acc += the four products of each dword's unsigned bytes u and signed bytes s.
// avo has no entry for it.
func dotBytes(s operand.Op, u, acc reg.Register) {
	Instruction(&ir.Instruction{
		Opcode:   "VPDPBUSD",
		Operands: []operand.Op{s, u, acc},
		Inputs:   []operand.Op{s, u, acc},
		Outputs:  []operand.Op{acc},
		ISA:      []string{"AVX512_VNNI"},
	})
}

// patterns are the constants of unpacking.
func patterns() {
	bytePattern("nibbles", 0x0f, 64)
	bytePattern("pairs", 0x03, 64)
	bytePattern("singles", 0x01, 64)
	GLOBL("bitShifts", RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, operand.U64(i))
	}
	GLOBL("wordOnes", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, operand.U32(0x00010001))
	}
	GLOBL("shifts", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, operand.U32(2*(i/4)))
	}
}

// foldQueries emits the quantization of queries whose channels carry the scales of keys.
func foldQueries() {
	function("foldAVX2", "func(dst *int8, tmp, q *float32, scales *uint16, limit float32, m, d int, largest, sums *float32)",
		"quantizes q·scales of m queries of d channels, a multiple of 16, to integers of at most limit, and writes the largest magnitude and the sum of the integers of each.")
	dst, tmp, q, d := gp("dst"), gp("tmp"), gp("q"), gp("d")
	m, largest, sums := gp("m"), gp("largest"), gp("sums")
	mask, limit := YMM(), broadcast("limit")
	VMOVUPS(data("magnitude", 0), mask)
	Label("query")
	left, at, scales := GP64(), GP64(), gp("scales")
	MOVQ(d, left)
	SHRQ(operand.Imm(4), left)
	MOVQ(tmp, at)
	top, top2, v, w := YMM(), YMM(), YMM(), YMM()
	VXORPS(top, top, top)
	VXORPS(top2, top2, top2)
	Label("scale")
	for i, x := range []reg.VecVirtual{v, w} {
		VPMOVZXWD(mem(scales, 16*i), x)
		VPSLLD(operand.Imm(16), x, x)
		VMULPS(mem(q, 32*i), x, x)
		VMOVUPS(x, mem(at, 32*i))
		VANDPS(mask, x, x)
	}
	VMAXPS(v, top, top)
	VMAXPS(w, top2, top2)
	ADDQ(operand.Imm(64), q)
	ADDQ(operand.Imm(32), scales)
	ADDQ(operand.Imm(64), at)
	again(left, "scale")
	VMAXPS(top2, top, top)
	most := fold(top, VMAXPS).AsX()
	VMOVSS(most, mem(largest, 0))
	inverse, dead := YMM(), YMM()
	VDIVSS(most, limit.AsX(), inverse.AsX())
	VBROADCASTSS(inverse.AsX(), inverse)
	// Of nothing but zeros, or of numbers too small to invert, nothing is left.
	VCMPPS(operand.Imm(1), data("infinity", 0), inverse, dead)
	VANDPS(dead, inverse, inverse)
	MOVQ(d, left)
	SHRQ(operand.Imm(4), left)
	MOVQ(tmp, at)
	sum, a, b := YMM(), YMM(), YMM()
	VPXOR(sum, sum, sum)
	Label("round")
	VMULPS(mem(at, 0), inverse, a)
	VMULPS(mem(at, 32), inverse, b)
	VCVTPS2DQ(a, a)
	VCVTPS2DQ(b, b)
	VPADDD(a, sum, sum)
	VPADDD(b, sum, sum)
	packBytes(a, b)
	VMOVDQU(a.AsX(), mem(dst, 0))
	ADDQ(operand.Imm(64), at)
	ADDQ(operand.Imm(16), dst)
	again(left, "round")
	h := XMM()
	VEXTRACTI128(operand.Imm(1), sum, h)
	VPADDD(sum.AsX(), h, h)
	VPHADDD(h, h, h)
	VPHADDD(h, h, h)
	VCVTDQ2PS(h, h)
	VMOVSS(h, mem(sums, 0))
	ADDQ(operand.Imm(4), largest)
	ADDQ(operand.Imm(4), sums)
	again(m, "query")
	VZEROUPPER()
	RET()
}

// weighWide emits the weighted sums of 64 columns of rows of codes for several heads at once.
func weighWide(heads int) {
	function(fmt.Sprintf("weigh%dx64AVX512", heads), "func(out *float32, ldo int, w *float32, ldw int, codes *byte, d, rows int)",
		"adds the weighted sums of 64 columns of rows of codes, which start d bytes apart, for heads whose weights and outputs start ldw and ldo bytes apart.")
	out, ldo, w, ldw, codes, d, rows := gp("out"), gp("ldo"), gp("w"), gp("ldw"), gp("codes"), gp("d"), gp("rows")
	ws := rowsFrom(w, ldw, heads)
	for r := range ws {
		LEAQ(at(ws[r], rows, 4), ws[r])
	}
	NEGQ(rows)
	acc := make([][4]reg.VecVirtual, heads)
	for h := range acc {
		for c := range acc[h] {
			acc[h][c] = ZMM()
			VPXORD(acc[h][c], acc[h][c], acc[h][c])
		}
	}
	v := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
	Label("row")
	for c := range v {
		VPMOVZXBD(mem(codes, 16*c), v[c])
		VCVTDQ2PS(v[c], v[c])
	}
	for h := range acc {
		for c := range v {
			VFMADD231PS_BCST(at(ws[h], rows, 4), v[c], acc[h][c])
		}
	}
	ADDQ(d, codes)
	INCQ(rows)
	JNZ(operand.LabelRef("row"))
	for h := range acc {
		for c := range v {
			VADDPS(mem(out, 64*c), acc[h][c], acc[h][c])
			VMOVUPS(acc[h][c], mem(out, 64*c))
		}
		ADDQ(ldo, out)
	}
	VZEROUPPER()
	RET()
}

// weighHeads is weighWide for 32 columns and registers of eight.
func weighHeads(heads int) {
	function(fmt.Sprintf("weigh%dx32AVX2", heads), "func(out *float32, ldo int, w *float32, ldw int, codes *byte, d, rows int)",
		"adds the weighted sums of 32 columns of rows of codes, which start d bytes apart, for heads whose weights and outputs start ldw and ldo bytes apart.")
	out, ldo, w, ldw, codes, d, rows := gp("out"), gp("ldo"), gp("w"), gp("ldw"), gp("codes"), gp("d"), gp("rows")
	ws := rowsFrom(w, ldw, heads)
	for r := range ws {
		LEAQ(at(ws[r], rows, 4), ws[r])
	}
	NEGQ(rows)
	acc := make([][4]reg.VecVirtual, heads)
	for h := range acc {
		for c := range acc[h] {
			acc[h][c] = YMM()
			VXORPS(acc[h][c], acc[h][c], acc[h][c])
		}
	}
	var weights [3]reg.VecVirtual
	for h := range heads {
		weights[h] = YMM()
	}
	v := YMM()
	Label("row")
	for h := range heads {
		VBROADCASTSS(at(ws[h], rows, 4), weights[h])
	}
	for c := range 4 {
		VPMOVZXBD(mem(codes, 8*c), v)
		VCVTDQ2PS(v, v)
		for h := range acc {
			VFMADD231PS(v, weights[h], acc[h][c])
		}
	}
	ADDQ(d, codes)
	INCQ(rows)
	JNZ(operand.LabelRef("row"))
	for h := range acc {
		for c := range acc[h] {
			VADDPS(mem(out, 32*c), acc[h][c], acc[h][c])
			VMOVUPS(acc[h][c], mem(out, 32*c))
		}
		ADDQ(ldo, out)
	}
	VZEROUPPER()
	RET()
}

// eightByHeads writes the products of eight rows of codes with the queries of m heads: eight numbers a head, ldo bytes apart. sets lists whose
// queries each row meets, stride bytes apart; to, head and m are used up.
func eightByHeads(to, head, m, stride, ldo, sets, row reg.GPVirtual, codes, acc [8]reg.VecVirtual, t reg.VecVirtual) {
	Label("heads")
	for i := range codes {
		MOVLQSX(mem(sets, 4*i), row)
		IMULQ(stride, row)
		VMOVDQU64(at(head, row, 1), t)
		VPXORD(acc[i], acc[i], acc[i])
		dotBytes(t, codes[i], acc[i])
	}
	sum := foldEight(acc, t)
	VCVTDQ2PS(sum, sum)
	VMOVUPS(sum, mem(to, 0))
	ADDQ(ldo, to)
	ADDQ(operand.Imm(64), head)
	again(m, "heads")
}
