// Package pv is block (11): it reads probabilities and lines of V from the V SRAM, and writes the output of a query. A
// probability is broadcast D times; D adders of multipliers/D inputs add a line, and the output accumulates.
package pv

import (
	"math"
	"math/bits"

	"spatten/accel/config"
	"spatten/accel/pipe"
	"spatten/accel/qk"
)

// Counters are what the unit counts.
type Counters struct {
	Rows, LinesRead, Multiplies, Adds int64
	MemoryStall                       int64 // cycles in which a started row waited for a line of V
}

// Unit is the array with its state.
type Unit struct {
	Counters
	spec config.Multiply
	free int64
}

// New makes the array.
func New(spec config.Multiply) *Unit { return &Unit{spec: spec} }

// Latency is the time from the last line to the output: broadcast, multiply, adders over the line's rows, register.
func (u *Unit) Latency(dim int) int {
	return u.spec.BroadcastCycles + u.spec.MultiplyCycles + bits.Len64(uint64(qk.Lanes(u.spec.Multipliers, dim)-1)) + u.spec.OutputCycles
}

// Lines is how many lines hold the values rows that are kept of n. Where they were fetched for one query they lie
// packed; where V is resident for many queries (packed false), a line is read if any of its rows is kept, and the kept
// ones lie anywhere: of L lines of s rows, L·(1 − (1 − values/n)^s) on average.
func (u *Unit) Lines(values, n int64, dim int, packed bool) int64 {
	lanes := qk.Lanes(u.spec.Multipliers, dim)
	passes := qk.Passes(u.spec.Multipliers, dim)
	if packed || values >= n {
		return pipe.CeilDiv(values, lanes) * passes
	}
	all := pipe.CeilDiv(n, lanes)
	miss := math.Pow(1-float64(values)/float64(n), float64(lanes))
	return max(pipe.CeilDiv(values, lanes), min(all, int64(math.Round(float64(all)*(1-miss))))) * passes
}

// Free is the first cycle in which the next row may start.
func (u *Unit) Free() int64 { return u.free }

// Row multiplies a row whose probabilities come over the span probs with values values in lines lines that arrived as
// arrival says. It gives the cycle in which the output is complete.
func (u *Unit) Row(values, lines int64, dim int, probs pipe.Span, arrival pipe.Arrival) int64 {
	start := max(u.free, probs.First, arrival.First)
	last := max(start+lines-1, arrival.Slack+lines-1, probs.Last)
	u.MemoryStall += max(0, arrival.Slack-start)
	u.free = last + 1
	u.Rows++
	u.LinesRead += lines
	u.Multiplies += values * int64(dim)
	u.Adds += values * int64(dim)
	return last + int64(u.Latency(dim))
}
