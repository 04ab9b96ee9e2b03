// Command asm generates the assembly kernels of package tensor for amd64: AVX2 with FMA and F16C, and AVX-512 (F, BW,
// DQ, VL) with VNNI. It writes one file of assembly and one of Go declarations.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64")
	globals()
	for rows := 1; rows <= 3; rows++ {
		floatTile(avx2, rows)
	}
	for rows := 1; rows <= 6; rows++ {
		floatTile(avx512, rows)
	}
	for rows := 1; rows <= 4; rows++ {
		integerTile256("Four", rows, 8, false)
		integerTile256("Five", rows, 4, false)
		integerTile256("Halves", rows, 2, true)
		integerTile256("Eight", rows, 0, false)
		integerTile512(rows, true)
	}
	for rows := 1; rows <= 8; rows++ {
		integerTile512(rows, false)
	}
	weave(avx2)
	weave(avx512)
	quantize()
	quantizeWide()
	for _, f := range layouts {
		unpack(f)
	}
	for _, f := range layouts {
		if f.bits != 5 {
			pack(f)
			packed(avx2, f)
			packed(avx512, f)
			for rows := 1; rows <= 8; rows++ {
				packedTile512(f, rows)
			}
			for rows := 1; rows <= 4; rows++ {
				packedTile256(f, rows)
			}
		}
	}
	unpackK("Q4_K", 144, false)
	unpackK("Q5_K", 176, true)
	unpackQ6K()
	restore(false)
	restore(true)
	widen("F16", func(m operand.Mem, v reg.VecVirtual) { VCVTPH2PS(m, v) })
	widen("BF16", func(m operand.Mem, v reg.VecVirtual) {
		VPMOVZXWD(m, v)
		VPSLLD(operand.Imm(16), v, v)
	})
	expSum()
	largest()
	swiglu()
	gelu()
	geluWide()
	geluTanh()
	statistics()
	affine()
	simple()
	rotate()
	dotRows()
	weightedSum("weightedSum8AVX2", 1, false)
	weightedSum("weightedSum64AVX2", 8, false)
	weightedSum("weightedSumOf8AVX2", 1, true)
	weightedSum("weightedSumOf64AVX2", 8, true)
	read()
	Generate()
}

// level is an instruction set.
type level struct {
	name  string
	lanes int // fp32 numbers in a register
}

var (
	avx2   = level{"AVX2", 8}
	avx512 = level{"AVX512", 16}
)

// vec allocates a register of the level's width.
func (l level) vec() reg.VecVirtual {
	if l == avx512 {
		return ZMM()
	}
	return YMM()
}

// bytes is the width of a register.
func (l level) bytes() int { return 4 * l.lanes }

// zero clears a register.
func (l level) zero(r reg.VecVirtual) {
	if l == avx512 {
		VPXORD(r, r, r)
	} else {
		VPXOR(r, r, r)
	}
}

// function begins a function, without frame and stack check.
func function(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Doc(doc)
	Pragma("noescape")
}

// dotBytes emits VPDPBUSD (AVX-512 VNNI): acc += the four products of each dword's unsigned bytes u and signed bytes s.
// avo has no entry for it. s may be a broadcast dword of memory.
func dotBytes(s operand.Op, u, acc reg.Register) {
	i := &ir.Instruction{
		Opcode:   "VPDPBUSD",
		Operands: []operand.Op{s, u, acc},
		Inputs:   []operand.Op{s, u, acc},
		Outputs:  []operand.Op{acc},
		ISA:      []string{"AVX512_VNNI"},
	}
	if operand.IsMem(s) {
		i.Suffixes = []string{"BCST"}
	}
	Instruction(i)
}

// rows addresses count rows that lie stride apart with few registers: one base for every three rows.
type rows struct {
	bases  []reg.GPVirtual
	stride reg.Register
}

// rowsOf sets up the addresses of rows from base on. It keeps base as the first of its registers.
func rowsOf(base reg.GPVirtual, stride reg.Register, count int) rows {
	r := rows{bases: []reg.GPVirtual{base}, stride: stride}
	for n := 3; n < count; n += 3 {
		next := GP64()
		LEAQ(operand.Mem{Base: r.bases[len(r.bases)-1], Index: stride, Scale: 2}, next)
		ADDQ(stride, next)
		r.bases = append(r.bases, next)
	}
	return r
}

// at is the address of row i, plus a displacement.
func (r rows) at(i, disp int) operand.Mem {
	m := operand.Mem{Base: r.bases[i/3], Disp: disp}
	if i%3 > 0 {
		m.Index, m.Scale = r.stride, uint8(i%3)
	}
	return m
}

// advance moves all rows.
func (r rows) advance(by operand.Op) {
	for _, b := range r.bases {
		ADDQ(by, b)
	}
}

// retreat moves all rows back.
func (r rows) retreat(by operand.Op) {
	for _, b := range r.bases {
		SUBQ(by, b)
	}
}
