package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotRows multiplies one vector with four rows at a time. Each row is summed as dotAVX2 sums it.
func dotRows() {
	function("dotRowsAVX2", "func(dst, q, rows *float32, d, fours int)",
		"writes the products of q with groups of four contiguous rows of d numbers, d a multiple of 8.")
	dst, q, d, fours := pointer("dst"), pointer("q"), pointer("d"), pointer("fours")
	SHLQ(operand.Imm(2), d)
	x := rowsOf(pointer("rows"), d, 4)
	at := GP64()
	Label("four")
	var acc [4]reg.VecVirtual
	for r := range acc {
		acc[r] = YMM()
		avx2.zero(acc[r])
	}
	XORQ(at, at)
	Label("step")
	v := YMM()
	VMOVUPS(operand.Mem{Base: q, Index: at, Scale: 1}, v)
	for r := range acc {
		VFMADD231PS(x.at(r, 0), v, acc[r])
	}
	x.advance(operand.Imm(32))
	ADDQ(operand.Imm(32), at)
	CMPQ(at, d)
	JNE(operand.LabelRef("step"))
	VMOVUPS(foldFour(acc), operand.Mem{Base: dst})
	for _, b := range x.bases { // three rows on: one has been passed
		LEAQ(operand.Mem{Base: b, Index: d, Scale: 2}, b)
		ADDQ(d, b)
	}
	ADDQ(operand.Imm(16), dst)
	DECQ(fours)
	JNZ(operand.LabelRef("four"))
	end()
}

// foldFour sums the lanes of four registers in the order of fold: upper half onto lower, then halves again, then pairs.
func foldFour(v [4]reg.VecVirtual) reg.VecVirtual {
	a, b, t := YMM(), YMM(), YMM()
	half := func(x, y, out reg.VecVirtual) { // lanes of x in the lower half, of y in the upper
		VPERM2F128(operand.Imm(0x20), y, x, t)
		VPERM2F128(operand.Imm(0x31), y, x, out)
		VADDPS(out, t, out)
	}
	half(v[0], v[2], a)
	half(v[1], v[3], b)
	// a: x0…x3 | z0…z3, b: y0…y3 | w0…w3
	VSHUFPS(operand.Imm(0x44), b, a, t)
	VSHUFPS(operand.Imm(0xee), b, a, a)
	VADDPS(a, t, t) // x0+x2 x1+x3 y0+y2 y1+y3 | z, w
	VSHUFPS(operand.Imm(0x88), t, t, a)
	VSHUFPS(operand.Imm(0xdd), t, t, b)
	VADDPS(b, a, a) // x y x y | z w z w
	VEXTRACTF128(operand.Imm(1), a, b.AsX())
	out := XMM()
	VMOVLHPS(b.AsX(), a.AsX(), out)
	return out
}

// weightedSum adds Σ weights[i]·row[i] to count·8 columns of dst, which stay in registers. Rows follow each other, or an
// index names them.
func weightedSum(name string, count int, indexed bool) {
	signature := "func(dst, weights, rows *float32, d, n int)"
	if indexed {
		signature = "func(dst, weights, rows *float32, index *int32, d, n int)"
	}
	function(name, signature, "adds n weighted rows of d numbers to some columns of dst.")
	dst, weights, rows, d, n := pointer("dst"), pointer("weights"), pointer("rows"), pointer("d"), pointer("n")
	var index reg.GPVirtual
	if indexed {
		index = pointer("index")
	}
	SHLQ(operand.Imm(2), d)
	acc := make([]reg.VecVirtual, count)
	for i := range acc {
		acc[i] = YMM()
		VMOVUPS(operand.Mem{Base: dst, Disp: 32 * i}, acc[i])
	}
	Label("row")
	w := YMM()
	VBROADCASTSS(operand.Mem{Base: weights}, w)
	row := rows
	if indexed {
		row = GP64()
		MOVLQSX(operand.Mem{Base: index}, row)
		IMULQ(d, row)
		ADDQ(rows, row)
		ADDQ(operand.Imm(4), index)
	}
	for i := range acc {
		VFMADD231PS(operand.Mem{Base: row, Disp: 32 * i}, w, acc[i])
	}
	if !indexed {
		ADDQ(d, rows)
	}
	ADDQ(operand.Imm(4), weights)
	DECQ(n)
	JNZ(operand.LabelRef("row"))
	for i := range acc {
		VMOVUPS(acc[i], operand.Mem{Base: dst, Disp: 32 * i})
	}
	end()
}
