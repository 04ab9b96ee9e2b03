package topk

import (
	"math"
	"slices"

	"spatten/attention/kernel"
)

const (
	many     = 256  // scores from which counting with vectors pays
	great    = 2048 // scores from which a sample is asked first
	asked    = 512  // scores of that sample, about
	few      = 24   // candidates from which moving them pays
	sampled  = 32   // scores that the first pivots are taken from
	sideways = 4    // places beside the expected one in the sample
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
// pivot, and narrows the range that holds the k-th largest; nothing moves until few candidates are left. Of many scores a sample says
// first in which range the k-th largest should be, and what lies there is taken out. It gives up (ok is false) where fewer than k
// scores are numbers above −∞.
func (s *Selector) narrow(scores []float32, k int) (kth float32, equals int, ok bool) {
	if len(scores) >= great {
		low, high := s.guess(scores, k)
		s.left = slices.Grow(s.left[:0], len(scores)+kernel.Lanes)[:len(scores)+kernel.Lanes]
		inside, above := kernel.Between(s.left, scores, low, high, s.Ahead)
		if above < k && k <= above+inside {
			return s.search(s.left[:inside], k-above, bracket{low: low, high: high, inside: inside})
		}
	}
	b := bracket{low: negInf, high: posInf, inside: kernel.Count(scores, negInf)}
	if b.inside >= k {
		pivots := pivotsOf(scores)
		b.start(scores, k, &pivots)
	}
	return s.search(scores, k, b)
}

// guess returns a range (low, high] that most likely holds the k-th largest of many scores and little else: of every some-th score
// those that are more than three standard deviations beside its expected place.
func (s *Selector) guess(scores []float32, k int) (low, high float32) {
	stride := len(scores) / asked
	sample := slices.Grow(s.right[:0], (len(scores)+stride-1)/stride)[:(len(scores)+stride-1)/stride]
	s.right = sample
	for i := range sample {
		sample[i] = scores[i*stride]
	}
	share := float64(k) / float64(len(scores))
	middle, n := share*float64(len(sample)), len(sample)
	margin := 3.5*math.Sqrt(middle*(1-share)) + 2
	low, high = negInf, posInf
	inside := kernel.Count(sample, negInf)
	begin := bracket{low: negInf, high: posInf, inside: inside}
	pivots := pivotsOf(sample)
	if place := int(middle + margin); place < inside {
		b := begin
		b.start(sample, place, &pivots)
		b.narrow(sample, place, int(margin))
		low, begin.low, begin.inside = b.low, b.low, b.above+b.inside
	}
	if place := int(middle - margin); place > 0 && place < min(n, inside) {
		begin.start(sample, place, &pivots)
		begin.narrow(sample, place, int(margin))
		high = begin.high
	}
	return low, high
}

// pivotsOf returns some of the scores, in order.
func pivotsOf(scores []float32) (sample [sampled]float32) {
	for i := range sample {
		sample[i] = scores[i*len(scores)/sampled]
	}
	ascend(sample[:])
	return sample
}

// start narrows the range by the pivots beside the expected place of the k-th largest.
func (b *bracket) start(scores []float32, k int, pivots *[sampled]float32) {
	place := sampled - 1 - k*sampled/len(scores)
	b.try(scores, k, pivots[max(0, place-sideways)])
	b.try(scores, k, pivots[min(sampled-1, place+sideways)])
}

// narrow narrows the range until no more than enough scores are inside, or nothing but equals; sure is false for those. Pivots come from
// where the k-th largest should lie between the ends, every third from the middle.
func (b *bracket) narrow(scores []float32, k, enough int) (sure bool) {
	for round := 1; b.inside > enough; round++ {
		low, high := order(b.low), order(b.high)
		if high-low <= 1 {
			return false
		}
		part := 0.5
		if round%3 != 0 {
			part = min(0.95, max(0.05, 1-(float64(k-b.above)-0.5)/float64(b.inside)))
		}
		before := *b
		b.try(scores, k, number(low+max(1, min(high-low-1, int64(part*float64(high-low))))))
		if *b == before {
			return false // the pivot is the other zero
		}
	}
	return true
}

// search finds the k-th largest, which lies in the range.
func (s *Selector) search(scores []float32, k int, b bracket) (kth float32, equals int, ok bool) {
	if b.inside < k {
		return 0, 0, false
	}
	if !b.narrow(scores, k, few) {
		return b.high, k - b.above, true // nothing but equals is left
	}
	s.right = slices.Grow(s.right[:0], len(scores)+kernel.Lanes)[:len(scores)+kernel.Lanes]
	n, _ := kernel.Between(s.right, scores, b.low, b.high, nil)
	rest := s.right[:n]
	ascend(rest)
	kth = rest[len(rest)-(k-b.above)]
	for i := len(rest) - (k - b.above); i < len(rest) && rest[i] == kth; i++ {
		equals++
	}
	return kth, equals, true
}

// ascend sorts a few numbers by insertion.
func ascend(few []float32) {
	for i, v := range few {
		for ; i > 0 && v < few[i-1]; i-- {
			few[i] = few[i-1]
		}
		few[i] = v
	}
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
	n := kernel.Above(dst[at:at+len(scores)+kernel.Lanes], scores, kth, s.Ahead)
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
