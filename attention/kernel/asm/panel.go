package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const panelSignature = "func(dst *float32, ld int, q *int8, d int, packed *byte, panels, every, stride int, offsets, factors *float32, lds int)"

// panels emits the products of some queries with panels of 16 keys. A panel is cut into chunks of 16 channels, a chunk into
// four vectors of 64 codes, four channels of each key; a dword of a query meets all 16 keys in one instruction, and nothing is summed
// across a register. decode leaves the codes of one vector of the chunk at `packed`; multiply adds what a head's dword
// at `q` contributes.
type panels struct {
	bits, heads        int
	packed, d, off     reg.GPVirtual
	dst, ld, count     reg.GPVirtual
	left               reg.GPVirtual // panels of the set
	offsets, factors   reg.GPVirtual
	queries            []reg.GPVirtual
	clear, chunk, done func()
}

func newPanels(set string, bits, heads int) *panels {
	function(fmt.Sprintf("panels%dx%d%s", heads, bits, set), panelSignature,
		fmt.Sprintf("writes (product + offset)·factor of %d queries of d integers with panels of 16 keys in codes of %d bits; rows of dst start ld bytes apart. After every so many panels comes the next set of queries, stride bytes on, their offsets and factors lds bytes.", heads, bits))
	p := &panels{bits: bits, heads: heads}
	p.dst, p.ld, p.d, p.packed, p.count = gp("dst"), gp("ld"), gp("d"), gp("packed"), gp("panels")
	p.offsets, p.factors = gp("offsets"), gp("factors")
	p.queries = rowsFrom(gp("q"), p.d, heads)
	p.off, p.left = GP64(), gp("every")
	return p
}

// emit writes the loops.
func (p *panels) emit() {
	Label("panel")
	p.clear()
	XORQ(p.off, p.off)
	Label("chunk")
	p.chunk()
	ADDQ(operand.U32(uint32(32*p.bits)), p.packed)
	ADDQ(operand.Imm(16), p.off)
	CMPQ(p.off, p.d)
	JL(operand.LabelRef("chunk"))
	p.done()
	ADDQ(operand.Imm(64), p.dst)
	DECQ(p.left)
	JNZ(operand.LabelRef("set"))
	ADDQ(param("every"), p.left)
	for _, q := range p.queries {
		ADDQ(param("stride"), q)
	}
	ADDQ(param("lds"), p.offsets)
	ADDQ(param("lds"), p.factors)
	Label("set")
	again(p.count, "panel")
	VZEROUPPER()
	RET()
}

// query is the dword of a head's query that belongs to a vector of the chunk.
func (p *panels) query(head, vector int) operand.Mem {
	return operand.Mem{Base: p.queries[head], Index: p.off, Scale: 1, Disp: 4 * vector}
}

// panelsAhead is how many bytes before their turn codes are asked for, into the second cache.
const panelsAhead = 8192

// panels512 is panels with AVX-512 VNNI.
func panels512(bits, heads int) {
	p := newPanels("AVX512", bits, heads)
	chains := 1
	if heads == 1 {
		chains = 2 // one alone would wait for itself
	}
	acc := make([]reg.VecVirtual, heads*chains)
	for i := range acc {
		acc[i] = ZMM()
	}
	var nibble, pair, one reg.VecVirtual
	if bits&4 != 0 {
		nibble = spread(0x0f << (bits & 3))
	}
	if bits&2 != 0 {
		pair = spread(3 << (bits & 1))
	}
	var shifts [4]reg.VecVirtual // of the halves of vectors in single bits
	if bits&1 != 0 {
		one = spread(1)
		for v := range shifts {
			shifts[v] = ZMM()
			VMOVDQU64(data("halves", 64*v), shifts[v])
		}
	}
	var codes [4]reg.VecVirtual
	for v := range codes {
		codes[v] = ZMM()
	}
	t := ZMM()
	p.clear = func() {
		for _, a := range acc {
			VPXORD(a, a, a)
		}
	}
	p.chunk = func() {
		for line := 0; line < 32*bits; line += 64 {
			PREFETCHT1(mem(p.packed, panelsAhead+line)) // across pages, where the machine does not look by itself
		}
		at := 0
		if bits == 8 {
			for v, c := range codes {
				VMOVDQU64(mem(p.packed, 64*v), c)
			}
		}
		if bits&4 != 0 {
			for v, c := range codes {
				if v%2 == 0 {
					VMOVDQU64(mem(p.packed, 32*v), t)
				}
				shift512(t, 4*(v%2)-bits&3, c)
				VPANDD(nibble, c, c)
			}
			at = 128
		}
		if bits&2 != 0 {
			pairs := ZMM()
			VMOVDQU64(mem(p.packed, at), pairs)
			for v, c := range codes {
				if bits&4 == 0 {
					shift512(pairs, 2*v-bits&1, c)
					VPANDD(pair, c, c)
					continue
				}
				shift512(pairs, 2*v-bits&1, t)
				VPTERNLOGD(operand.U8(0xf8), pair, t, c) // c | t & pair
			}
			at += 64
		}
		if bits&1 != 0 {
			ones := ZMM()
			VBROADCASTI64X4(mem(p.packed, at), ones)
			for v, c := range codes {
				if bits == 1 {
					VPSRLVQ(shifts[v], ones, c)
					VPANDD(one, c, c)
					continue
				}
				VPSRLVQ(shifts[v], ones, t)
				VPTERNLOGD(operand.U8(0xf8), one, t, c) // c | t & one
			}
		}
		for v, c := range codes {
			for h := range heads {
				dotBytesOf(p.query(h, v), c, acc[h*chains+v%chains])
			}
		}
	}
	p.done = func() {
		to := GP64()
		MOVQ(p.dst, to)
		for h := range heads {
			a := acc[h*chains]
			if chains == 2 {
				VPADDD(acc[1], a, a)
			}
			VCVTDQ2PS(a, a)
			VADDPS_BCST(mem(p.offsets, 4*h), a, a)
			VMULPS_BCST(mem(p.factors, 4*h), a, a)
			VMOVUPS(a, mem(to, 0))
			if h < heads-1 {
				ADDQ(p.ld, to)
			}
		}
	}
	p.emit()
}

// spread is a register with the same byte everywhere.
func spread(b int) reg.VecVirtual {
	r, v := GP32(), ZMM()
	MOVL(operand.U32(uint32(b)*0x01010101), r)
	VPBROADCASTD(r, v)
	return v
}

// shift512 shifts words right, or left where bits are negative.
func shift512(from reg.VecVirtual, right int, to reg.VecVirtual) {
	switch {
	case right > 0:
		VPSRLW(operand.Imm(uint64(right)), from, to)
	case right < 0:
		VPSLLW(operand.Imm(uint64(-right)), from, to)
	default:
		VMOVDQA64(from, to)
	}
}

// dotBytesOf is dotBytes with one dword of signed bytes in memory, the same for all.
func dotBytesOf(s operand.Mem, u, acc reg.Register) {
	Instruction(&ir.Instruction{
		Opcode:   "VPDPBUSD",
		Suffixes: []string{"BCST"},
		Operands: []operand.Op{s, u, acc},
		Inputs:   []operand.Op{s, u, acc},
		Outputs:  []operand.Op{acc},
		ISA:      []string{"AVX512_VNNI"},
	})
}

// panels256 is panels with AVX2: eight keys of a vector at a time. Products of two bytes fit 16 bits while codes have at
// most seven; those of eight are taken as two nibbles.
func panels256(bits, heads int) {
	p := newPanels("AVX2", bits, heads)
	acc := make([][2]reg.VecVirtual, heads)
	for h := range acc {
		acc[h] = [2]reg.VecVirtual{YMM(), YMM()}
	}
	c, t, q, high := YMM(), YMM(), YMM(), YMM()
	ones := data("wordOnes", 0)
	p.clear = func() {
		for h := range acc {
			VPXOR(acc[h][0], acc[h][0], acc[h][0])
			VPXOR(acc[h][1], acc[h][1], acc[h][1])
		}
	}
	add := func(head, half int, codes reg.VecVirtual, weights operand.Mem) {
		VPMADDUBSW(q, codes, t)
		VPMADDWD(weights, t, t)
		VPADDD(t, acc[head][half], acc[head][half])
	}
	p.chunk = func() {
		for v := range 4 {
			for half := range 2 {
				decode256(bits, v, half, p.packed, c, high, t)
				for h := range heads {
					VPBROADCASTD(p.query(h, v), q)
					add(h, half, c, ones)
					if bits == 8 {
						add(h, half, high, data("wordSixteens", 0))
					}
				}
			}
		}
	}
	p.done = func() {
		to := GP64()
		MOVQ(p.dst, to)
		for h := range heads {
			VBROADCASTSS(mem(p.offsets, 4*h), t)
			VBROADCASTSS(mem(p.factors, 4*h), q)
			for half, a := range acc[h] {
				VCVTDQ2PS(a, a)
				VADDPS(t, a, a)
				VMULPS(q, a, a)
				VMOVUPS(a, mem(to, 32*half))
			}
			if h < heads-1 {
				ADDQ(p.ld, to)
			}
		}
	}
	p.emit()
}

// decode256 leaves half a vector's codes in c; of 8 bits the low nibbles, and the others in high.
func decode256(bits, vector, half int, packed reg.GPVirtual, c, high, t reg.VecVirtual) {
	nibble, pair := data("nibbles", 0), data("pairs", 0)
	if bits == 8 {
		VMOVDQU(mem(packed, 64*vector+32*half), c)
		VPSRLW(operand.Imm(4), c, high)
		VPAND(nibble, c, c)
		VPAND(nibble, high, high)
		return
	}
	at := 0
	if bits&4 != 0 {
		VMOVDQU(mem(packed, 64*(vector/2)+32*half), c)
		if vector%2 == 1 {
			VPSRLW(operand.Imm(4), c, c)
		}
		VPAND(nibble, c, c)
		at = 128
	}
	if bits&2 != 0 {
		into := c
		if at > 0 {
			into = t
			VPSLLW(operand.Imm(2), c, c)
		}
		VMOVDQU(mem(packed, at+32*half), into)
		if vector > 0 {
			VPSRLW(operand.Imm(uint64(2*vector)), into, into)
		}
		VPAND(pair, into, into)
		if at > 0 {
			VPOR(t, c, c)
		}
		at += 64
	}
	if bits&1 != 0 {
		into := t
		if bits == 1 {
			into = c
		} else {
			VPADDB(c, c, c)
		}
		VMOVDQU(mem(packed, at), into)
		if shift := 2*vector + half; shift > 0 {
			VPSRLW(operand.Imm(uint64(shift)), into, into)
		}
		VPAND(data("singles", 0), into, into)
		if bits > 1 {
			VPOR(t, c, c)
		}
	}
}

// panelPatterns are the constants of panels256.
func panelPatterns() {
	GLOBL("wordSixteens", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, operand.U32(0x00100010))
	}
	GLOBL("halves", RODATA|NOPTR)
	for i := range 32 {
		DATA(8*i, operand.U64(i/4)) // of vector i/8, half i/4 mod 2
	}
}
