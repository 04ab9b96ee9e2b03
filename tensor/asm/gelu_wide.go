package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// In AVX-512 two registers are a table of 32 numbers, and erfc is looked up: GELU(x) = max(x, 0) − |x|·h(|x|), where
// h(a) = erfc(a/√2)/2 is a cubic polynomial on each of 32 intervals up to geluEnd.
const (
	geluIntervals = 32
	geluEnd       = 5.25 // h is under 10⁻⁷ there, and 0 in the table's last interval
	geluDegree    = 3
)

// geluTable returns the coefficients of h on interval i in the place from 0 to 1 within it: the polynomial through
// its values at the Chebyshev nodes, whose error is under 2·10⁻⁷.
func geluTable(i int) (c [geluDegree + 1]float64) {
	if i == geluIntervals-1 {
		return c
	}
	const n = geluDegree + 1
	var nodes, divided [n]float64
	for k := range nodes {
		nodes[k] = 0.5 - 0.5*math.Cos((float64(k)+0.5)*math.Pi/n)
		divided[k] = math.Erfc((float64(i)+nodes[k])*geluEnd/geluIntervals/math.Sqrt2) / 2
	}
	for order := 1; order < n; order++ { // Newton's divided differences
		for k := n - 1; k >= order; k-- {
			divided[k] = (divided[k] - divided[k-1]) / (nodes[k] - nodes[k-order])
		}
	}
	for k := n - 1; k >= 0; k-- { // c = c·(x − node) + divided
		for j := n - 1; j >= 0; j-- {
			c[j] *= -nodes[k]
			if j > 0 {
				c[j] += c[j-1]
			}
		}
		c[0] += divided[k]
	}
	return c
}

// geluWide is gelu with registers of sixteen.
func geluWide() {
	tables := GLOBL("geluTables", 8|16)
	for power := range geluDegree + 1 {
		for i := range geluIntervals {
			DATA(4*(geluIntervals*power+i), operand.U32(math.Float32bits(float32(geluTable(i)[power]))))
		}
	}
	function("geluAVX512", "func(x *float32, n int)", "replaces n numbers by x·Φ(x).")
	x, n := pointer("x"), pointer("n")
	var table [geluDegree + 1][2]reg.VecVirtual
	at := GP64()
	LEAQ(tables, at)
	for power := range table {
		for half := range 2 {
			table[power][half] = ZMM()
			VMOVUPS(operand.Mem{Base: at, Disp: 128*power + 64*half}, table[power][half])
		}
	}
	scale, last, sign, zero := spreadNumber(geluIntervals/geluEnd), spreadNumber(geluIntervals-0.5), spread512(1<<31-1), ZMM()
	VPXORD(zero, zero, zero)
	one := func(v reg.VecVirtual) {
		a, t, i, y := ZMM(), ZMM(), ZMM(), ZMM()
		VPANDD(sign, v, a)
		VMULPS(scale, a, t)
		VMINPS(last, t, t)
		VCVTTPS2DQ(t, i)
		VREDUCEPS(operand.Imm(3), t, t) // t − ⌊t⌋
		for power := geluDegree; power >= 0; power-- {
			c := y
			if power < geluDegree {
				c = ZMM()
			}
			VMOVDQA64(i, c)
			VPERMI2PS(table[power][1], table[power][0], c)
			if power < geluDegree {
				VFMADD213PS(c, t, y)
			}
		}
		VMAXPS(v, zero, v) // NaN stays
		VFNMADD231PS(y, a, v)
	}
	v := ZMM()
	CMPQ(n, operand.Imm(16))
	JL(operand.LabelRef("rest"))
	Label("sixteen")
	VMOVUPS(operand.Mem{Base: x}, v)
	one(v)
	VMOVUPS(v, operand.Mem{Base: x})
	ADDQ(operand.Imm(64), x)
	SUBQ(operand.Imm(16), n)
	CMPQ(n, operand.Imm(16))
	JGE(operand.LabelRef("sixteen"))
	Label("rest")
	TESTQ(n, n)
	JZ(operand.LabelRef("done"))
	bits, mask := GP32(), K()
	MOVL(operand.U32(1<<32-1), bits)
	MOVQ(n, reg.RCX)
	SHLL(reg.CL, bits)
	NOTL(bits)
	KMOVW(bits, mask)
	VMOVUPS_Z(operand.Mem{Base: x}, mask, v)
	one(v)
	VMOVUPS(v, mask, operand.Mem{Base: x})
	Label("done")
	end()
}

// spreadNumber returns a register full of one number.
func spreadNumber(v float64) reg.VecVirtual { return spread512(math.Float32bits(float32(v))) }
