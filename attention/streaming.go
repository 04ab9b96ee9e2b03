package attention

import "math"

// sinks is the number of first tokens that streaming keeps.
const sinks = 4

// streaming keeps the first four tokens and the newest. Source: Xiao et al., "Efficient Streaming Language Models with
// Attention Sinks", ICLR 2024 (arXiv 2309.17453).
type streaming struct{}

func (streaming) Sums() Sums { return Sums{None: true} }

func (streaming) Score(dst []float32, c *Candidates) {
	for i, p := range c.Positions {
		if dst[i] = float32(p); p < sinks {
			dst[i] = math.MaxFloat32
		}
	}
}

// recency keeps the newest tokens: what any cleverer policy must beat.
type recency struct{}

func (recency) Sums() Sums { return Sums{None: true} }

func (recency) Score(dst []float32, c *Candidates) {
	for i, p := range c.Positions {
		dst[i] = float32(p)
	}
}
