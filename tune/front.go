package tune

import (
	"cmp"
	"slices"
)

// Point is a schedule that has been measured.
type Point struct {
	Levels   []int   `json:"levels"`    // rung of each layer
	KL       float64 `json:"kl"`        // mean divergence from dense a token; infinite where hopeless
	LogRatio float64 `json:"log_ratio"` // of the perplexities, mean over texts
	Worst    float64 `json:"worst"`     // the largest of the log ratios of the texts
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
// write it is the divergence, which is far less noisy than the ratio on a little text: both must hold, and no text may
// lose more than three times as much.
func (g Goal) ok(p *Point) bool {
	if g.Ratio > 0 {
		return p.Ratio() >= g.Ratio
	}
	limit := log1p(g.Within)
	return p.KL <= limit && p.LogRatio <= limit && p.Worst <= log1p(3*g.Within)
}

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
