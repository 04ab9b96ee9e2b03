// Package topk is part of stage 4: it reads scores and writes which k of them are the largest, by selection without sorting
// (section IV-B and Algorithm 3 of the paper): quick-select finds the k-th largest value, a filter keeps what is greater and
// as many equals as are still wanted, leftmost first. Order is kept; −0 equals +0; NaN is smaller than everything.
package topk

import (
	"math"

	"spatten/attention/kernel"
)

// negInf stands in for NaN, which must not be selected before any number.
var negInf = float32(math.Inf(-1))

var posInf = float32(math.Inf(1))

// Selector holds the memory and the random pivots of selections. The zero Selector is ready.
type Selector struct {
	Ahead kernel.Ahead // what may be asked from memory meanwhile, or nil

	left, right []float32
	pivots      uint64
}

// Threshold returns the k-th largest of scores, and how many of those equal to it belong to the top k. It needs
// 0 < k ≤ len(scores).
func (s *Selector) Threshold(scores []float32, k int) (kth float32, equals int) {
	if len(scores) >= many {
		if kth, equals, ok := s.narrow(scores, k); ok {
			return kth, equals
		}
	}
	return s.partition(scores, k)
}

// partition is quick-select as it is usually done: what cannot hold the k-th largest is left behind at every round.
func (s *Selector) partition(scores []float32, k int) (kth float32, equals int) {
	current := append(s.left[:0], scores...)
	for i, v := range current {
		if v != v {
			current[i] = negInf
		}
	}
	other := s.right[:0]
	target := k
	for {
		pivot := current[s.draw(len(current))]
		// Greater ones move to other, smaller ones close up in place; equals are only counted.
		other = other[:0]
		smaller, equal := 0, 0
		for _, v := range current {
			switch {
			case v > pivot:
				other = append(other, v)
			case v < pivot:
				current[smaller] = v
				smaller++
			default:
				equal++
			}
		}
		switch greater := len(other); {
		case greater >= target:
			current, other = other, current
		case greater+equal >= target:
			s.left, s.right = current, other
			return pivot, target - greater
		default:
			target -= greater + equal
			current = current[:smaller]
		}
	}
}

// Select appends to dst the indices of the k largest scores, ascending; of equal scores at the cut the leftmost stay.
// k is cut to the number of scores.
func (s *Selector) Select(dst []int32, scores []float32, k int) []int32 {
	if k >= len(scores) {
		for i := range scores {
			dst = append(dst, int32(i))
		}
		return dst
	}
	if k <= 0 {
		return dst
	}
	kth, equals := s.Threshold(scores, k)
	if len(scores) >= many && kth > negInf {
		return s.filter(dst, scores, k, kth, equals)
	}
	for i, v := range scores {
		switch {
		case v > kth:
			dst = append(dst, int32(i))
		case equals > 0 && (v == kth || kth == negInf && v != v):
			dst = append(dst, int32(i))
			equals--
		}
	}
	return dst
}

// draw returns a number below n from a fixed sequence: the pivots change the time, never the result.
func (s *Selector) draw(n int) int {
	s.pivots = s.pivots*6364136223846793005 + 1442695040888963407
	return int((s.pivots >> 33) * uint64(n) >> 31)
}
