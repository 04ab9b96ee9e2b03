package requant

import (
	"testing"

	"spatten/accel/config"
	"spatten/accel/pipe"
)

// 80 probabilities in cycles 0 to 9 at 8 a cycle: 2 + log2 8 = 5 cycles later the decision, ten words from 14 to 23; the
// next row's last word enters in 23, so that rows of ten words follow one another in 14 cycles.
func TestRowByHand(t *testing.T) {
	u := New(config.Requant{CompareCycles: 2, ReportCycles: 2}, 8)
	out := u.Row(80, pipe.Span{First: 0, Last: 9}, pipe.Never, false)
	if out != (pipe.Span{First: 14, Last: 23}) || u.Until() != 23 {
		t.Errorf("out in %v, next last word from %d on; by hand 14 to 23, 23", out, u.Until())
	}
	if next := u.Row(80, pipe.Span{First: 10, Last: u.Until()}, pipe.Never, false); next.Last-out.Last != 14 {
		t.Errorf("rows follow in %d cycles, by hand 14", next.Last-out.Last)
	}
}

func TestDropAndSlot(t *testing.T) {
	u := New(config.Requant{CompareCycles: 2, ReportCycles: 2}, 8)
	if out := u.Row(80, pipe.Span{First: 0, Last: 9}, 1000, true); out.First != 14 || u.Report(out) != 16 {
		t.Errorf("dropped row leaves in %v and is reported in %d; by hand 14, 16", out, u.Report(out))
	}
	if out := u.Row(80, pipe.Span{First: 30, Last: 39}, 1000, false); out.First != 1000 || u.BlockedStall != 1000-44 {
		t.Errorf("row leaves in %v after %d stalled cycles; by hand 1000, 956", out, u.BlockedStall)
	}
}
