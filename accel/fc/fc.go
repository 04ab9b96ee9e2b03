// Package fc is the FC mode of SpAtten-e2e: it reads weights as they stream from memory, multiplies them with the live
// rows on the multipliers of Q×K and P×V together, and writes the rows of the next step. With one row (generation)
// every weight is used once, and memory sets the pace.
package fc

import (
	"math/bits"

	"spatten/accel/config"
	"spatten/accel/pipe"
)

// Counters are what the mode counts.
type Counters struct {
	Products, Weights, Multiplies int64
	MemoryStall                   int64 // cycles in which a started product waited for weights
	Cycles                        int64
}

// Unit is the mode with its state.
type Unit struct {
	Counters
	qk, pv config.Multiply
	free   int64
}

// New makes the mode on the two arrays.
func New(qk, pv config.Multiply) *Unit { return &Unit{qk: qk, pv: pv} }

// PerLine is how many weights one cycle multiplies.
func (u *Unit) PerLine() int64 { return int64(u.qk.Multipliers + u.pv.Multipliers) }

// Product multiplies rows rows with in × out weights whose lines of PerLine arrived as lines says; the rows are there
// from cycle ready on. It gives the cycle in which the product is complete.
func (u *Unit) Product(rows, in, out int64, ready int64, lines pipe.Arrival) int64 {
	n := pipe.CeilDiv(in*out, u.PerLine())
	start := max(u.free, ready, lines.First)
	// Each line serves all rows before the next is taken.
	last := max(start+n*rows-1, lines.Slack+n-1+rows-1)
	u.MemoryStall += last - (start + n*rows - 1)
	u.Cycles += last - start + 1
	u.free = last + 1
	u.Products++
	u.Weights += in * out
	u.Multiplies += rows * in * out
	return last + int64(u.qk.BroadcastCycles+u.qk.MultiplyCycles+bits.Len(uint(u.qk.Multipliers-1))+u.pv.OutputCycles)
}
