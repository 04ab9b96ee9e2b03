package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// refine emits what least significant bits change in the scores of listed rows, row by row, for some queries side by side: rows do not wait for
// one another.
func refine(bits, heads int) {
	function(fmt.Sprintf("refine%dx%dAVX512", heads, bits), "func(scores *float32, ld int, out *float32, q *int8, stride int, packed *byte, rows, sets *int32, offsets, factors *float32, lds int, rest float32, n int)",
		fmt.Sprintf("writes the scores of n listed rows plus (p + rest·offset)·factor to out, four places a row, p being the product of the row's 64 codes of %d bits with each of %d queries of 64 integers of the set that is listed for it. Sets start stride bytes apart, their offsets and factors, four places each, lds bytes, rows of scores ld bytes.", bits, heads))
	scores, ld, out, packed := gp("scores"), gp("ld"), gp("out"), gp("packed")
	rows, sets, n, last := gp("rows"), gp("sets"), gp("n"), GP64()
	LEAQ(operand.Mem{Base: rows, Index: n, Scale: 4, Disp: -4}, last)
	rest := XMM()
	VBROADCASTSS(param("rest"), rest)
	codes, t := ZMM(), ZMM()
	var acc [4]reg.VecVirtual
	for h := range acc {
		if acc[h] = acc[max(0, h-1)]; h < heads {
			acc[h] = ZMM()
		}
	}
	row, set, from, q := GP64(), GP64(), GP64(), gp("q")
	Label("row")
	LEAQ(mem(rows, 4*ahead), from)
	CMPQ(from, last)
	CMOVQHI(last, from)
	MOVLQSX(mem(from, 0), row)
	IMUL3Q(operand.Imm(uint64(8*bits)), row, row)
	PREFETCHT1(at(packed, row, 1))
	if 64%(8*bits) != 0 { // a row may lie in two lines
		PREFETCHT1(operand.Mem{Base: packed, Index: row, Scale: 1, Disp: 8*bits - 1})
	}
	MOVLQSX(mem(rows, 0), row)
	IMUL3Q(operand.Imm(uint64(8*bits)), row, from)
	ADDQ(packed, from)
	unpackWide(bits, from, codes, t)
	MOVLQSX(mem(sets, 0), set)
	MOVQ(set, from)
	IMULQ(param("stride"), from)
	for h := range heads {
		VPXORD(acc[h], acc[h], acc[h])
		dotBytes(operand.Mem{Base: q, Index: from, Scale: 1, Disp: 64 * h}, codes, acc[h])
	}
	x, old := foldQuads(acc, VPADDD), XMM()
	VCVTDQ2PS(x, x)
	IMULQ(param("lds"), set)
	MOVQ(param("offsets"), from)
	VMULPS(at(from, set, 1), rest, old)
	VADDPS(old, x, x)
	MOVQ(param("factors"), from)
	VMULPS(at(from, set, 1), x, x)
	LEAQ(at(scores, row, 4), from)
	places := []operand.Mem{mem(from, 0), at(from, ld, 1), at(from, ld, 2), at(set, ld, 1)}
	if heads == 4 {
		LEAQ(at(from, ld, 2), set)
	}
	VMOVSS(places[0], old)
	for h := 1; h < heads; h++ {
		VINSERTPS(operand.Imm(uint64(h<<4)), places[h], old, old)
	}
	VADDPS(old, x, x)
	VMOVUPS(x, mem(out, 0))
	ADDQ(operand.Imm(16), out)
	ADDQ(operand.Imm(4), rows)
	ADDQ(operand.Imm(4), sets)
	again(n, "row")
	VZEROUPPER()
	RET()
}

// spreadAhead is how many rows before their turn spreadFours asks for the places that it writes to.
const spreadAhead = 16

// spreadFours emits writing fours to listed places of a row for each of them.
func spreadFours(heads int) {
	function(fmt.Sprintf("spread%dAVX2", heads), "func(dst *float32, ld int, x *float32, rows *int32, n int)",
		fmt.Sprintf("writes the first %d of each of n fours to the listed places of as many rows, which start ld bytes apart.", heads))
	dst, ld, x, rows, n := gp("dst"), gp("ld"), gp("x"), gp("rows"), gp("n")
	last, row, next, v := GP64(), GP64(), GP64(), XMM()
	LEAQ(operand.Mem{Base: rows, Index: n, Scale: 4, Disp: -4}, last)
	// places are where a row's first three numbers go; the register of the row becomes the place of the first.
	places := func(row reg.GPVirtual) []operand.Mem {
		LEAQ(at(dst, row, 4), row)
		return []operand.Mem{mem(row, 0), at(row, ld, 1), at(row, ld, 2)}[:min(heads, 3)]
	}
	fourth := GP64()
	Label("row")
	LEAQ(mem(rows, 4*spreadAhead), next)
	CMPQ(next, last)
	CMOVQHI(last, next)
	MOVLQSX(mem(next, 0), next)
	for _, p := range places(next) {
		PREFETCHT0(p)
	}
	MOVLQSX(mem(rows, 0), row)
	VMOVUPS(mem(x, 0), v)
	for h, p := range places(row) {
		if h == 0 {
			VMOVSS(v, p)
			continue
		}
		VEXTRACTPS(operand.Imm(uint64(h)), v, p)
	}
	if heads == 4 {
		LEAQ(at(next, ld, 2), fourth)
		PREFETCHT0(at(fourth, ld, 1))
		LEAQ(at(row, ld, 2), fourth)
		VEXTRACTPS(operand.Imm(3), v, at(fourth, ld, 1))
	}
	ADDQ(operand.Imm(16), x)
	ADDQ(operand.Imm(4), rows)
	again(n, "row")
	RET()
}
