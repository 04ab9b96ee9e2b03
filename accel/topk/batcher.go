package topk

import "math/bits"

// BatcherCycles is the time of a merge sort of n items on one odd-even merger of the given width (Batcher): one pass that
// sorts words, and one for each doubling of the sorted runs, each streaming all n items. n and width are powers of two.
func BatcherCycles(n, width int64) int64 {
	words := n / width
	return int64(1+bits.Len64(uint64(words-1))) * words
}
