package tune

import (
	"cmp"
	"math"
	"slices"
)

// Point is a schedule that has been measured.
type Point struct {
	Levels   []int   `json:"levels"`    // rung of each layer
	KL       float64 `json:"kl"`        // mean divergence from dense a token; infinite where hopeless
	LogRatio float64 `json:"log_ratio"` // of the perplexities, mean over texts
	Worst    float64 `json:"worst"`     // the largest of the log ratios of the excerpts
	WorstKL  float64 `json:"worst_kl"`  // the largest of their divergences
	Bytes    int64   `json:"kv_bytes"`
	Dense    int64   `json:"dense_fp32_kv_bytes"`
	Hopeless bool    `json:"hopeless,omitempty"` // stopped before the end
}

// Ratio is how many times less than dense fp32 is read.
func (p *Point) Ratio() float64 { return float64(p.Dense) / float64(max(1, p.Bytes)) }

// Front returns the points that no other beats in both divergence and bytes, cheapest last. Of equals the first stays.
func Front(points []Point) []Point {
	sorted := slices.Clone(points)
	slices.SortStableFunc(sorted, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.KL, b.KL), cmp.Compare(a.Bytes, b.Bytes))
	})
	var front []Point
	for _, p := range sorted {
		if !p.Hopeless && (len(front) == 0 || p.Bytes < front[len(front)-1].Bytes) {
			front = append(front, p)
		}
	}
	return front
}

// Goal says which point of a front is wanted: the cheapest within a loss of quality, or the best within a cost. One is set.
type Goal struct {
	Within float64 // perplexity may rise by so much: 0.01 is one percent
	Ratio  float64 // bytes of dense fp32 for each byte read, at least
}

// ok reports whether a point reaches the goal. The expected log ratio of perplexities on text as the model itself would
// write it is the divergence, which is far less noisy than the ratio on a little text: both must hold. No excerpt may lose
// more than three times as much, nor be expected to at one standard deviation.
func (g Goal) ok(p *Point) bool {
	if g.Ratio > 0 {
		return p.Ratio() >= g.Ratio
	}
	limit, most := log1p(g.Within), log1p(3*g.Within)
	return p.KL <= limit && p.LogRatio <= limit && p.Worst <= most && p.WorstKL+scatter(p.WorstKL) <= most
}

// scatter is the standard deviation of the log ratio on an excerpt of 128 tokens whose divergence is kl: to second order the
// log ratio of a token's probabilities has a variance of twice their divergence.
func scatter(kl float64) float64 { return math.Sqrt(2 * max(0, kl) / 128) }

// Choose returns the point of a front that the goal asks for; nil if none reaches it.
func (g Goal) Choose(front []Point) *Point {
	var best *Point
	for i := range front {
		p := &front[i]
		if g.ok(p) && (best == nil || g.Ratio == 0 && p.Bytes < best.Bytes) {
			best = p // a front begins with the best
		}
	}
	return best
}
