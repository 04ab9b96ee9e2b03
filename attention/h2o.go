package attention

import "math"

// h2o keeps in every layer, by the layer's own accumulated probability, the heavy hitters, and gives half of the budget to
// the newest tokens. Source: Zhang et al., "H2O: Heavy-Hitter Oracle", NeurIPS 2023 (arXiv 2306.14048).
type h2o struct{}

func (h2o) Sums() Sums { return Sums{Layerwise: true} }

func (h2o) Score(dst []float32, c *Candidates) {
	copy(dst, c.Sums)
	for i := max(0, len(dst)-c.Keep/2); i < len(dst); i++ {
		dst[i] = math.MaxFloat32
	}
}
