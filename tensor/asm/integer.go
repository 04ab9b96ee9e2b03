package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The layout of a quantized block of activations and of a block of a woven panel, as package tensor defines them.
const (
	activationBytes = 48
	atScale         = 32 // dx
	atSum           = 36 // dx·Σq
	atCorrection    = 40 // −offset·Σq, whole or by halves
	panelBytes      = 512
	panelScales     = 64
)

// integerArguments loads what all integer tiles take and returns the rows of x.
func integerArguments(name, doc string, count int) (dst, woven, scale, minimum, bias, n, ldd reg.GPVirtual, x rows) {
	function(name, "func(dst *float32, x, woven *byte, scale, minimum, bias *float32, n, ldx, ldd int)", doc)
	load := func(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
	dst, woven, scale, minimum, bias = load("dst"), load("woven"), load("scale"), load("minimum"), load("bias")
	n, ldd = load("n"), load("ldd")
	return dst, woven, scale, minimum, bias, n, ldd, rowsOf(load("x"), load("ldx"), count)
}

// integerTile512 multiplies count rows with a panel. VPDPBUSD starts from the correction for the weights' offset.
func integerTile512(count int, halves bool) {
	name := fmt.Sprintf("integerTile%dAVX512", count)
	if halves {
		name = fmt.Sprintf("integerHalves%dAVX512", count)
	}
	dst, woven, scale, minimum, bias, n, ldd, x := integerArguments(name, "multiplies rows of quantized activations with a woven panel of n blocks; minimum may be nil.", count)
	total := make([]reg.VecVirtual, count)
	for r := range total {
		total[r] = ZMM()
		avx512.zero(total[r])
	}
	Label("block")
	parts := 1
	if halves {
		parts = 2
	}
	groups := 8 / parts
	for h := range parts {
		w := make([]reg.VecVirtual, groups)
		for g := range w {
			w[g] = ZMM()
			VMOVDQU64(operand.Mem{Base: woven, Disp: 64 * (h*groups + g)}, w[g])
		}
		d := ZMM()
		VMOVUPS(operand.Mem{Base: scale, Disp: panelScales * h}, d)
		for r := range total {
			sum, product := ZMM(), ZMM()
			VPBROADCASTD(x.at(r, atCorrection+4*h), sum)
			if count < 4 { // two chains where few rows hide the latency
				other := ZMM()
				avx512.zero(other)
				for g := 0; g < groups; g += 2 {
					dotBytes(x.at(r, 4*(h*groups+g)), w[g], sum)
					dotBytes(x.at(r, 4*(h*groups+g+1)), w[g+1], other)
				}
				VPADDD(other, sum, sum)
			} else {
				for g := range w {
					dotBytes(x.at(r, 4*(h*groups+g)), w[g], sum)
				}
			}
			VCVTDQ2PS(sum, sum)
			VMULPS_BCST(x.at(r, atScale), d, product)
			VMULPS(product, sum, sum)
			VADDPS(sum, total[r], total[r])
		}
	}
	TESTQ(minimum, minimum)
	JZ(operand.LabelRef("next"))
	m := ZMM()
	VMOVUPS(operand.Mem{Base: minimum}, m)
	ADDQ(operand.Imm(panelScales), minimum)
	for r := range total {
		product := ZMM()
		VMULPS_BCST(x.at(r, atSum), m, product)
		VADDPS(product, total[r], total[r])
	}
	Label("next")
	x.advance(operand.Imm(activationBytes))
	ADDQ(operand.U32(panelBytes), woven)
	ADDQ(operand.U32(panelScales*parts), scale)
	DECQ(n)
	JNZ(operand.LabelRef("block"))
	for r := range total {
		VADDPS(operand.Mem{Base: bias}, total[r], total[r])
		VMOVUPS(total[r], operand.Mem{Base: dst})
		if r < count-1 {
			ADDQ(ldd, dst)
		}
	}
	VZEROUPPER()
	RET()
}

// integerTile256 does the same with AVX2, eight outputs at a time. VPMADDUBSW adds pairs of products to 16 bits:
// fold is how many of them may be added before they must be widened, given the largest weight (2·127·largest·fold < 2¹⁵).
// With fold 0 weights use all eight bits: their offset is taken off and their signs go over to the activations.
func integerTile256(name string, count, fold int, halves bool) {
	dst, woven, scale, minimum, bias, n, ldd, x := integerArguments(fmt.Sprintf("integer%s%dAVX2", name, count),
		"multiplies rows of quantized activations with a woven panel of n blocks; minimum may be nil.", count)
	signed := fold == 0
	fold = max(fold, 1)
	ones := YMM()
	VPCMPEQW(ones, ones, ones)
	VPSRLW(operand.Imm(15), ones, ones)
	parts := 1
	if halves {
		parts = 2
	}
	var flip reg.VecVirtual
	if signed {
		flip = YMM()
		VPCMPEQB(flip, flip, flip)
		VPSLLW(operand.Imm(15), flip, flip)
		byteFlip := YMM()
		VPSRLW(operand.Imm(8), flip, byteFlip)
		VPOR(byteFlip, flip, flip)
	}
	left, side := GP64(), GP64()
	XORQ(side, side)
	Label("side")
	MOVQ(n, left)
	total := make([]reg.VecVirtual, count)
	for r := range total {
		total[r] = YMM()
		avx2.zero(total[r])
	}
	Label("block")
	groups := 8 / parts
	for h := range parts {
		sum, short := make([]reg.VecVirtual, count), make([]reg.VecVirtual, count)
		for g := range groups {
			w := YMM()
			VMOVDQU(operand.Mem{Base: woven, Disp: 64 * (h*groups + g)}, w)
			magnitude := w
			if signed {
				VPXOR(flip, w, w)
				magnitude = YMM()
				VPABSB(w, magnitude)
			}
			for r := range count {
				q := YMM()
				VPBROADCASTD(x.at(r, 4*(h*groups+g)), q)
				if signed {
					VPSIGNB(w, q, q)
				}
				VPMADDUBSW(q, magnitude, q)
				if g%fold > 0 {
					VPADDW(q, short[r], short[r])
				} else {
					short[r] = q
				}
				if g%fold == fold-1 {
					VPMADDWD(ones, short[r], short[r])
					if g >= fold {
						VPADDD(short[r], sum[r], sum[r])
					} else {
						sum[r] = short[r]
					}
				}
			}
		}
		for r := range count {
			if !signed {
				correction := YMM()
				VPBROADCASTD(x.at(r, atCorrection+4*h), correction)
				VPADDD(correction, sum[r], sum[r])
			}
			VCVTDQ2PS(sum[r], sum[r])
			product := YMM()
			VBROADCASTSS(x.at(r, atScale), product)
			VMULPS(operand.Mem{Base: scale, Disp: panelScales * h}, product, product)
			VMULPS(product, sum[r], sum[r])
			VADDPS(sum[r], total[r], total[r])
		}
	}
	TESTQ(minimum, minimum)
	JZ(operand.LabelRef("next"))
	for r := range total {
		product := YMM()
		VBROADCASTSS(x.at(r, atSum), product)
		VMULPS(operand.Mem{Base: minimum}, product, product)
		VADDPS(product, total[r], total[r])
	}
	ADDQ(operand.Imm(panelScales), minimum)
	Label("next")
	x.advance(operand.Imm(activationBytes))
	ADDQ(operand.U32(panelBytes), woven)
	ADDQ(operand.U32(panelScales*parts), scale)
	DECQ(left)
	JNZ(operand.LabelRef("block"))
	at := GP64()
	MOVQ(dst, at)
	for r := range total {
		VADDPS(operand.Mem{Base: bias}, total[r], total[r])
		VMOVUPS(total[r], operand.Mem{Base: at})
		if r < count-1 {
			ADDQ(ldd, at)
		}
	}
	// the other eight outputs: back to the first block, half a register further
	INCQ(side)
	CMPQ(side, operand.Imm(2))
	JE(operand.LabelRef("done"))
	back := GP64()
	IMUL3Q(operand.Imm(activationBytes), n, back)
	x.retreat(back)
	IMUL3Q(operand.U32(panelBytes), n, back)
	SUBQ(back, woven)
	IMUL3Q(operand.U32(panelScales*parts), n, back)
	SUBQ(back, scale)
	for _, p := range []reg.GPVirtual{woven, scale, dst, bias} {
		ADDQ(operand.Imm(32), p)
	}
	TESTQ(minimum, minimum)
	JZ(operand.LabelRef("side"))
	IMUL3Q(operand.Imm(panelScales), n, back)
	SUBQ(back, minimum)
	ADDQ(operand.Imm(32), minimum)
	JMP(operand.LabelRef("side"))
	Label("done")
	VZEROUPPER()
	RET()
}

// weave interleaves 16 rows of bytes in groups of four, as the woven panel has them: 4×4 transpositions of dwords.
func weave(l level) {
	function("weave"+l.name, "func(dst, src *byte, n int)", "interleaves 16 rows of n blocks of 32 bytes in groups of four bytes.")
	dst, src := Load(Param("dst"), GP64()).(reg.GPVirtual), Load(Param("src"), GP64()).(reg.GPVirtual)
	n, stride := Load(Param("n"), GP64()), GP64()
	MOVQ(n, stride)
	SHLQ(operand.Imm(5), stride)
	x := rowsOf(src, stride, 16)
	Label("block")
	for part := range 2 {
		for first := 0; first < 16; first += l.lanes {
			for a := range 4 {
				VMOVDQU(x.at(first+a, 16*part), fixedX[a])
				VINSERTI128(operand.Imm(1), x.at(first+4+a, 16*part), fixedY[a], fixedY[a])
				if l == avx512 {
					VINSERTI32X4(operand.Imm(2), x.at(8+a, 16*part), fixedZ[a], fixedZ[a])
					VINSERTI32X4(operand.Imm(3), x.at(12+a, 16*part), fixedZ[a], fixedZ[a])
				}
			}
			in := fixedY
			if l == avx512 {
				in = fixedZ
			}
			for g, t := range transpose4(in) {
				m := operand.Mem{Base: dst, Disp: 64*(4*part+g) + 4*first}
				if l == avx512 {
					VMOVDQU64(t, m)
				} else {
					VMOVDQU(t, m)
				}
			}
		}
	}
	x.advance(operand.Imm(32))
	ADDQ(operand.U32(panelBytes), dst)
	DECQ(n)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}

// Registers by number, for code that fills them lane by lane: avo takes a partial write for a use of the rest.
var (
	fixedX = []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7, reg.X8, reg.X9, reg.X10, reg.X11}
	fixedY = []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11}
	fixedZ = []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11}
)

// transpose4 transposes the 4×4 dwords that the first four registers hold in each 128-bit lane, by the next four into
// the four after.
func transpose4(v []reg.VecPhysical) []reg.VecPhysical {
	in, mid, out := v[:4], v[4:8], v[8:12]
	VPUNPCKLDQ(in[1], in[0], mid[0])
	VPUNPCKHDQ(in[1], in[0], mid[1])
	VPUNPCKLDQ(in[3], in[2], mid[2])
	VPUNPCKHDQ(in[3], in[2], mid[3])
	VPUNPCKLQDQ(mid[2], mid[0], out[0])
	VPUNPCKHQDQ(mid[2], mid[0], out[1])
	VPUNPCKLQDQ(mid[3], mid[1], out[2])
	VPUNPCKHQDQ(mid[3], mid[1], out[3])
	return out
}
