package attention

// window sums over the newest queries only: what mattered to them is what will matter next. The observation window
// is SnapKV's (arXiv 2404.14469); the cascade over layers and steps stays SpAtten's.
type window struct{ queries int }

func (w window) Sums() Sums                         { return Sums{Window: w.queries} }
func (w window) Score(dst []float32, c *Candidates) { copy(dst, c.Sums) }
