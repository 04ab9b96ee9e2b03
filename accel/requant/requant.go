// Package requant is block (9), the decision of progressive quantization: it reads a row of probabilities, looks for the
// largest, and either passes the row on or asks the fetcher for the LSBs and drops it. No word leaves before the row's
// largest probability is known, and one register holds it: the last word of the next row enters when the last word of
// this one leaves (RTL: decision latency 2 cycles + log2 of the parallelism; FIFO of maxima of depth 1).
package requant

import (
	"math/bits"

	"spatten/accel/config"
	"spatten/accel/pipe"
)

// Counters are what the unit counts.
type Counters struct {
	Rows, Comparisons, Recomputed int64
	BlockedStall                  int64 // cycles in which a decided row waited for the unit behind
}

// Unit is the decision with its state.
type Unit struct {
	Counters
	spec        config.Requant
	parallelism int64
	last        int64 // cycle in which the last word of the row before leaves
}

// New makes the decision for words of parallelism probabilities.
func New(spec config.Requant, parallelism int) *Unit {
	return &Unit{spec: spec, parallelism: int64(parallelism), last: pipe.Never}
}

// Latency is the time from a row's last word to its first one on the way out.
func (u *Unit) Latency() int64 {
	return int64(u.spec.CompareCycles + bits.Len64(uint64(u.parallelism-1)))
}

// Until is the earliest cycle in which the last word of the next row may come in.
func (u *Unit) Until() int64 { return u.last }

// Row decides on a row that comes in over the span row. slot is the cycle from which the unit behind has room, for rows
// that are passed on; a row that is dropped leaves all the same. It gives the span of the words on their way out.
func (u *Unit) Row(keys int64, row pipe.Span, slot int64, drop bool) pipe.Span {
	w := pipe.CeilDiv(keys, u.parallelism)
	first := row.Last + u.Latency()
	if drop {
		u.Recomputed++
	} else if slot > first {
		u.BlockedStall += slot - first
		first = slot
	}
	u.last = first + w - 1
	u.Rows++
	u.Comparisons += keys
	return pipe.Span{First: first, Last: u.last}
}

// Report is the cycle in which the fetcher hears that the LSBs are wanted, for a row whose words leave over out.
func (u *Unit) Report(out pipe.Span) int64 { return out.First + int64(u.spec.ReportCycles) }
