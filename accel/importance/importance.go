// Package importance is blocks (12) and (1, 14), the accumulators of importance: they read every final probability row
// and every output, and keep a score for each token and each head, which the second top-k engine ranks. They run beside
// the pipeline and never hold it up at its own width.
package importance

import (
	"spatten/accel/config"
	"spatten/accel/pipe"
)

// Counters are what the accumulators count.
type Counters struct {
	Rows, TokenAdds, HeadAdds int64
}

// Unit is the accumulators with their state.
type Unit struct {
	Counters
	spec config.Import
	free int64
}

// New makes the accumulators.
func New(spec config.Import) *Unit { return &Unit{spec: spec} }

// Probabilities adds a row of keys probabilities that comes over the span row, and gives the cycle after which the
// tokens' scores are up to date.
func (u *Unit) Probabilities(keys int64, row pipe.Span) int64 {
	last := max(row.Last, max(row.First, u.free)+pipe.CeilDiv(keys, int64(u.spec.AddsPerCycle))-1)
	u.free = last + 1
	u.Rows++
	u.TokenAdds += keys
	return last + 1
}

// Output adds the absolute values of an output of dim numbers that is complete in cycle at, and gives the cycle after
// which the head's score is up to date.
func (u *Unit) Output(dim int, at int64) int64 {
	u.HeadAdds += int64(dim)
	return at + 1
}
