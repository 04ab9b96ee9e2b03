package tune

import (
	"context"
	"fmt"
	"math"
)

// Sensitivity is what a layer's step down the ladder changes, others left as they are.
type Sensitivity struct {
	Layer, Level int
	KL           float64 // more divergence
	Bytes        int64   // fewer bytes
}

// structured measures layers one by one and then the schedules that their sensitivities promise: divergences of layers are
// nearly additive, so that for each price of a byte every layer takes the rung where divergence and price together are least
// (a Lagrange multiplier, as in bit allocation: Shoham and Gersho, IEEE Trans. ASSP 36, 1988).
func (s *Search) structured(ctx context.Context) error {
	base := s.base()
	table := make([][]Sensitivity, s.o.Layers)
	for l := range s.o.Layers {
		for _, level := range s.probes(base.Levels[l]) {
			levels := append([]int(nil), base.Levels...)
			levels[l] = level
			p, err := s.measure(ctx, fmt.Sprintf("layer %d on rung %d", l, level), levels, 0)
			if err != nil {
				return err
			}
			table[l] = append(table[l], Sensitivity{l, level, p.KL - base.KL, base.Bytes - p.Bytes})
		}
		table[l] = append(table[l], Sensitivity{l, base.Levels[l], 0, 0})
	}
	for i, levels := range promised(table, base) {
		if _, err := s.measure(ctx, fmt.Sprintf("promise %d", i), levels, s.limit()); err != nil {
			return err
		}
	}
	return nil
}

// base is the uniform schedule nearest to the goal.
func (s *Search) base() *Point {
	best := &s.points[0]
	for i := range s.points {
		if p := &s.points[i]; !p.Hopeless && s.o.Goal.near(p) < s.o.Goal.near(best) {
			best = p
		}
	}
	return best
}

// near is how far a point lies from the goal, in factors.
func (g Goal) near(p *Point) float64 {
	if g.Ratio > 0 {
		return math.Abs(math.Log(p.Ratio() / g.Ratio))
	}
	return math.Abs(math.Log(max(p.KL, 1e-9) / log1p(g.Within)))
}

// probes are the rungs on which a layer is measured: far enough from the base to be told from rounding.
func (s *Search) probes(base int) []int {
	var levels []int
	for _, level := range []int{base - 2, base + 1, base + 3} {
		if level >= 0 && level < len(s.o.Ladder) {
			levels = append(levels, level)
		}
	}
	return levels
}

// promised returns, for prices of a byte from dear to cheap, the levels that cost least.
func promised(table [][]Sensitivity, base *Point) [][]int {
	var out [][]int
	seen := map[string]bool{key(base.Levels): true}
	unit := max(base.KL, 1e-9) / float64(max(1, base.Bytes)) // divergence a byte: the order of a price
	for step := -6; step <= 6; step++ {
		price := unit * math.Pow(2, float64(step)/2)
		levels := make([]int, len(table))
		for l, rungs := range table {
			best := math.Inf(1)
			for _, r := range rungs {
				if cost := r.KL - price*float64(r.Bytes); cost < best {
					best, levels[l] = cost, r.Level
				}
			}
		}
		if !seen[key(levels)] {
			seen[key(levels)] = true
			out = append(out, levels)
		}
	}
	return out
}
