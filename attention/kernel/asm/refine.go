package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// refine emits what least significant bits change in the scores of listed rows: products of eight rows with the queries of each, as listed
// has them, then row by row what becomes of them.
func refine(bits int) {
	const together = 8
	function(fmt.Sprintf("refine%dAVX512", bits), "func(scores *float32, ld int, out *float32, ldo int, q *int8, m, stride int, packed *byte, rows, sets *int32, offsets, factors *float32, lds int, rest float32, n int)",
		fmt.Sprintf("adds (p + rest·offset)·factor to the scores of n listed rows, p being the product of the row's 64 codes of %d bits with m queries of 64 integers of the set that is listed for it. Lists and rows of out are read and written in steps of 8. Sets start stride bytes apart, their offsets and factors lds bytes, rows of scores and out ld and ldo bytes.", bits))
	var codes, acc [together]reg.VecVirtual
	for i := range codes {
		codes[i], acc[i] = ZMM(), ZMM()
	}
	t, row, out, rows, sets, left := ZMM(), GP64(), gp("out"), gp("rows"), gp("sets"), gp("n")
	Label("rows")
	{
		packed, last, next := gp("packed"), GP64(), GP64()
		LEAQ(operand.Mem{Base: rows, Index: left, Scale: 4, Disp: -4}, last)
		for i := range codes {
			LEAQ(mem(rows, 4*(i+ahead)), next)
			CMPQ(next, last)
			CMOVQHI(last, next)
			MOVLQSX(mem(next, 0), row)
			IMUL3Q(operand.Imm(uint64(8*bits)), row, row)
			PREFETCHT1(at(packed, row, 1))
			MOVLQSX(mem(rows, 4*i), row)
			IMUL3Q(operand.Imm(uint64(8*bits)), row, row)
			ADDQ(packed, row)
			unpackWide(bits, row, codes[i], t)
		}
	}
	{
		to, head, m, stride, ldo := GP64(), gp("q"), gp("m"), gp("stride"), gp("ldo")
		MOVQ(out, to)
		eightByHeads(to, head, m, stride, ldo, sets, row, codes, acc, t)
	}
	{
		x, rest, i, set, m := XMM(), XMM(), GP64(), GP64(), gp("m")
		lds, offsets, factors := gp("lds"), gp("offsets"), gp("factors")
		to, scores := GP64(), gp("scores")
		p, _ := Param("rest").Resolve()
		VMOVSS(p.Addr, rest)
		MOVQ(out, to)
		Label("scores")
		XORQ(i, i)
		Label("score")
		MOVLQSX(at(sets, i, 4), set)
		IMULQ(lds, set)
		MOVLQSX(at(rows, i, 4), row)
		VMULSS(at(offsets, set, 1), rest, x)
		VADDSS(at(to, i, 4), x, x)
		VMULSS(at(factors, set, 1), x, x)
		VADDSS(at(scores, row, 4), x, x)
		VMOVSS(x, at(scores, row, 4))
		VMOVSS(x, at(to, i, 4))
		INCQ(i)
		CMPQ(i, left)
		JE(operand.LabelRef("scored"))
		CMPQ(i, operand.Imm(together))
		JNE(operand.LabelRef("score"))
		Label("scored")
		ADDQ(operand.Imm(4), offsets)
		ADDQ(operand.Imm(4), factors)
		addParam("ldo", to)
		addParam("ld", scores)
		again(m, "scores")
	}
	ADDQ(operand.Imm(4*together), out)
	ADDQ(operand.Imm(4*together), rows)
	ADDQ(operand.Imm(4*together), sets)
	SUBQ(operand.Imm(together), left)
	JG(operand.LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// addParam adds a parameter to a register.
func addParam(name string, to reg.GPVirtual) {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	ADDQ(p.Addr, to)
}
