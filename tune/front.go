package tune

import (
	"cmp"
	"math"
	"slices"
)

// Point is a schedule that has been measured.
type Point struct {
	Levels []int `json:"levels"` // setting of each dial
	Score
	Hopeless bool `json:"hopeless,omitempty"` // stopped before the end
}

// Ratio is how many times less than dense a schedule costs.
func (p *Point) Ratio() float64 { return float64(p.Dense) / float64(max(1, p.Cost)) }

// Front returns the points that no other beats in both divergence and cost, cheapest last. Of equals the first stays.
// Points that were given up are not comparable, and stay out.
func Front(points []Point) []Point {
	sorted := slices.Clone(points)
	slices.SortStableFunc(sorted, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.KL, b.KL), cmp.Compare(a.Cost, b.Cost))
	})
	var front []Point
	for _, p := range sorted {
		if !p.Hopeless && (len(front) == 0 || p.Cost < front[len(front)-1].Cost) {
			front = append(front, p)
		}
	}
	return front
}

// Goal says which point of a front is wanted: the cheapest within a loss, or the best within a cost. One is set.
type Goal struct {
	Within float64 // loss at most: of the logarithm of perplexity, or of accuracy as a share of the examples
	Ratio  float64 // cost of dense for each unit of cost, at least
}

// ok reports whether a point reaches the goal. The expected loss is far less noisy than the one measured on a few examples:
// both must hold. No excerpt may lose more than three times as much, nor be expected to at one standard deviation.
func (g Goal) ok(p *Point) bool {
	if g.Ratio > 0 {
		return p.Ratio() >= g.Ratio
	}
	most := 3 * g.Within
	return p.Expected <= g.Within && p.Loss <= g.Within && p.Worst <= most && p.WorstKL+scatter(p.WorstKL) <= most
}

// scatter is the standard deviation of the log ratio on an excerpt of 128 tokens whose divergence is kl: to second order the
// log ratio of a token's probabilities has a variance of twice their divergence.
func scatter(kl float64) float64 { return math.Sqrt(2 * max(0, kl) / 128) }

// Choose returns the point of a front that the goal asks for; nil if none reaches it.
func (g Goal) Choose(front []Point) *Point {
	var best *Point
	for i := range front {
		p := &front[i]
		if g.ok(p) && (best == nil || g.Ratio == 0 && p.Cost < best.Cost) {
			best = p // a front begins with the best
		}
	}
	return best
}
