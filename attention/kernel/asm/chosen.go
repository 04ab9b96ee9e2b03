package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ahead is how many rows before their turn the kernel asks for them: what memory takes to answer, in rows. They are asked into the second
// cache: the first has too few places for lines under way, and such requests went through at two thirds of the speed.
const ahead = 32

// linesAhead is how many lines are asked for from such a row on. What lies between two rows is not wanted, but lines that follow one another come
// so much sooner than some of them that all of them cost less.
const linesAhead = 4

// chosenConstants are the constants of chosen: of the bytes of a lane, four at a time as dwords.
func chosenConstants() {
	GLOBL("fours", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, operand.U32(0x80808000+uint32(i)))
	}
}

// chosen emits the weighted sums of listed rows of 64 codes for some heads at once.
func chosen(bits, heads int) {
	function(fmt.Sprintf("chosen%dx%dAVX512", heads, bits), "func(out *float32, ldo int, sums, w *float32, ldw int, packed *byte, scales *uint16, rows *int32, n, listed int)",
		fmt.Sprintf("writes the sums of the first n of the listed rows of 64 codes of %d bits, each times its scale and a head's weight, and the sums of weights; outputs and weights of heads start ldo and ldw bytes apart.", bits))
	out, ldo, sums, ldw, packed := gp("out"), gp("ldo"), gp("sums"), gp("ldw"), gp("packed")
	scales, rows, n, last := gp("scales"), gp("rows"), gp("n"), gp("listed")
	ws := rowsFrom(gp("w"), ldw, heads)
	LEAQ(operand.Mem{Base: rows, Index: last, Scale: 4, Disp: -4}, last) // the last of the list
	acc := make([][4]reg.VecVirtual, heads)
	scaled, all := make([]reg.VecVirtual, heads), make([]reg.VecVirtual, heads)
	for h := range acc {
		for c := range acc[h] {
			acc[h][c] = ZMM()
			VPXORD(acc[h][c], acc[h][c], acc[h][c])
		}
		scaled[h], all[h] = XMM(), XMM()
		VPXORD(scaled[h], scaled[h], scaled[h])
		VPXORD(all[h], all[h], all[h])
	}
	codes, t, scale, weight := ZMM(), ZMM(), ZMM(), ZMM()
	var fours [4]reg.VecVirtual
	for c := range fours {
		fours[c] = ZMM()
		VBROADCASTI32X4(data("fours", 16*c), fours[c])
	}
	v := [4]reg.VecVirtual{ZMM(), ZMM(), ZMM(), ZMM()}
	row, next, from := GP64(), GP64(), GP64()
	// offset turns the number of a row into the place of its codes.
	offset := func(row, to reg.GPVirtual) { IMUL3Q(operand.Imm(uint64(8*bits)), row, to) }
	Label("row")
	LEAQ(mem(rows, 4*ahead), next)
	CMPQ(next, last)
	CMOVQHI(last, next)
	MOVLQSX(mem(next, 0), row)
	offset(row, from)
	for line := range linesAhead {
		PREFETCHT1(operand.Mem{Base: packed, Index: from, Scale: 1, Disp: 64 * line})
	}
	MOVLQSX(mem(rows, 0), row)
	offset(row, from)
	ADDQ(packed, from)
	unpackWide(bits, from, codes, t)
	MOVWLZX(at(scales, row, 2), next.As32())
	SHLL(operand.Imm(16), next.As32())
	VMOVD(next.As32(), scale.AsX())
	VBROADCASTSS(scale.AsX(), scale)
	for c := range v { // fours of each lane, so that nothing crosses one
		VPSHUFB(fours[c], codes, v[c])
		VCVTDQ2PS(v[c], v[c])
	}
	for h := range acc {
		VBROADCASTSS(at(ws[h], row, 4), weight)
		VADDSS(weight.AsX(), all[h], all[h])
		VMULPS(scale, weight, weight)
		VADDSS(weight.AsX(), scaled[h], scaled[h])
		for c := range v {
			VFMADD231PS(v[c], weight, acc[h][c])
		}
	}
	ADDQ(operand.Imm(4), rows)
	again(n, "row")
	for h := range acc {
		for c := range v {
			VMOVUPS(acc[h][c].AsX(), mem(out, 16*c))
			for lane := 1; lane < 4; lane++ {
				VEXTRACTF32X4(operand.Imm(uint64(lane)), acc[h][c], mem(out, 64*lane+16*c))
			}
		}
		VMOVSS(scaled[h], mem(sums, 8*h))
		VMOVSS(all[h], mem(sums, 8*h+4))
		ADDQ(ldo, out)
	}
	VZEROUPPER()
	RET()
}
