package tune

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Sensitivity is what another setting of a dial changes, the others left as they are.
type Sensitivity struct {
	Level int
	KL    float64 // more divergence
	Cost  int64   // less cost
}

// structured measures dials one by one, and then the schedules that their sensitivities promise: divergences are nearly
// additive, so that for each price of a cost every dial takes the setting where divergence and price together are least
// (a Lagrange multiplier, as in bit allocation: Shoham and Gersho, IEEE Trans. ASSP 36, 1988). A further round begins from the
// best so far.
func (s *Search) structured(ctx context.Context) error {
	for round := range max(1, s.o.Rounds) {
		base := s.base()
		if best := s.o.Goal.Choose(Front(s.points)); round > 0 && best != nil {
			base = best
		}
		if err := s.around(ctx, base); err != nil {
			return err
		}
	}
	return nil
}

// around is a round of structured search from a base.
func (s *Search) around(ctx context.Context, base *Point) error {
	table := make([][]Sensitivity, len(s.dials))
	for d, dial := range s.dials {
		at := base.Levels[d]
		for _, level := range probes(at, dial.Settings) {
			levels := slices.Clone(base.Levels)
			levels[d] = level
			p, err := s.measure(ctx, fmt.Sprintf("%s on %d", dial.Name, level), levels, 0)
			if err != nil {
				return err
			}
			table[d] = append(table[d], Sensitivity{level, p.KL - base.KL, base.Cost - p.Cost})
		}
		table[d] = append(table[d], Sensitivity{at, 0, 0})
	}
	for i, levels := range s.promised(table, base) {
		if _, err := s.measure(ctx, fmt.Sprintf("promise %d", i), levels, s.limit()); err != nil {
			return err
		}
	}
	return nil
}

// base is the start nearest to the goal.
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
	return math.Abs(math.Log(max(p.Expected, 1e-9) / g.Within))
}

// probes are the settings at which a dial is measured: far enough from the base to be told from rounding.
func probes(base, settings int) []int {
	var levels []int
	for _, level := range []int{base - 4, base - 2, base + 1, base + 3} {
		if level >= 0 && level < settings {
			levels = append(levels, level)
		}
	}
	if base == 1 {
		levels = append(levels, 0)
	}
	return levels
}

// promised returns, for prices of a cost from dear to cheap, the settings with which it and divergence are least.
func (s *Search) promised(table [][]Sensitivity, base *Point) [][]int {
	var out [][]int
	seen := map[string]bool{key(base.Levels): true}
	unit := max(base.KL, 1e-9) / float64(max(1, base.Cost)) // the order of a price
	for step := -6; step <= 6; step++ {
		price := unit * math.Pow(2, float64(step)/2)
		levels := make([]int, len(s.dials))
		for d, settings := range table {
			best := math.Inf(1)
			for _, r := range settings {
				if cost := r.KL - price*float64(r.Cost); cost < best {
					best = cost
					levels[d] = r.Level
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
