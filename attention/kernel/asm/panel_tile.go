package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// panelTile emits the products of several queries with panels of 8-bit codes: a vector of codes is loaded once for all of them.
func panelTile(rows int) {
	function(fmt.Sprintf("panelTile%dAVX512", rows), "func(dst *float32, ld int, q *int8, d int, packed *byte, n int)",
		"writes the integer products of neighbouring queries of d numbers with the keys of n panels; rows of dst start ld bytes apart.")
	d := gp("d")
	qs := rowsFrom(gp("q"), d, rows)
	dst, packed := gp("dst"), gp("packed")
	for _, q := range qs {
		ADDQ(d, q)
	}
	acc := make([]reg.VecVirtual, rows)
	for r := range acc {
		acc[r] = ZMM()
	}
	codes, k := ZMM(), GP64()
	Label("panel")
	for _, a := range acc {
		VPXORD(a, a, a)
	}
	Load(Param("d"), k)
	NEGQ(k)
	Label("chunk")
	for quad := range 4 {
		VMOVDQU64(mem(packed, 64*quad), codes)
		for r, a := range acc {
			q := at(qs[r], k, 1)
			q.Disp = 4 * quad
			dotBytesOf(q, codes, a)
		}
	}
	ADDQ(operand.U32(256), packed)
	ADDQ(operand.Imm(16), k)
	JNZ(operand.LabelRef("chunk"))
	to := GP64()
	MOVQ(dst, to)
	for r, a := range acc {
		VCVTDQ2PS(a, a)
		VMOVUPS(a, mem(to, 0))
		if r < rows-1 {
			ADDQ(param("ld"), to)
		}
	}
	ADDQ(operand.Imm(64), dst)
	DECQ(param("n"))
	JNZ(operand.LabelRef("panel"))
	VZEROUPPER()
	RET()
}
