package reference

import (
	"math/bits"
	"slices"
)

// javaRandom is java.util.Random, the generator behind Scala's: a linear congruence of 48 bits (its
// documentation specifies it).
type javaRandom uint64

func newJavaRandom(seed uint64) *javaRandom {
	r := javaRandom((seed ^ 0x5DEECE66D) & (1<<48 - 1))
	return &r
}

func (r *javaRandom) next(bits uint) int32 {
	*r = (*r*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int32(uint32(uint64(*r) >> (48 - bits)))
}

// Int is a number of 32 bits.
func (r *javaRandom) Int() int32 { return r.next(32) }

// Intn is a number from 0 to n-1.
func (r *javaRandom) Intn(n int) int {
	if n&(n-1) == 0 {
		return int(int64(n) * int64(r.next(31)) >> 31)
	}
	for {
		b := r.next(31)
		v := b % int32(n)
		if b-v+int32(n-1) >= 0 {
			return int(v)
		}
	}
}

// skip is Intn for n up to 64 without the number: only the last n draws of 31 bits can be rejected.
func (r *javaRandom) skip(n int) {
	before := *r
	if r.next(31) >= 1<<31-1-64 {
		*r = before
		r.Intn(n)
	}
}

// KeyIndexTable is the score buffer, which is random at the start and never written: line i, which is as long as there
// are ports, holds different indices out of a window of twice as many that begins at i*ports, in order (Scala's Random
// with seed 1 and its shuffle). It is what decides which addresses are fetched.
func KeyIndexTable(ports, lines, keyCap int) []int32 {
	const seed = 1
	rng := newJavaRandom(seed)
	table := make([]int32, lines*ports)
	var inOrder [2 * maxPorts]uint8
	for i := range inOrder {
		inOrder[i] = uint8(i)
	}
	for i := range lines {
		window := inOrder
		for n := 2 * ports; n > ports; n-- {
			k := rng.Intn(n)
			window[n-1], window[k] = window[k], window[n-1]
		}
		for n := ports; n >= 2; n-- { // these change the order only
			rng.skip(n)
		}
		var line uint64 // a bit for each index
		for _, j := range window[:ports] {
			line |= 1 << j
		}
		start, place := i*ports%keyCap, table[i*ports:][:ports]
		for k := range place {
			at := start + bits.TrailingZeros64(line)
			for at >= keyCap {
				at -= keyCap
			}
			place[k] = int32(at)
			line &= line - 1
		}
	}
	return table
}

// topKRandom draws top-k delays as the testbench does: quick-select over random numbers, in the order of the
// rows, from one generator.
type topKRandom struct {
	rng *javaRandom
	seq []int32
}

func newTopKRandom(seed uint64) *topKRandom { return &topKRandom{rng: newJavaRandom(seed)} }

// latency is one drawn delay in cycles: each pass over s remaining elements costs ceil(s/comparators)+3.
func (t *topKRandom) latency(size, target, comparators int) int {
	seq := t.seq[:0]
	for range size {
		seq = append(seq, t.rng.Int())
	}
	t.seq = seq
	cycles := 0
	for len(seq) > 0 {
		cycles += (len(seq)+comparators-1)/comparators + 3
		pivot := seq[t.rng.Intn(len(seq))]
		less, equal := 0, 0
		for _, x := range seq {
			if x < pivot {
				less++
			} else if x == pivot {
				equal++
			}
		}
		keepLess := less > target
		if !keepLess && less+equal > target {
			break
		}
		if !keepLess {
			target -= less + equal
		}
		seq = slices.DeleteFunc(seq, func(x int32) bool { return keepLess != (x < pivot) || x == pivot })
	}
	return cycles
}
