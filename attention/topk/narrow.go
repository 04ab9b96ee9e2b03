package topk

import (
	"math"
	"slices"

	"spatten/attention/kernel"
)

const (
	many     = 256 // scores from which counting with vectors pays
	few      = 64  // candidates from which moving them pays
	maxDraws = 1024
)

// narrow is quick-select as the hardware's engine does it: a round only counts how many scores are greater than a
// pivot, and narrows the range that holds the k-th largest; nothing moves until few candidates are left. It gives up
// (ok is false) where it draws no pivot inside the range, as with many NaNs or infinities.
func (s *Selector) narrow(scores []float32, k int) (kth float32, equals int, ok bool) {
	// The k-th largest lies in (low, high]: more than k−1 scores are above low, fewer than k above high.
	low, high := negInf, float32(math.Inf(1))
	above, inside := 0, len(scores)
	for draws := 0; inside > few; {
		pivot := scores[s.draw(len(scores))]
		if !(pivot > low && pivot < high) {
			if draws++; draws < maxDraws {
				continue
			}
			if high == float32(math.Inf(1)) || kernel.Count(scores, below(high)) < k {
				return 0, 0, false
			}
			return high, k - above, true // hardly anything but equals is left
		}
		draws = 0
		if greater := kernel.Count(scores, pivot); greater >= k {
			low, inside = pivot, greater-above
		} else {
			high, above, inside = pivot, greater, inside-(greater-above)
		}
	}
	s.indices = slices.Grow(s.indices[:0], len(scores)+kernel.Lanes)[:len(scores)+kernel.Lanes]
	n := kernel.Above(s.indices, scores, math.Nextafter32(low, high))
	rest := s.right[:0]
	for _, i := range s.indices[:n] {
		if v := scores[i]; v <= high {
			rest = append(rest, v)
		}
	}
	s.right = rest
	if k-above > len(rest) {
		return 0, 0, false // the range reaches down to what is no number
	}
	slices.Sort(rest)
	kth = rest[len(rest)-(k-above)]
	for i := len(rest) - (k - above); i < len(rest) && rest[i] == kth; i++ {
		equals++
	}
	return kth, equals, true
}

// below returns the next number under v.
func below(v float32) float32 { return math.Nextafter32(v, negInf) }

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
