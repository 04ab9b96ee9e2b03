package tune

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Sensitivity is what a step of some layers down the ladder changes, others left as they are.
type Sensitivity struct {
	Level int
	KL    float64 // more divergence
	Bytes int64   // fewer bytes
}

// structured measures layers one by one, or as many together as the options say, and then the schedules that their sensitivities promise: divergences of layers are
// nearly additive, so that for each price of a byte every layer takes the rung where divergence and price together are least
// (a Lagrange multiplier, as in bit allocation: Shoham and Gersho, IEEE Trans. ASSP 36, 1988).
func (s *Search) structured(ctx context.Context) error {
	base := s.base()
	table := make([][]Sensitivity, s.blocks())
	for b := range table {
		at := base.Levels[b*s.o.Together]
		for _, level := range s.probes(at) {
			levels := slices.Clone(base.Levels)
			s.set(levels, b, level)
			p, err := s.measure(ctx, fmt.Sprintf("layer %d on rung %d", b*s.o.Together, level), levels, 0)
			if err != nil {
				return err
			}
			table[b] = append(table[b], Sensitivity{level, p.KL - base.KL, base.Bytes - p.Bytes})
		}
		table[b] = append(table[b], Sensitivity{at, 0, 0})
	}
	for i, levels := range s.promised(table, base) {
		if _, err := s.measure(ctx, fmt.Sprintf("promise %d", i), levels, s.limit()); err != nil {
			return err
		}
	}
	return nil
}

// blocks returns the number of blocks of layers that move together.
func (s *Search) blocks() int { return (s.o.Layers + s.o.Together - 1) / s.o.Together }

// set puts the layers of a block on a rung.
func (s *Search) set(levels []int, block, level int) {
	for l := block * s.o.Together; l < min(len(levels), (block+1)*s.o.Together); l++ {
		levels[l] = level
	}
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
func (s *Search) promised(table [][]Sensitivity, base *Point) [][]int {
	var out [][]int
	seen := map[string]bool{key(base.Levels): true}
	unit := max(base.KL, 1e-9) / float64(max(1, base.Bytes)) // divergence a byte: the order of a price
	for step := -6; step <= 6; step++ {
		price := unit * math.Pow(2, float64(step)/2)
		levels := make([]int, s.o.Layers)
		for b, rungs := range table {
			best := math.Inf(1)
			for _, r := range rungs {
				if cost := r.KL - price*float64(r.Bytes); cost < best {
					best = cost
					s.set(levels, b, r.Level)
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
