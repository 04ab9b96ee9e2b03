package sample

import (
	"math"
	"slices"
)

// candidate is a token that may be drawn; p is its probability times something that all share.
type candidate struct {
	id    int32
	logit float64
	p     float64
}

// before is the order of candidates: the better logit, of equals the lower id.
func before(a, b candidate) bool {
	return a.logit > b.logit || a.logit == b.logit && a.id < b.id
}

// cut returns the candidates that remain, the best first where something was cut, and the best one's logit. Only those
// that may remain are sorted: a vocabulary is long, what remains is short.
func (s *Sampler) cut(logits []float32) (c []candidate, top float64) {
	c, top = s.candidates[:0], math.Inf(-1)
	for i, v := range logits {
		if v == v { // a NaN is no candidate
			c = append(c, candidate{id: int32(i), logit: float64(v)})
			top = max(top, float64(v))
		}
	}
	s.candidates = c
	if len(c) == 0 {
		return append(c, candidate{}), 0
	}
	p, cutP := s.o.TopP, s.o.TopP > 0 && s.o.TopP < 1
	cutK := s.o.TopK > 0 && s.o.TopK < len(c)
	if !cutK && !cutP && s.o.MinP == 0 {
		return c, top
	}
	if cutK {
		c = keepBest(c, s.o.TopK)
	}
	total := 0.0
	if cutP {
		for i := range c {
			c[i].p = math.Exp(c[i].logit - top)
			total += c[i].p
		}
		// All that have less than this share of 1 − p together have less than 1 − p, and those are the last.
		c = keep(c, top+math.Log((1-p)*total/float64(2*len(c))))
	}
	if s.o.MinP > 0 {
		c = keep(c, top+math.Log(s.o.MinP))
	}
	slices.SortFunc(c, func(a, b candidate) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	if cutP {
		sum := 0.0
		for i := range c {
			if sum += c[i].p; sum >= p*total {
				return c[:i+1], top
			}
		}
	}
	return c, top
}

// keep returns the candidates whose logit is at least floor, and the best in any case.
func keep(c []candidate, floor float64) []candidate {
	best, n := c[0], 0
	for _, x := range c {
		if before(x, best) {
			best = x
		}
		if x.logit >= floor {
			c[n] = x
			n++
		}
	}
	if n == 0 {
		c[0], n = best, 1
	}
	return c[:n]
}

// keepBest returns the k best candidates in no order. They stand in a heap, the worst of them at its root.
func keepBest(c []candidate, k int) []candidate {
	h := c[:k]
	sink := func(i int) {
		for {
			worst := i
			for _, child := range [2]int{2*i + 1, 2*i + 2} {
				if child < k && before(h[worst], h[child]) {
					worst = child
				}
			}
			if worst == i {
				return
			}
			h[i], h[worst] = h[worst], h[i]
			i = worst
		}
	}
	for i := k/2 - 1; i >= 0; i-- {
		sink(i)
	}
	for _, x := range c[k:] {
		if before(x, h[0]) {
			h[0] = x
			sink(0)
		}
	}
	return h
}
