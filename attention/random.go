package attention

// random keeps tokens by a hash of their position: the control that shows what importance is worth. A token's
// score is the same in every layer and step, so that the cascade is nested.
type random struct{ seed uint64 }

func (random) Sums() Sums { return Sums{None: true} }

func (r random) Score(dst []float32, c *Candidates) {
	for i, p := range c.Positions {
		// splitmix64 (Steele, Lea, Flood, OOPSLA 2014) of seed and position.
		x := r.seed + (uint64(p)+1)*0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		dst[i] = float32((x ^ x>>31) >> 40)
	}
}
