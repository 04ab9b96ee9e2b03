package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// read combines n groups of 256 bytes, to see how fast memory delivers.
func read() {
	function("readAVX2", "func(data *byte, n int) uint64", "returns the exclusive or of the words of n groups of 256 bytes.")
	data, n := pointer("data"), pointer("n")
	var acc [8]reg.VecVirtual
	for i := range acc {
		acc[i] = YMM()
		avx2.zero(acc[i])
	}
	Label("group")
	for i := range acc {
		VPXOR(operand.Mem{Base: data, Disp: 32 * i}, acc[i], acc[i])
	}
	ADDQ(operand.U32(256), data)
	DECQ(n)
	JNZ(operand.LabelRef("group"))
	for w := 4; w > 0; w /= 2 {
		for i := range w {
			VPXOR(acc[i+w], acc[i], acc[i])
		}
	}
	hi, x := XMM(), XMM()
	VEXTRACTI128(operand.Imm(1), acc[0], hi)
	VPXOR(acc[0].AsX(), hi, x)
	VPSRLDQ(operand.Imm(8), x, hi)
	VPXOR(x, hi, x)
	r := GP64()
	VMOVQ(x, r)
	Store(r, ReturnIndex(0))
	end()
}
