package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// foldConstants are the constants of foldWide.
func foldConstants() {
	GLOBL("quads", RODATA|NOPTR) // fours of bytes that lie by lanes, in their order
	for i := range 16 {
		DATA(4*i, operand.U32(i%4*4+i/4))
	}
}

// foldWide is foldQueries for some queries of 64 channels and any number of blocks, each with its scales. What is summed up or compared
// within a query is so for all of them together.
func foldWide(heads int) {
	function(fmt.Sprintf("fold%dAVX512", heads), "func(dst *int8, stride int, q *float32, scales *uint16, limit float32, largest, sums *float32, lds, blocks int, ahead *byte, step int)",
		fmt.Sprintf("quantizes q·scales of %d queries of 64 channels to integers of at most limit, and writes the largest magnitude and the sum of the integers of each, for blocks of scales, whose results start stride bytes apart, those numbers lds bytes. With every block it asks twice for the lines at ahead, which moves on by step.", heads))
	dst, stride, q, scales := gp("dst"), gp("stride"), gp("q"), gp("scales")
	largest, sums, lds, blocks := gp("largest"), gp("sums"), gp("lds"), gp("blocks")
	p, _ := Param("limit").Resolve()
	limit := XMM()
	VBROADCASTSS(p.Addr, limit)
	mask, quads, ones := ZMM(), ZMM(), spread(1)
	VBROADCASTSS(data("magnitude", 0), mask)
	VMOVDQU64(data("quads", 0), quads)
	number := GP32()
	place := make([]reg.VecVirtual, heads) // of a query's number among those of all
	for h := range place {
		place[h] = ZMM()
		MOVL(operand.U32(uint32(h)), number)
		VPBROADCASTD(number, place[h])
	}
	v, t := make([][4]reg.VecVirtual, heads), [4]reg.VecVirtual{}
	for h := range t {
		if h < heads {
			v[h], t[h] = [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}, ZMM()
		} else {
			t[h] = t[heads-1]
		}
	}
	u, s := ZMM(), [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
	products := func() { // of the queries with a block's scales
		for c := range s {
			VPMOVZXWD(mem(scales, 32*c), s[c])
			VPSLLD(operand.Imm(16), s[c], s[c])
		}
		for h := range v {
			for c := range s {
				VMULPS(mem(q, 256*h+64*c), s[c], v[h][c])
			}
		}
	}
	ahead := gp("ahead")
	Label("largest")
	ask(ahead, foldLines)
	products()
	for h := range v {
		VANDPS(mask, v[h][0], t[h])
		for c := 1; c < 4; c++ {
			VANDPS(mask, v[h][c], u)
			VMAXPS(u, t[h], t[h])
		}
	}
	storeFew(foldQuads(t, VMAXPS), largest, heads)
	ADDQ(operand.U32(128), scales)
	ADDQ(lds, largest)
	again(blocks, "largest")
	scales, largest, blocks = gp("scales"), gp("largest"), gp("blocks")
	alive := K()
	Label("round")
	ask(ahead, foldLines)
	products() // again: two short chains overlap from block to block, a long one does not
	inverse := u
	loadFew(inverse.AsX().(reg.VecVirtual), largest, heads)
	VDIVPS(inverse.AsX(), limit, inverse.AsX())
	// Of nothing but zeros, or of numbers too small to invert, nothing is left.
	VCMPPS(operand.Imm(1), data("infinity", 0), inverse.AsX(), alive)
	VMOVAPS_Z(inverse.AsX(), alive, inverse.AsX())
	for h := range v {
		VPERMPS(inverse, place[h], t[0])
		for c := range v[h] {
			VMULPS(t[0], v[h][c], v[h][c])
			VCVTPS2DQ(v[h][c], v[h][c])
		}
		VPACKSSDW(v[h][1], v[h][0], v[h][0])
		VPACKSSDW(v[h][3], v[h][2], v[h][2])
		VPACKSSWB(v[h][2], v[h][0], v[h][0])
		VPERMD(v[h][0], quads, v[h][0])
		VMOVDQU64(v[h][0], mem(dst, 64*h))
	}
	for h := range v {
		VPXORD(t[h], t[h], t[h])
		dotBytes(v[h][0], ones, t[h])
	}
	total := foldQuads(t, VPADDD)
	VCVTDQ2PS(total, total)
	storeFew(total, sums, heads)
	ADDQ(stride, dst)
	ADDQ(operand.U32(128), scales)
	ADDQ(lds, largest)
	ADDQ(lds, sums)
	again(blocks, "round")
	VZEROUPPER()
	RET()
}

// foldQuads folds the lanes of each of four registers, of which neighbours may be the same, to one number: four numbers in one register.
func foldQuads(t [4]reg.VecVirtual, op func(...operand.Op)) reg.VecVirtual {
	pair := func(a, b reg.VecVirtual) reg.VecVirtual {
		low, high := ZMM(), ZMM()
		VUNPCKLPS(b, a, low)
		VUNPCKHPS(b, a, high)
		op(high, low, low)
		return low
	}
	a := pair(t[0], t[1])
	b := a
	if t[2] != t[1] {
		b = pair(t[2], t[3])
	}
	low, high := ZMM(), ZMM()
	VUNPCKLPD(b, a, low)
	VUNPCKHPD(b, a, high)
	op(high, low, low)
	VEXTRACTF64X4(operand.Imm(1), low, high.AsY())
	op(high.AsY(), low.AsY(), low.AsY())
	VEXTRACTF32X4(operand.Imm(1), low.AsY(), high.AsX())
	op(high.AsX(), low.AsX(), low.AsX())
	return low.AsX().(reg.VecVirtual)
}

// storeFew stores up to four numbers; with a mask it would take many times as long.
func storeFew(v reg.VecVirtual, to reg.GPVirtual, n int) {
	switch n {
	case 1:
		VMOVSS(v, mem(to, 0))
	case 2:
		VMOVLPS(v, mem(to, 0))
	case 3:
		VMOVLPS(v, mem(to, 0))
		VEXTRACTPS(operand.Imm(2), v, mem(to, 8))
	case 4:
		VMOVUPS(v, mem(to, 0))
	}
}

// loadFew loads what storeFew stores; what is left of the register is zero.
func loadFew(v reg.VecVirtual, from reg.GPVirtual, n int) {
	switch n {
	case 1:
		VMOVSS(mem(from, 0), v)
	case 2:
		VMOVSD(mem(from, 0), v)
	case 3:
		VMOVSD(mem(from, 0), v)
		VINSERTPS(operand.Imm(0x20), mem(from, 8), v, v)
	case 4:
		VMOVUPS(mem(from, 0), v)
	}
}
