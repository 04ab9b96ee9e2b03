package topk

import (
	"math"
	"slices"

	"spatten/attention/kernel"
)

const (
	many     = 256 // scores from which counting with vectors pays
	few      = 64  // candidates from which moving them pays
	sampled  = 32  // scores that the first pivots are taken from
	sideways = 4   // places beside the expected one in the sample
)

// bracket is the range (low, high] that holds the k-th largest: at least k scores are above low, fewer above high.
type bracket struct {
	low, high     float32
	above, inside int // scores above high, and in the range
}

// try narrows the range by a pivot inside it.
func (b *bracket) try(scores []float32, k int, pivot float32) {
	if !(pivot > b.low && pivot < b.high) {
		return
	}
	if greater := kernel.Count(scores, pivot); greater >= k {
		b.low, b.inside = pivot, greater-b.above
	} else {
		b.high, b.above, b.inside = pivot, greater, b.inside-(greater-b.above)
	}
}

// narrow is quick-select as the hardware's engine does it: a round only counts how many scores are greater than a
// pivot, and narrows the range that holds the k-th largest; nothing moves until few candidates are left. The first pivots come
// from a sample, the next ones from where the k-th largest should lie between the ends, every third from the middle. It
// gives up (ok is false) where fewer than k scores are numbers above −∞.
func (s *Selector) narrow(scores []float32, k int) (kth float32, equals int, ok bool) {
	b := bracket{low: negInf, high: float32(math.Inf(1)), inside: kernel.Count(scores, negInf)}
	if b.inside < k {
		return 0, 0, false
	}
	var sample [sampled]float32
	for i := range sample {
		sample[i] = scores[i*len(scores)/sampled]
	}
	slices.Sort(sample[:])
	place := sampled - 1 - k*sampled/len(scores)
	b.try(scores, k, sample[max(0, place-sideways)])
	b.try(scores, k, sample[min(sampled-1, place+sideways)])
	for round := 1; b.inside > few; round++ {
		low, high := order(b.low), order(b.high)
		if high-low <= 1 {
			return b.high, k - b.above, true // nothing but equals is left
		}
		part := 0.5
		if round%3 != 0 {
			part = min(0.95, max(0.05, 1-(float64(k-b.above)-0.5)/float64(b.inside)))
		}
		before := b
		b.try(scores, k, number(low+max(1, min(high-low-1, int64(part*float64(high-low))))))
		if b == before {
			return b.high, k - b.above, true // the pivot is the other zero
		}
	}
	s.indices = slices.Grow(s.indices[:0], len(scores)+kernel.Lanes)[:len(scores)+kernel.Lanes]
	n := kernel.Above(s.indices, scores, math.Nextafter32(b.low, float32(math.Inf(1))))
	rest := s.right[:0]
	for _, i := range s.indices[:n] {
		if v := scores[i]; v <= b.high {
			rest = append(rest, v)
		}
	}
	s.right = rest
	slices.Sort(rest)
	kth = rest[len(rest)-(k-b.above)]
	for i := len(rest) - (k - b.above); i < len(rest) && rest[i] == kth; i++ {
		equals++
	}
	return kth, equals, true
}

// order maps numbers to integers in the same order; neighbours to neighbours, both zeros to 0 or −1.
func order(v float32) int64 {
	bits := int32(math.Float32bits(v))
	return int64(bits ^ bits>>31&math.MaxInt32)
}

// number is the inverse of order.
func number(o int64) float32 {
	bits := int32(o)
	return math.Float32frombits(uint32(bits ^ bits>>31&math.MaxInt32))
}

// filter appends the indices of everything above kth and of the leftmost equals.
func (s *Selector) filter(dst []int32, scores []float32, k int, kth float32, equals int) []int32 {
	at := len(dst)
	dst = slices.Grow(dst, len(scores)+kernel.Lanes)
	n := kernel.Above(dst[at:at+len(scores)+kernel.Lanes], scores, kth)
	dst = dst[:at+n]
	if n == k {
		return dst
	}
	to := at
	for _, i := range dst[at:] {
		if scores[i] == kth {
			if equals == 0 {
				continue
			}
			equals--
		}
		dst[to] = i
		to++
	}
	return dst[:to]
}
