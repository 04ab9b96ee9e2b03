package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// reductions emit the sum and the largest of a row, over 16 lanes that are folded at the end.
func reductions() {
	sign := GLOBL("magnitude", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, operand.U32(0x7fffffff))
	}
	for _, f := range []struct {
		name, doc string
		op        func(...operand.Op)
		abs       bool
	}{
		{"sumAVX2", "adds up n numbers, a multiple of 16.", VADDPS, false},
		{"maxAVX2", "returns the largest of n numbers, a multiple of 16.", VMAXPS, false},
		{"absmaxAVX2", "returns the largest magnitude of n numbers, a multiple of 16.", VMAXPS, true},
	} {
		function(f.name, "func(x *float32, n int) float32", f.doc)
		x, n := gp("x"), gp("n")
		SHRQ(operand.Imm(4), n)
		a, b := YMM(), YMM()
		VMOVUPS(mem(x, 0), a)
		VMOVUPS(mem(x, 32), b)
		mask := YMM()
		if f.abs {
			VMOVUPS(sign, mask)
			VANDPS(mask, a, a)
			VANDPS(mask, b, b)
		}
		DECQ(n)
		JZ(operand.LabelRef("fold"))
		Label("step")
		ADDQ(operand.Imm(64), x)
		if f.abs {
			v, w := YMM(), YMM()
			VANDPS(mem(x, 0), mask, v)
			VANDPS(mem(x, 32), mask, w)
			f.op(v, a, a)
			f.op(w, b, b)
		} else {
			f.op(mem(x, 0), a, a)
			f.op(mem(x, 32), b, b)
		}
		again(n, "step")
		Label("fold")
		f.op(b, a, a)
		Store(fold(a, f.op), ReturnIndex(0))
		VZEROUPPER()
		RET()
	}
}

// expConstants are the constants of the exponential; coefficients are of the highest power first.
func expConstants() {
	constant("least", float32(math.Inf(-1)))
	constant("log2e", math.Log2E)
	constant("expFloor", -87)
	constant("ln2High", 0.693359375)
	constant("ln2Low", -2.12194440e-4)
	for i, v := range []float32{1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1} {
		constant(coefficients[i], v)
	}
}

var coefficients = []string{"c6", "c5", "c4", "c3", "c2", "c1"}

// exp emits the exponential: see expPortable, whose steps these are, with products and sums fused. Of fours each number has a top of its own.
func exp(fours bool) {
	top := YMM()
	if fours {
		function("expFoursAVX2", "func(dst, x, tops *float32, n int) float32", "writes exp(x − top) of n numbers, a multiple of 16, tops being four that take turns, and returns the largest x − top.")
		VBROADCASTF128(mem(gp("tops"), 0), top)
	} else {
		function("expAVX2", "func(dst, x *float32, top float32, n int) float32", "writes exp(x − top) of n numbers, a multiple of 16, and returns their sum.")
		VBROADCASTSS(param("top"), top)
	}
	dst, x, n := gp("dst"), gp("x"), gp("n")
	SHRQ(operand.Imm(3), n)
	result := YMM() // sum, or largest
	if fours {
		VMOVUPS(data("least", 0), result)
	} else {
		VXORPS(result, result, result)
	}
	Label("step")
	v, k, r, p, dead := YMM(), YMM(), YMM(), YMM(), YMM()
	VMOVUPS(mem(x, 0), v)
	VSUBPS(top, v, v)
	if fours {
		VMAXPS(v, result, result)
	}
	VCMPPS(operand.Imm(1), data("expFloor", 0), v, dead) // v < floor; NaN is not
	VMULPS(data("log2e", 0), v, k)
	VROUNDPS(operand.Imm(0), k, k)
	VMOVAPS(v, r)
	VFNMADD231PS(data("ln2High", 0), k, r)
	VFNMADD231PS(data("ln2Low", 0), k, r)
	VMOVUPS(data(coefficients[0], 0), p)
	for _, c := range append(coefficients[1:], "c1") {
		VFMADD213PS(data(c, 0), r, p)
	}
	VCVTPS2DQ(k, k)
	VPSLLD(operand.Imm(23), k, k)
	VPADDD(k, p, p)
	VANDNPS(p, dead, p)
	VMOVUPS(p, mem(dst, 0))
	if !fours {
		VADDPS(p, result, result)
	}
	ADDQ(operand.Imm(32), x)
	ADDQ(operand.Imm(32), dst)
	again(n, "step")
	if fours {
		Store(fold(result, VMAXPS), ReturnIndex(0))
	} else {
		Store(fold(result, VADDPS), ReturnIndex(0))
	}
	VZEROUPPER()
	RET()
}

// broadcast loads a float parameter into all lanes.
func broadcast(name string) reg.VecVirtual {
	v := YMM()
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(p.Addr, v)
	return v
}

// elementwise emits what works on each number by itself.
func elementwise() {
	loop := func(body func()) {
		n := gp("n")
		SHRQ(operand.Imm(3), n)
		Label("step")
		body()
		again(n, "step")
		VZEROUPPER()
		RET()
	}
	function("scaleAVX2", "func(x *float32, s float32, n int)", "multiplies n numbers, a multiple of 8, by s.")
	x, s := gp("x"), broadcast("s")
	loop(func() {
		v := YMM()
		VMULPS(mem(x, 0), s, v)
		VMOVUPS(v, mem(x, 0))
		ADDQ(operand.Imm(32), x)
	})
	function("addAVX2", "func(dst, x *float32, n int)", "adds n numbers, a multiple of 8.")
	dst, y := gp("dst"), gp("x")
	loop(func() {
		v := YMM()
		VMOVUPS(mem(y, 0), v)
		VADDPS(mem(dst, 0), v, v)
		VMOVUPS(v, mem(dst, 0))
		ADDQ(operand.Imm(32), y)
		ADDQ(operand.Imm(32), dst)
	})
	function("affineAVX2", "func(x *float32, offset, factor float32, n int)", "computes (x + offset)·factor of n numbers, a multiple of 8.")
	x2, offset, factor := gp("x"), broadcast("offset"), broadcast("factor")
	loop(func() {
		v := YMM()
		VADDPS(mem(x2, 0), offset, v)
		VMULPS(factor, v, v)
		VMOVUPS(v, mem(x2, 0))
		ADDQ(operand.Imm(32), x2)
	})
	function("rescaleAVX2", "func(x *float32, offset float32, scales *uint16, factor float32, n int)", "computes (x + offset)·(scale·factor) of n numbers, a multiple of 8.")
	x3, o3, scales, f3 := gp("x"), broadcast("offset"), gp("scales"), broadcast("factor")
	loop(func() {
		v, w := YMM(), YMM()
		VPMOVZXWD(mem(scales, 0), w)
		VPSLLD(operand.Imm(16), w, w)
		VMULPS(f3, w, w)
		VADDPS(mem(x3, 0), o3, v)
		VMULPS(w, v, v)
		VMOVUPS(v, mem(x3, 0))
		ADDQ(operand.Imm(32), x3)
		ADDQ(operand.Imm(16), scales)
	})
	function("widenAVX2", "func(dst *float32, src *uint16, n int)", "turns n fp16 numbers, a multiple of 8, into fp32.")
	d4, s4 := gp("dst"), gp("src")
	loop(func() {
		v := YMM()
		VCVTPH2PS(mem(s4, 0), v)
		VMOVUPS(v, mem(d4, 0))
		ADDQ(operand.Imm(16), s4)
		ADDQ(operand.Imm(32), d4)
	})
	function("narrowAVX2", "func(dst *uint16, src *float32, n int)", "rounds n numbers, a multiple of 8, to fp16.")
	d5, s5 := gp("dst"), gp("src")
	loop(func() {
		v := YMM()
		VMOVUPS(mem(s5, 0), v)
		VCVTPS2PH(operand.Imm(0), v, mem(d5, 0))
		ADDQ(operand.Imm(32), s5)
		ADDQ(operand.Imm(16), d5)
	})
	function("widestAVX2", "func(dst, x *float32, n int)", "raises n numbers, a multiple of 8, to the magnitudes of x where those are larger.")
	d6, x6 := gp("dst"), gp("x")
	loop(func() {
		v := YMM()
		VMOVUPS(mem(x6, 0), v)
		VANDPS(data("magnitude", 0), v, v)
		VMAXPS(mem(d6, 0), v, v)
		VMOVUPS(v, mem(d6, 0))
		ADDQ(operand.Imm(32), x6)
		ADDQ(operand.Imm(32), d6)
	})
	function("gatherAVX2", "func(dst, x *float32, rows *int32, n int)", "reads n listed numbers, a multiple of 8.")
	d10, x10, r10 := gp("dst"), gp("x"), gp("rows")
	loop(func() {
		v, index, all := YMM(), YMM(), YMM()
		VMOVDQU(mem(r10, 0), index)
		VPCMPEQD(all, all, all)
		VGATHERDPS(all, operand.Mem{Base: x10, Index: index, Scale: 4}, v)
		VMOVUPS(v, mem(d10, 0))
		ADDQ(operand.Imm(32), r10)
		ADDQ(operand.Imm(32), d10)
	})
	for _, bytes := range []int{1, 2} {
		name, element := "encodeAVX2", "uint16"
		if bytes == 1 {
			name, element = "encodeBytesAVX2", "byte"
		}
		function(name, "func(dst *"+element+", x, inverses *float32, middle, most float32, n int)", "writes x·inverse + middle of n numbers, a multiple of 8, cut off to integers from 0 to most.")
		d7, x7, i7, middle, most := gp("dst"), gp("x"), gp("inverses"), broadcast("middle"), broadcast("most")
		zero := YMM()
		VXORPS(zero, zero, zero)
		loop(func() {
			v := YMM()
			VMOVUPS(mem(x7, 0), v)
			VMULPS(mem(i7, 0), v, v)
			VADDPS(middle, v, v)
			VMAXPS(zero, v, v) // NaN becomes 0
			VMINPS(most, v, v)
			VCVTTPS2DQ(v, v)
			VPACKUSDW(v, v, v)
			VPERMQ(operand.Imm(0xd8), v, v)
			if bytes == 1 {
				VPACKUSWB(v.AsX(), v.AsX(), v.AsX())
				VMOVQ(v.AsX(), mem(d7, 0))
			} else {
				VMOVDQU(v.AsX(), mem(d7, 0))
			}
			ADDQ(operand.Imm(32), x7)
			ADDQ(operand.Imm(32), i7)
			ADDQ(operand.Imm(uint64(8*bytes)), d7)
		})
	}
	function("floatsAVX2", "func(dst *float32, codes *byte, n int)", "turns n codes, a multiple of 8, into fp32.")
	d8, c8 := gp("dst"), gp("codes")
	loop(func() {
		v := YMM()
		VPMOVZXBD(mem(c8, 0), v)
		VCVTDQ2PS(v, v)
		VMOVUPS(v, mem(d8, 0))
		ADDQ(operand.Imm(8), c8)
		ADDQ(operand.Imm(32), d8)
	})
}
