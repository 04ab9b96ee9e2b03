// Package pipe describes what flows between the units of the accelerator: rows of words with the cycles in which they
// pass. A unit reads the span of a row at its input and writes the span at its output; because words of a row follow
// one another at the unit's own rate, two cycles and a count say all of it.
package pipe

// Never is a cycle before all others.
const Never = int64(-1) << 60

// Forever is a cycle after all others.
const Forever = int64(1) << 60

// Span is the first and the last cycle in which the words of one row cross a link.
type Span struct{ First, Last int64 }

// Delay moves a span by a latency.
func (s Span) Delay(cycles int) Span { return Span{s.First + int64(cycles), s.Last + int64(cycles)} }

// Arrival sums up when the lines of a matrix came into a buffer: the cycle of the first, and Slack, the largest of
// (cycle − index) over the lines. A reader that takes one line a cycle from cycle s on reads line j no earlier than
// Slack + j, hence ends at max(s, Slack) + lines − 1.
type Arrival struct {
	First, Slack int64
	Lines        int64
}

// Start is the state before the first line.
func Start() Arrival { return Arrival{First: Never, Slack: Never} }

// Upto records that at cycle now all lines before lines are complete.
func (a *Arrival) Upto(lines, now int64) {
	if lines <= a.Lines {
		return
	}
	if a.Lines == 0 {
		a.First = now
	}
	a.Slack = max(a.Slack, now-a.Lines)
	a.Lines = lines
}

// Delay moves an arrival by a latency.
func (a Arrival) Delay(cycles int) Arrival {
	return Arrival{a.First + int64(cycles), a.Slack + int64(cycles), a.Lines}
}

// CeilDiv is n / d rounded up, for n ≥ 0.
func CeilDiv(n, d int64) int64 { return (n + d - 1) / d }
