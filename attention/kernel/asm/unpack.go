package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unpack emits the unpacking of rows of 64 codes of 1 to 7 bits: nibbles, pairs, single bits, as many of them as the width holds.
func unpack(bits int, listed bool) {
	name, signature := fmt.Sprintf("unpack%dAVX2", bits), "func(dst, src *byte, n int)"
	if listed {
		name, signature = fmt.Sprintf("unpack%dOfAVX2", bits), "func(dst, src *byte, rows *int32, n int)"
	}
	function(name, signature, fmt.Sprintf("unpacks n rows of 64 codes of %d bits.", bits))
	dst, src, n := gp("dst"), gp("src"), gp("n")
	rows, row := GP64(), GP64()
	if listed {
		Load(Param("rows"), rows)
	}
	a, b, p, p2 := YMM(), YMM(), YMM(), YMM()
	Label("row")
	from := src
	if listed {
		MOVLQSX(mem(rows, 0), row)
		IMUL3Q(operand.Imm(uint64(8*bits)), row, row)
		ADDQ(src, row)
		ADDQ(operand.Imm(4), rows)
		from = row
	}
	at, begun := 0, false
	// join takes the next part, of so many bits, from p and p2 into a and b.
	join := func(width int) {
		if !begun {
			VMOVDQA(p, a)
			VMOVDQA(p2, b)
			begun = true
			return
		}
		VPSLLW(operand.Imm(uint64(width)), a, a)
		VPSLLW(operand.Imm(uint64(width)), b, b)
		VPOR(p, a, a)
		VPOR(p2, b, b)
	}
	if bits&4 != 0 {
		VMOVDQU(mem(from, at), p)
		VPSRLW(operand.Imm(4), p, p2)
		VPAND(data("nibbles", 0), p, p)
		VPAND(data("nibbles", 0), p2, p2)
		join(4)
		at += 32
	}
	if bits&2 != 0 {
		VBROADCASTI128(mem(from, at), p)
		VPSRLVD(data("shifts", 32), p, p2)
		VPSRLVD(data("shifts", 0), p, p)
		VPAND(data("pairs", 0), p, p)
		VPAND(data("pairs", 0), p2, p2)
		join(2)
		at += 16
	}
	if bits&1 != 0 {
		VPBROADCASTQ(mem(from, at), p)
		VPSRLVQ(data("bitShifts", 32), p, p2)
		VPSRLVQ(data("bitShifts", 0), p, p)
		VPAND(data("singles", 0), p, p)
		VPAND(data("singles", 0), p2, p2)
		join(1)
	}
	VMOVDQU(a, mem(dst, 0))
	VMOVDQU(b, mem(dst, 32))
	ADDQ(operand.Imm(64), dst)
	if !listed {
		ADDQ(operand.Imm(uint64(8*bits)), src)
	}
	again(n, "row")
	VZEROUPPER()
	RET()
}

// unpackWide emits the unpacking of one row of 64 codes into a register.
func unpackWide(bits int, from reg.GPVirtual, c, t reg.VecVirtual) {
	if bits == 8 {
		VMOVDQU64(mem(from, 0), c)
		return
	}
	at, begun := 0, false
	part := func(width int, pattern string) {
		if begun {
			VPSLLW(operand.Imm(uint64(width)), c, c)
			VPTERNLOGD(operand.U8(0xf8), data(pattern, 0), t, c) // c | t & pattern
		} else {
			VPANDD(data(pattern, 0), t, c)
		}
		begun, at = true, at+8*width
	}
	if bits&4 != 0 {
		VMOVDQU64(mem(from, at), c.AsY())
		VPSRLW(operand.Imm(4), c.AsY(), t.AsY())
		VINSERTI64X4(operand.Imm(1), t.AsY(), c, t)
		part(4, "nibbles")
	}
	if bits&2 != 0 {
		VBROADCASTI32X4(mem(from, at), t)
		VPSRLVD(data("shifts", 0), t, t)
		part(2, "pairs")
	}
	if bits&1 != 0 {
		VPBROADCASTQ(mem(from, at), t)
		VPSRLVQ(data("bitShifts", 0), t, t)
		part(1, "singles")
	}
}

// listed emits the products of listed rows of 64 codes, each with the queries of its own set.
func listed(bits int) {
	function(fmt.Sprintf("listed%dAVX512", bits), "func(dst *float32, ld int, q *int8, m, stride int, packed *byte, rows, sets *int32, n int)",
		fmt.Sprintf("writes the products of n listed rows, a multiple of 8, of 64 codes of %d bits with m queries of 64 integers, of the set that is listed for the row; sets start stride bytes apart, rows of dst ld bytes.", bits))
	dst, ld, stride, packed, n := gp("dst"), gp("ld"), gp("stride"), gp("packed"), gp("n")
	rows, sets, q := gp("rows"), gp("sets"), gp("q")
	var codes, acc [8]reg.VecVirtual
	for i := range codes {
		codes[i], acc[i] = ZMM(), ZMM()
	}
	t, row := ZMM(), GP64()
	Label("rows")
	for i := range codes {
		MOVLQSX(mem(rows, 4*i), row)
		IMUL3Q(operand.Imm(uint64(8*bits)), row, row)
		ADDQ(packed, row)
		unpackWide(bits, row, codes[i], t)
	}
	to, head, m := GP64(), GP64(), gp("m")
	MOVQ(dst, to)
	MOVQ(q, head)
	eightByHeads(to, head, m, stride, ld, sets, row, codes, acc, t)
	ADDQ(operand.Imm(32), dst)
	ADDQ(operand.Imm(32), rows)
	ADDQ(operand.Imm(32), sets)
	SUBQ(operand.Imm(8), n)
	JNZ(operand.LabelRef("rows"))
	VZEROUPPER()
	RET()
}
