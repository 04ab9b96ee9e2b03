package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// reductionsWide emits the sum and the largest of a row over 64 lanes, four registers of sixteen that take turns.
func reductionsWide() {
	for _, f := range []struct {
		name, doc string
		op        func(...operand.Op)
		first     string
	}{
		{"sumAVX512", "adds up n numbers, a multiple of 16.", VADDPS, ""},
		{"maxAVX512", "returns the largest of n numbers, a multiple of 16.", VMAXPS, "least"},
	} {
		function(f.name, "func(x *float32, n int) float32", f.doc)
		x, n := gp("x"), gp("n")
		acc := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
		for _, a := range acc {
			if f.first == "" {
				VPXORD(a, a, a)
			} else {
				VBROADCASTSS(data(f.first, 0), a)
			}
		}
		SUBQ(operand.Imm(64), n)
		JL(operand.LabelRef("rest"))
		Label("step")
		for i, a := range acc {
			f.op(mem(x, 64*i), a, a)
		}
		ADDQ(operand.U32(256), x)
		SUBQ(operand.Imm(64), n)
		JGE(operand.LabelRef("step"))
		Label("rest")
		for i, a := range acc[:3] {
			CMPQ(n, operand.I8(16*i-48)) // n is what is left, less 64
			JL(operand.LabelRef("fold"))
			f.op(mem(x, 64*i), a, a)
		}
		Label("fold")
		f.op(acc[1], acc[0], acc[0])
		f.op(acc[3], acc[2], acc[2])
		f.op(acc[2], acc[0], acc[0])
		Store(foldWideTo(acc[0], f.op), ReturnIndex(0))
		VZEROUPPER()
		RET()
	}
}

// foldWideTo is fold for sixteen numbers.
func foldWideTo(v reg.VecVirtual, op func(...operand.Op)) reg.VecVirtual {
	half := YMM()
	VEXTRACTF32X8(operand.Imm(1), v, half)
	op(half, v.AsY(), half)
	return fold(half, op)
}

// mix emits the weighted sum of a few rows.
func mix() {
	function("mixAVX2", "func(dst, x *float32, ld int, factors *float32, m, n int)", "writes the sum of m rows of n numbers, a multiple of 16, that start ld bytes apart, each times its factor.")
	dst, x, ld, n := gp("dst"), gp("x"), gp("ld"), gp("n")
	SHRQ(operand.Imm(4), n)
	a, b, f := YMM(), YMM(), YMM()
	Label("step")
	VXORPS(a, a, a)
	VXORPS(b, b, b)
	factors, m, row := gp("factors"), gp("m"), GP64()
	MOVQ(x, row)
	Label("rows")
	VBROADCASTSS(mem(factors, 0), f)
	VFMADD231PS(mem(row, 0), f, a)
	VFMADD231PS(mem(row, 32), f, b)
	ADDQ(operand.Imm(4), factors)
	ADDQ(ld, row)
	again(m, "rows")
	VMOVUPS(a, mem(dst, 0))
	VMOVUPS(b, mem(dst, 32))
	ADDQ(operand.Imm(64), x)
	ADDQ(operand.Imm(64), dst)
	again(n, "step")
	VZEROUPPER()
	RET()
}

// How many lines kernels ask for with every step, about what memory delivers in that time: see the constants of package kernel that say how
// many bytes that makes.
const (
	expLines    = 3  // of 32 numbers
	mixLines    = 2  // of 64 numbers
	foldLines   = 4  // of a block, twice
	selectBytes = 32 // of 16 numbers
)

// ask asks for lines, and moves on.
func ask(ahead reg.GPVirtual, lines int) {
	for line := range lines {
		PREFETCHT1(mem(ahead, 64*line))
	}
	ADDQ(param("step"), ahead)
}

// mixWide is mix in registers of sixteen, four at a time while there are so many.
func mixWide() {
	function("mixAVX512", "func(dst, x *float32, ld int, factors *float32, m, n int, ahead *byte, step int)", "writes the sum of m rows of n numbers, a multiple of 16, that start ld bytes apart, each times its factor. With every 64 numbers it asks for the lines at ahead, which moves on by step.")
	dst, x, ld, n, ahead := gp("dst"), gp("x"), gp("ld"), gp("n"), gp("ahead")
	acc, f := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}, ZMM()
	factors, m, row := GP64(), GP64(), GP64()
	some := func(label string, vectors int) {
		for _, a := range acc[:vectors] {
			VPXORD(a, a, a)
		}
		MOVQ(param("factors"), factors)
		MOVQ(param("m"), m)
		MOVQ(x, row)
		Label(label)
		VBROADCASTSS(mem(factors, 0), f)
		for i, a := range acc[:vectors] {
			VFMADD231PS(mem(row, 64*i), f, a)
		}
		ADDQ(operand.Imm(4), factors)
		ADDQ(ld, row)
		again(m, label)
		for i, a := range acc[:vectors] {
			VMOVUPS(a, mem(dst, 64*i))
		}
		ADDQ(operand.U32(uint32(64*vectors)), x)
		ADDQ(operand.U32(uint32(64*vectors)), dst)
	}
	SUBQ(operand.Imm(64), n)
	JL(operand.LabelRef("rest"))
	Label("step")
	ask(ahead, mixLines)
	some("rows", 4)
	SUBQ(operand.Imm(64), n)
	JGE(operand.LabelRef("step"))
	Label("rest")
	ADDQ(operand.Imm(64), n)
	JZ(operand.LabelRef("done"))
	Label("last")
	some("row", 1)
	SUBQ(operand.Imm(16), n)
	JNZ(operand.LabelRef("last"))
	Label("done")
	VZEROUPPER()
	RET()
}

// expWide is exp in registers of sixteen, two at a time, and the last by itself where there is one.
func expWide(fours bool) {
	top, ahead := ZMM(), GP64()
	if fours {
		function("expFoursAVX512", "func(dst, x, tops *float32, n int) float32", "writes exp(x − top) of n numbers, a multiple of 16, tops being four that take turns, and returns the largest x − top.")
		VBROADCASTF32X4(mem(gp("tops"), 0), top)
	} else {
		function("expAVX512", "func(dst, x *float32, top float32, n int, ahead *byte, step int) float32", "writes exp(x − top) of n numbers, a multiple of 16, and returns their sum. With every 32 of them it asks for the lines at ahead, which moves on by step.")
		VBROADCASTSS(param("top"), top)
		MOVQ(param("ahead"), ahead)
	}
	dst, x, n := gp("dst"), gp("x"), gp("n")
	SHRQ(operand.Imm(4), n)
	var constants []reg.VecVirtual
	for _, name := range append([]string{"log2e", "expFloor", "ln2High", "ln2Low"}, coefficients...) {
		v := ZMM()
		VBROADCASTSS(data(name, 0), v)
		constants = append(constants, v)
	}
	log2e, floor, high, low, coefficients := constants[0], constants[1], constants[2], constants[3], constants[4:]
	result := ZMM() // sum, or largest
	if fours {
		VBROADCASTSS(data("least", 0), result)
	} else {
		VPXORD(result, result, result)
	}
	step := func(vectors int) {
		var v, k, p [2]reg.VecVirtual
		var live [2]reg.OpmaskVirtual
		each := func(f func(i int)) {
			for i := range vectors {
				f(i)
			}
		}
		each(func(i int) {
			v[i], k[i], p[i], live[i] = ZMM(), ZMM(), ZMM(), K()
			VMOVUPS(mem(x, 64*i), v[i])
			VSUBPS(top, v[i], v[i])
		})
		if fours {
			each(func(i int) { VMAXPS(v[i], result, result) })
		}
		each(func(i int) { VCMPPS(operand.Imm(0x15), floor, v[i], live[i]) }) // not less than floor: NaN stays
		each(func(i int) { VMULPS(log2e, v[i], k[i]) })
		each(func(i int) { VRNDSCALEPS(operand.Imm(0), k[i], k[i]) })
		each(func(i int) { VFNMADD231PS(high, k[i], v[i]) })
		each(func(i int) { VFNMADD231PS(low, k[i], v[i]) })
		each(func(i int) { VMOVAPS(coefficients[0], p[i]) })
		for _, c := range append(coefficients[1:], coefficients[5]) {
			each(func(i int) { VFMADD213PS(c, v[i], p[i]) })
		}
		each(func(i int) { VSCALEFPS_Z(k[i], p[i], live[i], p[i]) })
		each(func(i int) { VMOVUPS(p[i], mem(dst, 64*i)) })
		if !fours {
			each(func(i int) { VADDPS(p[i], result, result) })
		}
		ADDQ(operand.U32(uint32(64*vectors)), x)
		ADDQ(operand.U32(uint32(64*vectors)), dst)
	}
	pairs := GP64()
	MOVQ(n, pairs)
	SHRQ(operand.Imm(1), pairs)
	JZ(operand.LabelRef("last"))
	Label("step")
	step(2)
	if !fours {
		ask(ahead, expLines)
	}
	again(pairs, "step")
	Label("last")
	TESTQ(operand.U32(1), n)
	JZ(operand.LabelRef("done"))
	step(1)
	Label("done")
	op := VADDPS
	if fours {
		op = VMAXPS
	}
	Store(foldWideTo(result, op), ReturnIndex(0))
	VZEROUPPER()
	RET()
}
