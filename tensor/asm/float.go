package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// floatTile multiplies count rows of x with groups of four rows of w. Each of the 4·count outputs of a group has a
// register of partial sums over k, folded at the end, so that the order of summation depends on nothing but k.
func floatTile(l level, count int) {
	function(fmt.Sprintf("floatTile%d%s", count, l.name), "func(dst, x, w, bias *float32, n, groups, ldd int)",
		"multiplies rows of x with groups of four rows of w, both n numbers wide (a multiple of 32); rows of dst start ldd bytes apart.")
	dst, x, w, bias := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("w"), GP64()), Load(Param("bias"), GP64())
	n, groups, ldd := Load(Param("n"), GP64()), Load(Param("groups"), GP64()), Load(Param("ldd"), GP64())
	SHLQ(operand.Imm(2), n) // bytes a row
	xs := rowsOf(x.(reg.GPVirtual), n, count)
	ws := rowsOf(w.(reg.GPVirtual), n, 4)
	left := GP64()

	Label("group")
	acc := make([][4]reg.VecVirtual, count)
	for r := range acc {
		for o := range acc[r] {
			acc[r][o] = l.vec()
			l.zero(acc[r][o])
		}
	}
	MOVQ(n, left)
	Label("step")
	steps := 32 / l.lanes // a block of 32 a round
	for s := range steps {
		if l == avx512 {
			var wv [4]reg.VecVirtual
			for o := range wv {
				wv[o] = l.vec()
				VMOVUPS(ws.at(o, s*l.bytes()), wv[o])
			}
			for r := range acc {
				xv := l.vec()
				VMOVUPS(xs.at(r, s*l.bytes()), xv)
				for o := range wv {
					VFMADD231PS(xv, wv[o], acc[r][o])
				}
			}
		} else {
			xv := make([]reg.VecVirtual, count)
			for r := range xv {
				xv[r] = l.vec()
				VMOVUPS(xs.at(r, s*l.bytes()), xv[r])
			}
			for o := range 4 {
				wv := l.vec()
				VMOVUPS(ws.at(o, s*l.bytes()), wv)
				for r := range acc {
					VFMADD231PS(xv[r], wv, acc[r][o])
				}
			}
		}
	}
	xs.advance(operand.Imm(128))
	ws.advance(operand.Imm(128))
	SUBQ(operand.Imm(128), left)
	JNZ(operand.LabelRef("step"))

	at := GP64()
	MOVQ(dst, at)
	for r := range acc {
		sums := fold4(l, acc[r])
		VADDPS(operand.Mem{Base: bias}, sums, sums)
		VMOVUPS(sums, operand.Mem{Base: at})
		if r < count-1 {
			ADDQ(ldd, at)
		}
	}
	xs.retreat(n)
	LEAQ(operand.Mem{Base: ws.bases[0], Index: n, Scale: 2}, ws.bases[0])
	LEAQ(operand.Mem{Base: ws.bases[0], Index: n, Scale: 1}, ws.bases[0])
	LEAQ(operand.Mem{Base: ws.bases[1], Index: n, Scale: 2}, ws.bases[1])
	LEAQ(operand.Mem{Base: ws.bases[1], Index: n, Scale: 1}, ws.bases[1])
	ADDQ(operand.Imm(16), dst)
	ADDQ(operand.Imm(16), bias)
	DECQ(groups)
	JNZ(operand.LabelRef("group"))
	VZEROUPPER()
	RET()
}

// fold4 sums the lanes of four registers as a tree and returns the four sums in one.
func fold4(l level, v [4]reg.VecVirtual) reg.VecVirtual {
	var y [4]reg.VecVirtual
	for i := range v {
		y[i] = v[i]
		if l == avx512 { // fold the upper half onto the lower
			hi := YMM()
			VEXTRACTF64X4(operand.Imm(1), v[i], hi)
			y[i] = YMM()
			VADDPS(v[i].AsY(), hi, y[i])
		}
	}
	pair(y[0], y[1])
	pair(y[2], y[3])
	pair(y[0], y[2])
	hi, sum := XMM(), XMM()
	if l == avx512 {
		VEXTRACTF32X4(operand.Imm(1), y[0], hi)
	} else {
		VEXTRACTF128(operand.Imm(1), y[0], hi)
	}
	VADDPS(y[0].AsX(), hi, sum)
	return sum
}

// pair adds neighbours: a becomes in each 128-bit lane a0+a1, a2+a3, b0+b1, b2+b3.
func pair(a, b reg.VecVirtual) {
	even := YMM()
	VSHUFPS(operand.Imm(0x88), b, a, even)
	VSHUFPS(operand.Imm(0xdd), b, a, a)
	VADDPS(a, even, a)
}
