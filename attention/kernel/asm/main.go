// Command asm generates the assembly kernels of package kernel for amd64: AVX2 with FMA and F16C, and AVX-512. It writes
// one file of assembly and one of Go declarations.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64")
	constant("infinity", float32(math.Inf(1)))
	for rows := 1; rows <= 4; rows++ {
		tile(rows)
	}
	for _, rows := range []int{1, 2, 4, 8} {
		tileWide(rows)
		panelTile(rows)
	}
	transpose()
	reductions()
	expConstants()
	for _, fours := range []bool{false, true} {
		exp(fours)
		expWide(fours)
	}
	mix()
	reductionsWide()
	mixWide()
	elementwise()
	selection()
	selectionWide()
	quantize()
	dots()
	weigh(16)
	patterns()
	for heads := 1; heads <= 3; heads++ {
		weighWide(heads)
		weighHeads(heads)
	}
	panelPatterns()
	chosenConstants()
	for bits := 1; bits <= 8; bits++ {
		for heads := 1; heads <= 3; heads++ {
			panels256(bits, heads)
			panels512(bits, heads)
			chosen(bits, heads)
		}
	}
	for heads := 1; heads <= 4; heads++ {
		spreadFours(heads)
	}
	foldQueries()
	foldConstants()
	for heads := 1; heads <= 4; heads++ {
		foldWide(heads)
	}
	for bits := 1; bits <= 8; bits++ {
		listed(bits)
		for heads := 1; heads <= 4; heads++ {
			refine(bits, heads)
		}
		if bits < 8 {
			unpack(bits, false)
			unpack(bits, true)
		}
	}
	Generate()
}

// gp loads a parameter into a register of its own.
func gp(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// param is where a parameter lies.
func param(name string) operand.Mem {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

// function begins a function, without frame and stack check.
func function(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Doc(doc)
}

func mem(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

func at(base, index reg.Register, scale uint8) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: scale}
}

// constant is a number that every lane of a register holds.
func constant(name string, v float32) operand.Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, operand.U32(math.Float32bits(v))) // a decimal 1 would be taken for an integer
	}
	return m
}

// data is the place of constants that were emitted before.
func data(name string, offset int) operand.Mem {
	return operand.NewDataAddr(operand.Symbol{Name: name, Static: true}, offset)
}

// count down a register and jump while it is not zero.
func again(n reg.GPVirtual, label string) {
	DECQ(n)
	JNZ(operand.LabelRef(label))
}

// fold adds the eight numbers of a register and returns the sum in the lowest.
func fold(v reg.VecVirtual, op func(...operand.Op)) reg.VecVirtual {
	high, low := XMM(), v.AsX()
	VEXTRACTF128(operand.Imm(1), v, high)
	op(high, low, low)
	VMOVHLPS(low, low, high)
	op(high, low, low)
	VMOVSHDUP(low, high)
	op(high, low, low)
	return low.(reg.VecVirtual)
}
