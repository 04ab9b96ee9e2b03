package attention

// cumulative is SpAtten's policy (III-A, Algorithm 2): the probabilities that a token has received, summed over queries, heads,
// layers and steps.
type cumulative struct{}

func (cumulative) Sums() Sums                         { return Sums{} }
func (cumulative) Score(dst []float32, c *Candidates) { copy(dst, c.Sums) }

// normalized divides SpAtten's sums by the number of queries that could see the token: under a causal mask early
// tokens are seen by more queries than late ones.
type normalized struct{}

func (normalized) Sums() Sums { return Sums{} }

func (normalized) Score(dst []float32, c *Candidates) {
	for i, s := range c.Sums {
		dst[i] = s / max(c.Queries[i], 1)
	}
}
