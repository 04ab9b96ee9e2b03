package topk

import "math/bits"

// squeeze appends the elements of word whose bit in keep is set.
func squeeze(to, word []float32, keep uint64) []float32 {
	for ; keep != 0; keep &= keep - 1 {
		to = append(to, word[bits.TrailingZeros64(keep)])
	}
	return to
}

// Eliminate is the zero eliminator of Fig. 10, stage by stage: every element counts the zeros before it; then in stage i
// an element moves 2^i places to the left if bit i of its count is set. Order is kept, the gaps close. It works in place
// and gives the number of stages: log2 of the length, rounded up.
func Eliminate(v []float32) (stages int) {
	zeros := make([]int, len(v))
	n := 0
	for i, x := range v {
		zeros[i] = n
		if x == 0 {
			n++
		}
	}
	stages = bits.Len(uint(len(v) - 1))
	for s := range stages {
		for i := range v { // from the left: a place is read before it is written
			if v[i] != 0 && zeros[i]>>s&1 == 1 {
				to := i - 1<<s
				v[to], zeros[to] = v[i], zeros[i]
				v[i] = 0
			}
		}
	}
	return stages
}
