package attention

import "math"

// snapKV looks at the last queries of the prompt, in every layer by itself, max-pools their sums over neighbours and always
// keeps the window. Source: Li et al., "SnapKV", NeurIPS 2024 (arXiv 2404.14469).
type snapKV struct{ queries, pool int }

func (s snapKV) Sums() Sums { return Sums{Window: s.queries, Layerwise: true, Prompt: true} }

func (s snapKV) Score(dst []float32, c *Candidates) {
	maxPool(dst, c.Sums, s.pool)
	for i, p := range c.Positions {
		if int(p) >= c.Length-s.queries {
			dst[i] = math.MaxFloat32
		}
	}
}
