package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// superBlocks begins a function that unpacks n super-blocks of 256 and returns its arguments; body emits one.
func superBlocks(name string, bytes int, body func(u, d, m, stride, src reg.GPVirtual)) {
	function("unpack"+name+"AVX2", "func(u *byte, d, m *float32, stride int, src *byte, n int)",
		"unpacks n super-blocks to 256 bytes each; scales and minima go stride bytes apart.")
	u, d, m := pointer("u"), pointer("d"), pointer("m")
	stride, src, n := pointer("stride"), pointer("src"), pointer("n")
	Label("superblock")
	for line := 0; line < bytes; line += 64 {
		PREFETCHT1(operand.Mem{Base: src, Disp: further + line})
	}
	body(u, d, m, stride, src)
	ADDQ(operand.U32(256), u)
	ADDQ(operand.U32(uint32(bytes)), src)
	DECQ(n)
	JNZ(operand.LabelRef("superblock"))
	end()
}

// scatter stores the eight lanes of v stride apart and moves at behind them.
func scatter(v reg.VecVirtual, at, stride reg.GPVirtual) {
	for part := range 2 {
		x := v.AsX()
		if part == 1 {
			y := XMM()
			VEXTRACTF128(operand.Imm(1), v, y)
			x = y
		}
		for i := range 4 {
			VEXTRACTPS(operand.Imm(uint64(i)), x, operand.Mem{Base: at})
			ADDQ(stride, at)
		}
	}
}

// unpackK emits the unpacking of Q4_K or Q5_K: two fp16 factors, eight 6-bit scales and minima in 12 bytes, for Q5_K 32
// bytes of fifth bits, 128 bytes of nibbles.
func unpackK(name string, bytes int, five bool) {
	superBlocks(name, bytes, func(u, d, m, stride, src reg.GPVirtual) {
		four := splat(15)
		low := 16
		var high, one reg.VecVirtual
		if five {
			high, one = YMM(), splat(1)
			VMOVDQU(operand.Mem{Base: src, Disp: 16}, high)
			low = 48
		}
		for i := range 4 {
			q := YMM()
			VMOVDQU(operand.Mem{Base: src, Disp: low + 32*i}, q)
			for side := range 2 {
				v := YMM()
				if side == 1 {
					VPSRLW(operand.Imm(4), q, q)
				}
				VPAND(four, q, v)
				if five {
					b := YMM()
					if k := 2*i + side; k > 0 {
						VPSRLW(operand.Imm(uint64(k)), high, b)
						VPAND(one, b, b)
					} else {
						VPAND(one, high, b)
					}
					VPSLLW(operand.Imm(4), b, b)
					VPOR(b, v, v)
				}
				VMOVDQU(v, operand.Mem{Base: u, Disp: 64*i + 32*side})
			}
		}
		scalesK(d, m, stride, src)
	})
}

// scalesK emits the scales d·s and the minima −dmin·m of a super-block: scales 0…3 are the low six bits of the first
// four bytes and minima those of the next four; of the others four bits are in the last four bytes, two on top of those.
func scalesK(d, m, stride, src reg.GPVirtual) {
	a, b, c := GP32(), GP32(), GP32()
	MOVL(operand.Mem{Base: src, Disp: 4}, a)
	MOVL(operand.Mem{Base: src, Disp: 8}, b)
	MOVL(operand.Mem{Base: src, Disp: 12}, c)
	factors, scale, minus := XMM(), YMM(), YMM()
	VMOVD(operand.Mem{Base: src}, factors)
	VCVTPH2PS(factors, factors)
	VBROADCASTSS(factors, scale)
	VPSHUFD(operand.Imm(0x55), factors, factors)
	VBROADCASTSS(factors, minus)
	VXORPS(dwords(1<<31), minus, minus)
	six := func(low, nibbles reg.Register, shift uint64, by reg.VecVirtual, at reg.GPVirtual) {
		lo, hi, top := GP64(), GP64(), GP64()
		MOVL(low, lo.As32())
		ANDL(operand.U32(0x3f3f3f3f), lo.As32())
		MOVL(nibbles, hi.As32())
		if shift > 0 {
			SHRL(operand.Imm(shift), hi.As32())
		}
		ANDL(operand.U32(0x0f0f0f0f), hi.As32())
		MOVL(low, top.As32())
		SHRL(operand.Imm(2), top.As32())
		ANDL(operand.U32(0x30303030), top.As32())
		ORL(top.As32(), hi.As32())
		SHLQ(operand.Imm(32), hi)
		ORQ(hi, lo)
		x, v := XMM(), YMM()
		VMOVQ(lo, x)
		VPMOVZXBD(x, v)
		VCVTDQ2PS(v, v)
		VMULPS(by, v, v)
		scatter(v, at, stride)
	}
	six(a, c, 0, scale, d)
	six(b, c, 4, minus, m)
}

// unpackQ6K emits the unpacking of Q6_K: 128 bytes of nibbles, 64 bytes of pairs of high bits, sixteen signed scales, a
// factor.
func unpackQ6K() {
	superBlocks("Q6_K", 210, func(u, d, _, stride, src reg.GPVirtual) {
		four, two := splat(15), splat(3)
		for part := range 2 {
			h := YMM()
			VMOVDQU(operand.Mem{Base: src, Disp: 128 + 32*part}, h)
			for quarter := range 4 {
				v, b := YMM(), YMM()
				VMOVDQU(operand.Mem{Base: src, Disp: 64*part + quarter%2*32}, v)
				if quarter >= 2 {
					VPSRLW(operand.Imm(4), v, v)
				}
				VPAND(four, v, v)
				if quarter > 0 {
					VPSRLW(operand.Imm(uint64(2*quarter)), h, b)
					VPAND(two, b, b)
				} else {
					VPAND(two, h, b)
				}
				VPSLLW(operand.Imm(4), b, b)
				VPOR(b, v, v)
				VMOVDQU(v, operand.Mem{Base: u, Disp: 128*part + 32*quarter})
			}
		}
		factor, x, f := GP32(), XMM(), YMM()
		MOVWLZX(operand.Mem{Base: src, Disp: 208}, factor) // the block's last bytes: read no further
		VMOVD(factor, x)
		VCVTPH2PS(x, x)
		VBROADCASTSS(x, f)
		for i := range 2 {
			v := YMM()
			VPMOVSXBD(operand.Mem{Base: src, Disp: 192 + 8*i}, v)
			VCVTDQ2PS(v, v)
			VMULPS(f, v, v)
			scatter(v, d, stride)
		}
	})
}
