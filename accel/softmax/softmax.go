// Package softmax is block (8): it reads rows of scores, and writes rows of probabilities. Scores are dequantized and
// exponentiated as they come; the exponentials wait in a FIFO until their sum is known, then they are divided by it and
// quantized. Rows follow one another without a gap as far as the FIFO reaches.
package softmax

import (
	"spatten/accel/config"
	"spatten/accel/pipe"
)

// Counters are what the unit counts.
type Counters struct {
	Rows, Items, Words int64
	Spilled            int64 // words of rows longer than the FIFO, which lie in the lines of K already used
	BlockedStall       int64 // cycles in which a finished division waited for the unit behind
}

// Unit is the pipeline with its state.
type Unit struct {
	Counters
	spec     config.Softmax
	expFree  int64 // first cycle in which an exponential may start
	divFree  int64 // first cycle in which a division may start
	divStart int64 // of the row before
	words    int64 // of the row before
}

// New makes the pipeline.
func New(spec config.Softmax) *Unit { return &Unit{spec: spec, divStart: pipe.Never} }

// Latency is the time that one word takes from score to probability where nothing waits, the wait for the sum excepted.
func (u *Unit) Latency() int {
	return u.spec.DequantizeCycles + u.spec.ExpCycles + u.spec.AccumulateCycles + u.spec.DivideCycles + u.spec.QuantizeCycles
}

func (u *Unit) front() int { return u.spec.DequantizeCycles + u.spec.ExpCycles }
func (u *Unit) back() int  { return u.spec.DivideCycles + u.spec.QuantizeCycles }

// Until is the earliest cycle in which the last score of a row of keys may come in, because the words of the row before
// must have left enough room in the FIFO.
func (u *Unit) Until(keys int64) int64 {
	w := pipe.CeilDiv(keys, int64(u.spec.Parallelism))
	over := min(u.words, u.words+w-int64(u.spec.FIFODepth))
	if over <= 0 {
		return pipe.Never
	}
	return u.divStart + over - int64(u.front())
}

// Row takes a row of scores that comes in over the span scores. Its last probability may leave in cycle until at the
// earliest. It gives the span of the probabilities.
func (u *Unit) Row(keys int64, scores pipe.Span, until int64) pipe.Span {
	w := pipe.CeilDiv(keys, int64(u.spec.Parallelism))
	first := max(scores.First, u.expFree)
	last := max(scores.Last, first+w-1)
	u.expFree = last + 1
	sum := last + int64(u.front()+u.spec.AccumulateCycles)
	start := max(sum, u.divFree)
	end := start + w - 1
	if late := until - int64(u.back()); late > end {
		u.BlockedStall += late - end
		end = late
	}
	u.divFree, u.divStart, u.words = end+1, end-w+1, w
	u.Rows++
	u.Items += keys
	u.Words += w
	u.Spilled += max(0, w-int64(u.spec.FIFODepth))
	return pipe.Span{First: start, Last: end}.Delay(u.back())
}
