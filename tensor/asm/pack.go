package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pack lays n blocks of 16 rows side by side as packed panels have them: 4×4 transpositions of dwords, codes of 8 bits made
// unsigned, and scales word by word.
func pack(f layout) {
	function("pack"+f.name+"AVX2", "func(dst, src *byte, stride, n int)", "packs n blocks of 16 rows that lie stride bytes apart.")
	dst, src := Load(Param("dst"), GP64()).(reg.GPVirtual), Load(Param("src"), GP64()).(reg.GPVirtual)
	stride, n := Load(Param("stride"), GP64()), Load(Param("n"), GP64())
	x := rowsOf(src, stride.(reg.GPVirtual), 16)
	codes := f.bytes - f.quants
	if f.bits == 8 {
		b := splat(0x80)
		VMOVDQA(b, reg.Y15)
	}
	Label("block")
	for part := range codes / 16 {
		for first := 0; first < 16; first += 8 {
			for a := range 4 {
				VMOVDQU(x.at(first+a, f.quants+16*part), fixedX[a])
				VINSERTI128(operand.Imm(1), x.at(first+4+a, f.quants+16*part), fixedY[a], fixedY[a])
			}
			for g, t := range transpose4(fixedY) {
				if f.bits == 8 {
					VPXOR(reg.Y15, t, t)
				}
				VMOVDQU(t, operand.Mem{Base: dst, Disp: 64*(4*part+g) + 4*first})
			}
		}
	}
	for word := 0; word < f.quants; word += 2 {
		for first := 0; first < 16; first += 8 {
			VPXOR(reg.X0, reg.X0, reg.X0)
			for r := range 8 {
				VPINSRW(operand.Imm(uint64(r)), x.at(first+r, word), reg.X0, reg.X0)
			}
			VMOVDQU(reg.X0, operand.Mem{Base: dst, Disp: 16*codes + 16*word + 2*first})
		}
	}
	x.advance(operand.Imm(uint64(f.bytes)))
	ADDQ(operand.U32(uint32(16*f.bytes)), dst)
	DECQ(n)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}
