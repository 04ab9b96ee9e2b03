package topk

import (
	"math"
	"math/bits"
)

// Work is what the rounds of one selection did.
type Work struct {
	Rounds      int64
	Words       int64 // words of comparators-many items that were streamed, over the rounds
	Comparisons int64
}

func (w *Work) round(items, comparators int64) {
	w.Rounds++
	w.Words += (items + comparators - 1) / comparators
	w.Comparisons += items
}

// random is a splitmix64 sequence: the pivots' source.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below gives a number from 0 to n − 1.
func (r *random) below(n int64) int64 {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int64(hi)
}

// draw runs quick-select on n distinct values of which nothing but the order matters: in a round over m items the
// pivot is the r-th largest of them with equal probability for every r.
func (u *Unit) draw(n, k int64) Work {
	var w Work
	for m, target := n, k; ; {
		w.round(m, int64(u.spec.Comparators))
		larger := u.pivots.below(m)
		switch {
		case larger > target:
			m = larger
		case larger+1 >= target:
			return w
		default:
			target -= larger + 1
			m -= larger + 1
		}
	}
}

// Select runs the engine on values and gives what its rounds did, with the positions of the k largest in their order
// (0 < k < len(values)). Of equal ones the leftmost pass. The result is valid until the next call. NaN passes last.
func (u *Unit) Select(values []float32, k int) (positions []int32, w Work) {
	u.left = append(u.left[:0], values...)
	for i, v := range u.left {
		u.left[i] = ordered(v)
	}
	from, target := u.left, k
	var pivot float32
	wanted := 0
	for {
		pivot = from[u.pivots.below(int64(len(from)))]
		w.round(int64(len(from)), int64(u.spec.Comparators))
		smaller, larger, equal := u.compare(from, pivot)
		if len(larger) > target {
			from = u.swap(larger)
			continue
		}
		if len(larger)+equal >= target {
			wanted = target - len(larger)
			break
		}
		target -= len(larger) + equal
		from = u.swap(smaller)
	}
	return u.filter(values, pivot, wanted), w
}

// compare streams items through the two arrays of comparators, a word of comparators-many at a time. What an array
// does not keep is a zero that its zero eliminator squeezes out before the FIFO.
func (u *Unit) compare(items []float32, pivot float32) (smaller, larger []float32, equal int) {
	u.fifoL, u.fifoR = u.fifoL[:0], u.fifoR[:0]
	c := u.spec.Comparators
	for len(items) > 0 {
		word := items[:min(c, len(items))]
		items = items[len(word):]
		var l, r uint64
		for lane, v := range word {
			switch {
			case v < pivot:
				l |= 1 << (lane & 63)
			case v > pivot:
				r |= 1 << (lane & 63)
			default:
				equal++
			}
			if lane&63 == 63 || lane == len(word)-1 {
				block := word[lane&^63 : lane+1]
				u.fifoL = squeeze(u.fifoL, block, l)
				u.fifoR = squeeze(u.fifoR, block, r)
				l, r = 0, 0
			}
		}
	}
	return u.fifoL, u.fifoR, equal
}

// swap makes the selected FIFO the next round's input.
func (u *Unit) swap(selected []float32) []float32 {
	u.left = append(u.left[:0], selected...)
	return u.left
}

// filter passes the inputs that are larger than the k-th largest, and as many equal ones as are wanted, leftmost first.
func (u *Unit) filter(values []float32, pivot float32, wanted int) []int32 {
	u.out = u.out[:0]
	for i, v := range values {
		v = ordered(v)
		if v == pivot && wanted > 0 {
			wanted--
		} else if !(v > pivot) {
			continue
		}
		u.out = append(u.out, int32(i))
	}
	return u.out
}

// ordered makes values comparable: NaN becomes the smallest, −0 becomes 0.
func ordered(v float32) float32 {
	if v != v {
		return float32(math.Inf(-1))
	}
	return v + 0
}
