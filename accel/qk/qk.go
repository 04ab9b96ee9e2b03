// Package qk is block (7): it reads a query and lines of K from the K SRAM, and writes scores to the softmax. The query
// is broadcast multipliers/D times, a line of as many keys is multiplied in one cycle, and the adder tree is tapped at
// the level of D.
package qk

import (
	"math/bits"

	"spatten/accel/config"
	"spatten/accel/pipe"
)

// Counters are what the unit counts.
type Counters struct {
	Rows, Lines, Multiplies, Adds int64
	MemoryStall                   int64 // cycles in which a started row waited for a line of K
	BlockedStall                  int64 // cycles in which it waited because the softmax's FIFO was full
}

// Unit is the array with its state.
type Unit struct {
	Counters
	spec config.Multiply
	free int64 // first cycle in which a line may be multiplied
}

// New makes the array.
func New(spec config.Multiply) *Unit { return &Unit{spec: spec} }

// Lanes is how many keys of D numbers one cycle multiplies. D that is no power of two uses the next one's tap.
func Lanes(multipliers, dim int) int64 {
	return int64(max(1, multipliers>>bits.Len(uint(dim-1))))
}

// Passes is how many cycles a line takes: more than one only where D exceeds the multipliers.
func Passes(multipliers, dim int) int64 {
	return max(1, int64(1)<<bits.Len(uint(dim-1))/int64(multipliers))
}

// Latency is the time from a line to its scores: broadcast, multiply, log2 D levels of adders.
func (u *Unit) Latency(dim int) int {
	return u.spec.BroadcastCycles + u.spec.MultiplyCycles + bits.Len(uint(dim-1)) + u.spec.OutputCycles
}

// Free is the first cycle in which the next row may start.
func (u *Unit) Free() int64 { return u.free }

// Row multiplies one query with keys keys whose lines arrived as lines says; ready is the cycle from which the query
// is in its register, and until the earliest cycle in which the last score may leave. It gives the span of the scores.
func (u *Unit) Row(keys int64, dim int, ready int64, lines pipe.Arrival, until int64) pipe.Span {
	n := pipe.CeilDiv(keys, Lanes(u.spec.Multipliers, dim)) * Passes(u.spec.Multipliers, dim)
	start := max(u.free, ready, lines.First)
	last := max(start, lines.Slack) + n - 1
	u.MemoryStall += last - (start + n - 1)
	if late := until - int64(u.Latency(dim)); late > last {
		u.BlockedStall += late - last
		last = late
	}
	u.free = last + 1
	u.Rows++
	u.Lines += n
	u.Multiplies += keys * int64(dim)
	u.Adds += keys * int64(dim-1)
	return pipe.Span{First: start, Last: last}.Delay(u.Latency(dim))
}
