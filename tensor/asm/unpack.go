package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// further is how far ahead the bytes of weights are asked for while rows are unpacked one after the other.
const further = 4096

// layout is where a block format of 32 elements keeps its parts; -1 for what it has not.
type layout struct {
	name                      string
	bytes, quants, high, bits int
	minimum                   bool
}

var layouts = []layout{
	{name: "Q4_0", bytes: 18, quants: 2, high: -1, bits: 4},
	{name: "Q4_1", bytes: 20, quants: 4, high: -1, bits: 4, minimum: true},
	{name: "Q5_0", bytes: 22, quants: 6, high: 2, bits: 5},
	{name: "Q5_1", bytes: 24, quants: 8, high: 4, bits: 5, minimum: true},
	{name: "Q8_0", bytes: 34, quants: 2, high: -1, bits: 8},
}

// spread says of which byte of a dword each of 32 bytes becomes a copy.
var spread operand.Mem

func globals() {
	tails = GLOBL("tails", 8|16)
	for i := range 16 {
		DATA(4*i, operand.U32(uint32(int64(i/8)-1)))
	}
	spread = GLOBL("fifthSpread", 8|16)
	for i := range 4 {
		DATA(8*i, operand.U64(0x0101010101010101*uint64(i)))
	}
}

// splat returns a register full of one byte.
func splat(b uint8) reg.VecVirtual {
	r, v := GP32(), YMM()
	MOVL(operand.U32(uint32(b)*0x01010101), r)
	VMOVD(r, v.AsX())
	VPBROADCASTD(v.AsX(), v)
	return v
}

// unpack turns n blocks into unsigned bytes, scales and minima.
func unpack(f layout) {
	function("unpack"+f.name+"AVX2", "func(u *byte, d, m *float32, stride int, src *byte, n int)",
		"unpacks n blocks to bytes; scales and minima go stride bytes apart.")
	u, d, m := Load(Param("u"), GP64()), Load(Param("d"), GP64()), Load(Param("m"), GP64())
	stride, src, n := Load(Param("stride"), GP64()), Load(Param("src"), GP64()).(reg.GPVirtual), Load(Param("n"), GP64())
	var low, flip reg.VecVirtual
	var fifth fifthBits
	switch f.bits {
	case 5:
		fifth = newFifthBits()
		fallthrough
	case 4:
		low = splat(15)
	case 8:
		flip = splat(0x80)
	}
	Label("block")
	PREFETCHT1(operand.Mem{Base: src, Disp: further})
	scales := XMM()
	VMOVD(operand.Mem{Base: src}, scales)
	VCVTPH2PS(scales, scales)
	VMOVSS(scales, operand.Mem{Base: d})
	ADDQ(stride, d)
	if f.minimum {
		VPEXTRD(operand.Imm(1), scales, operand.Mem{Base: m})
		ADDQ(stride, m)
	}
	v := YMM()
	if f.bits == 8 {
		VPXOR(operand.Mem{Base: src, Disp: f.quants}, flip, v)
	} else {
		v = nibbles(operand.Mem{Base: src, Disp: f.quants}, low)
		if f.high >= 0 {
			fifth.add(operand.Mem{Base: src, Disp: f.high}, v)
		}
	}
	VMOVDQU(v, operand.Mem{Base: u})
	ADDQ(operand.Imm(32), u)
	ADDQ(operand.Imm(uint64(f.bytes)), src)
	DECQ(n)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}

// nibbles splits 16 bytes into 16 low halves and then 16 high ones.
func nibbles(m operand.Mem, low reg.VecVirtual) reg.VecVirtual {
	v, hi := YMM(), XMM()
	VMOVDQU(m, v.AsX())
	VPSRLW(operand.Imm(4), v.AsX(), hi)
	VINSERTI128(operand.Imm(1), hi, v, v)
	VPAND(low, v, v)
	return v
}

// fifthBits spreads 32 bits over 32 bytes.
type fifthBits struct{ spread, bit, sixteen reg.VecVirtual }

func newFifthBits() fifthBits {
	f := fifthBits{spread: YMM(), bit: YMM(), sixteen: splat(16)}
	r := GP64()
	VMOVDQU(spread, f.spread)
	MOVQ(operand.U64(0x8040201008040201), r)
	VMOVQ(r, f.bit.AsX())
	VPBROADCASTQ(f.bit.AsX(), f.bit)
	return f
}

// add adds bit j of the dword at m to byte j of v, as its fifth.
func (f fifthBits) add(m operand.Mem, v reg.VecVirtual) {
	b := YMM()
	VPBROADCASTD(m, b)
	VPSHUFB(f.spread, b, b)
	VPAND(f.bit, b, b)
	VPCMPEQB(f.bit, b, b)
	VPAND(f.sixteen, b, b)
	VPOR(b, v, v)
}

// restore computes scale·(u − offset) + minimum of n blocks, with one scale a block or one for each half.
func restore(halves bool) {
	name, scales := "restoreAVX2", 1
	if halves {
		name, scales = "restoreHalvesAVX2", 2
	}
	function(name, "func(dst *float32, u *byte, d, m *float32, offset, n int)", "writes scale·(u − offset) + minimum of n blocks of 32.")
	dst, u := Load(Param("dst"), GP64()), Load(Param("u"), GP64())
	d, m := Load(Param("d"), GP64()), Load(Param("m"), GP64())
	n := Load(Param("n"), GP64())
	offset := YMM()
	r := Load(Param("offset"), GP64()).(reg.GPVirtual)
	VMOVD(r.As32(), offset.AsX())
	VPBROADCASTD(offset.AsX(), offset)
	Label("block")
	scale, minimum := YMM(), YMM()
	VBROADCASTSS(operand.Mem{Base: m}, minimum)
	for i := range 4 {
		if i%(4/scales) == 0 {
			VBROADCASTSS(operand.Mem{Base: d, Disp: 4 * (i / (4 / scales))}, scale)
		}
		v := YMM()
		VPMOVZXBD(operand.Mem{Base: u, Disp: 8 * i}, v)
		VPSUBD(offset, v, v)
		VCVTDQ2PS(v, v)
		VMULPS(scale, v, v)
		VADDPS(minimum, v, v)
		VMOVUPS(v, operand.Mem{Base: dst, Disp: 32 * i})
	}
	ADDQ(operand.U32(128), dst)
	ADDQ(operand.Imm(32), u)
	ADDQ(operand.Imm(uint64(4*scales)), d)
	ADDQ(operand.Imm(4), m)
	DECQ(n)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}

// widen converts n groups of eight 16-bit floats to fp32.
func widen(name string, convert func(m operand.Mem, v reg.VecVirtual)) {
	function("widen"+name+"AVX2", "func(dst *float32, src *byte, n int)", "converts n groups of eight numbers to fp32.")
	dst, src, n := pointer("dst"), pointer("src"), pointer("n")
	Label("eight")
	PREFETCHT1(operand.Mem{Base: src, Disp: further})
	v := YMM()
	convert(operand.Mem{Base: src}, v)
	VMOVUPS(v, operand.Mem{Base: dst})
	ADDQ(operand.Imm(16), src)
	ADDQ(operand.Imm(32), dst)
	DECQ(n)
	JNZ(operand.LabelRef("eight"))
	VZEROUPPER()
	RET()
}
