// Package topk is the quick-select engine of Fig. 9, blocks (10) and (2, 13): it reads a row of probabilities (or the
// importance of tokens or heads), and writes the ids of the k largest in their order. Two of them are in the machine.
//
// A row first fills FIFO_L and the input buffer. In a round a pivot from the selected FIFO is compared with the FIFO's
// items, as many a cycle as there are comparators in an array; then the buffered row is filtered against the k-th
// largest while the next row fills the FIFO.
package topk

import (
	"spatten/accel/config"
	"spatten/accel/pipe"
)

// Counters are what the engine counts.
type Counters struct {
	Rows, Bypassed, Items    int64
	Rounds, Comparisons      int64
	FilterWords              int64
	FillCycles, SelectCycles int64
	FilterCycles             int64
	WaitStall                int64 // cycles in which a row waited for the engine
}

// Unit is one engine with its state.
type Unit struct {
	Counters
	spec   config.TopK
	pivots random
	free   int64 // first cycle in which a row may fill the FIFO
	done   int64 // last cycle of the filter before

	left, fifoL, fifoR []float32
	out                []int32
}

// New makes an engine whose pivots come from seed.
func New(spec config.TopK, seed uint64) *Unit { return &Unit{spec: spec, pivots: random(seed)} }

// Draw gives the work of selecting k of n values that are not known, with a drawn order.
func (u *Unit) Draw(n, k int64) Work { return u.draw(n, k) }

// Cycles is how long work takes: a round over m items takes ⌈m / comparators⌉ + round_cycles.
func (u *Unit) Cycles(w Work) int64 { return w.Words + w.Rounds*int64(u.spec.RoundCycles) }

// FilterTime is how long the filter takes for a row of n items, the eliminator's latency included.
func (u *Unit) FilterTime(n int64) int64 {
	return pipe.CeilDiv(n, int64(u.spec.Comparators)) + int64(u.spec.RoundCycles)
}

// Free is the first cycle in which the next row may enter.
func (u *Unit) Free() int64 { return u.free }

// Bypass lets a row of which everything is kept pass over the span in, behind the rows before it.
func (u *Unit) Bypass(in pipe.Span) pipe.Span {
	u.Bypassed++
	wait := max(0, u.done+1-in.First)
	out := pipe.Span{First: in.First + wait, Last: in.Last + wait}
	u.free = max(u.free, out.Last+1)
	return out
}

// Fill takes a row of n items that comes in over the span in, width a cycle at most, and gives the last cycle of filling.
func (u *Unit) Fill(n int64, in pipe.Span, width int) int64 {
	start := max(in.First, u.free)
	u.WaitStall += start - in.First
	last := max(in.Last, start+pipe.CeilDiv(n, int64(min(width, u.spec.Comparators)))-1)
	u.FillCycles += last - start + 1
	return last
}

// Row selects among n items that filled the FIFO until cycle filled, and gives the span over which their ids leave.
func (u *Unit) Row(n int64, filled int64, w Work) pipe.Span {
	selected := filled + 1 + u.Cycles(w)
	start := max(selected, u.done+1)
	u.free = start
	time := u.FilterTime(n)
	u.done = start + time - 1
	u.Rows++
	u.Items += n
	u.Rounds += w.Rounds
	u.Comparisons += w.Comparisons + n
	u.FilterWords += pipe.CeilDiv(n, int64(u.spec.Comparators))
	u.SelectCycles += u.Cycles(w)
	u.FilterCycles += time
	return pipe.Span{First: start + int64(u.spec.RoundCycles), Last: u.done}
}
