package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constants are full registers of one dword each.
var constants = map[uint32]operand.Mem{}

// number returns memory that holds v in every lane.
func number(v float64) operand.Mem { return dwords(math.Float32bits(float32(v))) }

// dwords returns memory that holds the dword in every lane.
func dwords(bits uint32) operand.Mem {
	m, ok := constants[bits]
	if !ok {
		m = GLOBL(fmt.Sprintf("dword%08x", bits), 8|16)
		for i := range 8 {
			DATA(4*i, operand.U32(bits))
		}
		constants[bits] = m
	}
	return m
}

// tails is eight full lanes and eight empty ones: the mask for a rest of n lies 8−n lanes in.
var tails operand.Mem

// loop emits code for n numbers, eight at a time and then a masked rest. body takes the numbers at each of from and
// returns what goes to the same place of dst, or nil; mask is nil but for the rest.
func loop(n operand.Op, from []reg.GPVirtual, dst reg.GPVirtual, body func(v []reg.VecVirtual, mask reg.VecVirtual) reg.VecVirtual) {
	pointers := append([]reg.GPVirtual{}, from...)
	if dst != nil {
		found := false
		for _, p := range from {
			found = found || p == dst
		}
		if !found {
			pointers = append(pointers, dst)
		}
	}
	Label("eight")
	CMPQ(n, operand.Imm(8))
	JL(operand.LabelRef("rest"))
	v := make([]reg.VecVirtual, len(from))
	for i, p := range from {
		v[i] = YMM()
		VMOVUPS(operand.Mem{Base: p}, v[i])
	}
	if y := body(v, nil); y != nil {
		VMOVUPS(y, operand.Mem{Base: dst})
	}
	for _, p := range pointers {
		ADDQ(operand.Imm(32), p)
	}
	SUBQ(operand.Imm(8), n)
	JMP(operand.LabelRef("eight"))
	Label("rest")
	TESTQ(n, n)
	JZ(operand.LabelRef("done"))
	table, mask := GP64(), YMM()
	LEAQ(tails, table)
	NEGQ(n)
	VMOVDQU(operand.Mem{Base: table, Index: n.(reg.Register), Scale: 4, Disp: 32}, mask)
	for i, p := range from {
		v[i] = YMM()
		VMASKMOVPS(operand.Mem{Base: p}, mask, v[i])
	}
	if y := body(v, mask); y != nil {
		VMASKMOVPS(y, mask, operand.Mem{Base: dst})
	}
	Label("done")
}

// pointer loads a pointer argument.
func pointer(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// scalar spreads an fp32 argument over a register.
func scalar(name string) reg.VecVirtual {
	v := YMM()
	x := Load(Param(name), XMM()).(reg.VecVirtual)
	VBROADCASTSS(x, v)
	return v
}

func end() {
	VZEROUPPER()
	RET()
}

// exponential returns exp(x): x = n·ln 2 + r with |r| ≤ ln 2/2, eʳ by a polynomial whose coefficients minimize the
// relative error (3·10⁻⁹), 2ⁿ by the exponent's bits. ln 2 is split in two (Cody and Waite). Below −87.3 the result is
// 0, above 88.3 it stays finite; NaN stays NaN.
func exponential(x reg.VecVirtual) reg.VecVirtual {
	keep, n, r, y, scale := YMM(), YMM(), YMM(), YMM(), YMM()
	VCMPPS(operand.Imm(0x15), number(-87.3), x, keep) // not less than, true of NaN
	VMOVUPS(number(-87.3), r)
	VMAXPS(x, r, r)
	VMOVUPS(number(88.3), n)
	VMINPS(r, n, r)
	VMULPS(number(math.Log2E), r, n)
	VROUNDPS(operand.Imm(8), n, n)
	VFNMADD231PS(number(0.693359375), n, r)
	VFNMADD231PS(number(math.Ln2-0.693359375), n, r)
	VMOVUPS(number(0.0013813142636038246), y)
	for _, c := range []float64{0.008369419342123431, 0.041668456850917225, 0.16666514786611214, 0.49999993050350444, 1, 1} {
		VFMADD213PS(number(c), r, y)
	}
	VCVTPS2DQ(n, scale)
	VPADDD(dwords(127), scale, scale)
	VPSLLD(operand.Imm(23), scale, scale)
	VMULPS(scale, y, y)
	VANDPS(keep, y, y)
	return y
}

// expSum replaces x by exp(x − max) and returns the sum, by lanes and then as a tree.
func expSum() {
	function("expSumAVX2", "func(x *float32, n int, max float32) float32", "replaces n numbers x by exp(x − max) and returns their sum.")
	x, n, top := pointer("x"), pointer("n"), scalar("max")
	sum := YMM()
	avx2.zero(sum)
	loop(n, []reg.GPVirtual{x}, x, func(v []reg.VecVirtual, mask reg.VecVirtual) reg.VecVirtual {
		VSUBPS(top, v[0], v[0])
		y := exponential(v[0])
		if mask != nil {
			VANDPS(mask, y, y)
		}
		VADDPS(y, sum, sum)
		return y
	})
	Store(fold(sum), ReturnIndex(0))
	end()
}

// fold sums the lanes of one register as a tree.
func fold(v reg.VecVirtual) reg.VecVirtual {
	hi, sum := XMM(), XMM()
	VEXTRACTF128(operand.Imm(1), v, hi)
	VADDPS(v.AsX(), hi, sum)
	VMOVHLPS(sum, sum, hi)
	VADDPS(hi, sum, sum)
	VMOVSHDUP(sum, hi)
	VADDSS(hi, sum, sum)
	return sum
}

// largest returns the maximum of n > 0 numbers.
func largest() {
	function("largestAVX2", "func(x *float32, n int) float32", "returns the largest of n > 0 numbers.")
	x, n := pointer("x"), pointer("n")
	top := YMM()
	VBROADCASTSS(operand.Mem{Base: x}, top)
	loop(n, []reg.GPVirtual{x}, nil, func(v []reg.VecVirtual, mask reg.VecVirtual) reg.VecVirtual {
		if mask != nil {
			VBLENDVPS(mask, v[0], top, v[0])
		}
		VMAXPS(v[0], top, top)
		return nil
	})
	hi, t := XMM(), XMM()
	VEXTRACTF128(operand.Imm(1), top, hi)
	VMAXPS(top.AsX(), hi, t)
	VMOVHLPS(t, t, hi)
	VMAXPS(hi, t, t)
	VMOVSHDUP(t, hi)
	VMAXSS(hi, t, t)
	Store(t, ReturnIndex(0))
	end()
}

// swiglu writes g/(1 + exp(−g))·u.
func swiglu() {
	function("swigluAVX2", "func(dst, gate, up *float32, n int)", "writes gate/(1 + exp(−gate))·up of n numbers.")
	dst, gate, up, n := pointer("dst"), pointer("gate"), pointer("up"), pointer("n")
	loop(n, []reg.GPVirtual{gate, up}, dst, func(v []reg.VecVirtual, _ reg.VecVirtual) reg.VecVirtual {
		VMULPS(v[0], v[1], v[1])
		return logistic(v[0], v[1])
	})
	end()
}

// logistic returns y/(1 + exp(−x)).
func logistic(x, y reg.VecVirtual) reg.VecVirtual {
	VXORPS(dwords(1<<31), x, x)
	e := exponential(x)
	VADDPS(number(1), e, e)
	VDIVPS(e, y, y)
	return y
}

// geluTanh is x·(1 + tanh(u))/2 = x/(1 + exp(−2u)) with u = √(2/π)·(x + 0.044715·x³).
func geluTanh() {
	function("geluTanhAVX2", "func(x *float32, n int)", "replaces n numbers by the tanh approximation of GELU.")
	x, n := pointer("x"), pointer("n")
	c := 2 * math.Sqrt(2/math.Pi)
	loop(n, []reg.GPVirtual{x}, x, func(v []reg.VecVirtual, _ reg.VecVirtual) reg.VecVirtual {
		u, s := YMM(), YMM()
		VMULPS(v[0], v[0], s)
		VMOVUPS(number(0.044715*c), u)
		VFMADD213PS(number(c), s, u)
		VMULPS(v[0], u, u)
		return logistic(u, v[0])
	})
	end()
}

// gelu is x·Φ(x) = max(x, 0) − |x|·erfc(|x|/√2)/2, with erfc(z) = exp(−z²)·P(1/(1 + 0.3·z)). P minimizes the relative
// error (2·10⁻⁸ for z up to 10), found by reweighted least squares.
func gelu() {
	function("geluAVX2", "func(x *float32, n int)", "replaces n numbers by x·Φ(x).")
	x, n := pointer("x"), pointer("n")
	p := []float64{-0.12952351205183368, 0.48556632829485363, -0.5122849166284418, 0.5477283402823365, -0.09465686462067713,
		0.214928869557935, 0.1483383923029866, 0.17071534571215352, 0.16918799756850528, 0}
	loop(n, []reg.GPVirtual{x}, x, func(v []reg.VecVirtual, _ reg.VecVirtual) reg.VecVirtual {
		a, t, y, s := YMM(), YMM(), YMM(), YMM()
		VANDPS(dwords(1<<31-1), v[0], a)
		VMOVUPS(number(1), y)
		VMOVUPS(number(0.3/math.Sqrt2), t)
		VFMADD213PS(number(1), a, t)
		VDIVPS(t, y, t)
		VMOVUPS(number(p[0]/2), y)
		for _, c := range p[1:] {
			VFMADD213PS(number(c/2), t, y)
		}
		VMULPS(a, a, s)
		VMULPS(number(-0.5), s, s)
		e := exponential(s)
		VMULPS(y, e, e)
		avx2.zero(s)
		VMAXPS(v[0], s, s) // NaN stays
		VFNMADD231PS(e, a, s)
		return s
	})
	end()
}

// sums of a register's width: Σx and Σ(x − mean)².
func statistics() {
	function("sumAVX2", "func(x *float32, n int) float32", "returns the sum of n numbers.")
	x, n := pointer("x"), pointer("n")
	sum := YMM()
	avx2.zero(sum)
	loop(n, []reg.GPVirtual{x}, nil, func(v []reg.VecVirtual, _ reg.VecVirtual) reg.VecVirtual {
		VADDPS(v[0], sum, sum)
		return nil
	})
	Store(fold(sum), ReturnIndex(0))
	end()

	function("squaresAVX2", "func(x *float32, n int, mean float32) float32", "returns Σ(x − mean)² of n numbers.")
	x, n = pointer("x"), pointer("n")
	mean := scalar("mean")
	squares := YMM()
	avx2.zero(squares)
	loop(n, []reg.GPVirtual{x}, nil, func(v []reg.VecVirtual, mask reg.VecVirtual) reg.VecVirtual {
		VSUBPS(mean, v[0], v[0])
		if mask != nil {
			VANDPS(mask, v[0], v[0])
		}
		VFMADD231PS(v[0], v[0], squares)
		return nil
	})
	Store(fold(squares), ReturnIndex(0))
	end()
}

// affine writes (x − mean)·scale·gain + bias, and the same without mean and bias.
func affine() {
	function("affineAVX2", "func(dst, x, gain, bias *float32, n int, mean, scale float32)", "writes (x − mean)·scale·gain + bias of n numbers.")
	dst, x, gain, bias, n := pointer("dst"), pointer("x"), pointer("gain"), pointer("bias"), pointer("n")
	mean, scale := scalar("mean"), scalar("scale")
	loop(n, []reg.GPVirtual{x, gain, bias}, dst, func(v []reg.VecVirtual, _ reg.VecVirtual) reg.VecVirtual {
		VSUBPS(mean, v[0], v[0])
		VMULPS(scale, v[0], v[0])
		VMULPS(v[1], v[0], v[0])
		VADDPS(v[2], v[0], v[0])
		return v[0]
	})
	end()

	function("gainsAVX2", "func(dst, x, gain *float32, n int, scale float32)", "writes x·scale·gain of n numbers.")
	dst, x, gain, n = pointer("dst"), pointer("x"), pointer("gain"), pointer("n")
	scale = scalar("scale")
	loop(n, []reg.GPVirtual{x, gain}, dst, func(v []reg.VecVirtual, _ reg.VecVirtual) reg.VecVirtual {
		VMULPS(scale, v[0], v[0])
		VMULPS(v[1], v[0], v[0])
		return v[0]
	})
	end()
}

// simple are x + y, x·s and y + a·x.
func simple() {
	function("addAVX2", "func(dst, x *float32, n int)", "adds n numbers x to dst.")
	dst, x, n := pointer("dst"), pointer("x"), pointer("n")
	loop(n, []reg.GPVirtual{dst, x}, dst, func(v []reg.VecVirtual, _ reg.VecVirtual) reg.VecVirtual {
		VADDPS(v[1], v[0], v[0])
		return v[0]
	})
	end()

	function("scaleAVX2", "func(x *float32, n int, s float32)", "multiplies n numbers x by s.")
	x, n = pointer("x"), pointer("n")
	s := scalar("s")
	loop(n, []reg.GPVirtual{x}, x, func(v []reg.VecVirtual, _ reg.VecVirtual) reg.VecVirtual {
		VMULPS(s, v[0], v[0])
		return v[0]
	})
	end()

	function("dotAVX2", "func(a, b *float32, n int) float32", "returns Σa·b of n numbers.")
	p, q := pointer("a"), pointer("b")
	n = pointer("n")
	sum := YMM()
	avx2.zero(sum)
	loop(n, []reg.GPVirtual{p, q}, nil, func(v []reg.VecVirtual, _ reg.VecVirtual) reg.VecVirtual {
		VFMADD231PS(v[1], v[0], sum)
		return nil
	})
	Store(fold(sum), ReturnIndex(0))
	end()
}

// rotate turns pairs (x, y) by angles: halves apart, or neighbours.
func rotate() {
	function("rotateAVX2", "func(x, y, cos, sin *float32, n int)", "turns n pairs x, y by their angles.")
	x, y, cos, sin := pointer("x"), pointer("y"), pointer("cos"), pointer("sin")
	n := pointer("n")
	second := y
	loop(n, []reg.GPVirtual{x, y, cos, sin}, x, func(v []reg.VecVirtual, mask reg.VecVirtual) reg.VecVirtual {
		a, b, t := YMM(), YMM(), YMM()
		VMULPS(v[2], v[0], a)
		VMULPS(v[3], v[1], t)
		VSUBPS(t, a, a)
		VMULPS(v[3], v[0], b)
		VMULPS(v[2], v[1], t)
		VADDPS(t, b, b)
		if mask != nil {
			VMASKMOVPS(b, mask, operand.Mem{Base: second})
		} else {
			VMOVUPS(b, operand.Mem{Base: second})
		}
		return a
	})
	end()

	function("rotateNeighboursAVX2", "func(x, cos, sin *float32, n int)", "turns n groups of eight neighbouring pairs by their angles.")
	x, cos, sin, n = pointer("x"), pointer("cos"), pointer("sin"), pointer("n")
	Label("group")
	lo, hi, a, b, c, s, t := YMM(), YMM(), YMM(), YMM(), YMM(), YMM(), YMM()
	VMOVUPS(operand.Mem{Base: x}, lo)
	VMOVUPS(operand.Mem{Base: x, Disp: 32}, hi)
	VPERM2F128(operand.Imm(0x20), hi, lo, a) // pairs 0 1 4 5
	VPERM2F128(operand.Imm(0x31), hi, lo, b) // pairs 2 3 6 7
	VSHUFPS(operand.Imm(0x88), b, a, lo)     // first of each pair, in order
	VSHUFPS(operand.Imm(0xdd), b, a, hi)
	VMOVUPS(operand.Mem{Base: cos}, c)
	VMOVUPS(operand.Mem{Base: sin}, s)
	VMULPS(c, lo, a)
	VMULPS(s, hi, t)
	VSUBPS(t, a, a)
	VMULPS(s, lo, b)
	VMULPS(c, hi, t)
	VADDPS(t, b, b)
	VUNPCKLPS(b, a, lo)
	VUNPCKHPS(b, a, hi)
	VPERM2F128(operand.Imm(0x20), hi, lo, a)
	VPERM2F128(operand.Imm(0x31), hi, lo, b)
	VMOVUPS(a, operand.Mem{Base: x})
	VMOVUPS(b, operand.Mem{Base: x, Disp: 32})
	ADDQ(operand.Imm(64), x)
	ADDQ(operand.Imm(32), cos)
	ADDQ(operand.Imm(32), sin)
	DECQ(n)
	JNZ(operand.LabelRef("group"))
	end()
}
