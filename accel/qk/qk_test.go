package qk

import (
	"testing"

	"spatten/accel/config"
	"spatten/accel/pipe"
)

var spec = config.Multiply{Multipliers: 512, BroadcastCycles: 1, MultiplyCycles: 1}

// 512 multipliers give 32 scores a cycle at D = 16 and one at D = 512; the latency is 2 cycles and log2 D.
func TestReconfigurableTree(t *testing.T) {
	for _, c := range []struct {
		dim     int
		lanes   int64
		latency int
	}{{16, 32, 6}, {32, 16, 7}, {64, 8, 8}, {128, 4, 9}, {256, 2, 10}, {512, 1, 11}, {48, 8, 8}, {80, 4, 9}} {
		if got := Lanes(512, c.dim); got != c.lanes {
			t.Errorf("D = %d: %d scores a cycle, want %d", c.dim, got, c.lanes)
		}
		if got := New(spec).Latency(c.dim); got != c.latency {
			t.Errorf("D = %d: latency %d, want %d", c.dim, got, c.latency)
		}
	}
}

// 100 keys at D = 64 are 13 lines: cycles 10 to 22, scores in 18 to 30.
func TestRowByHand(t *testing.T) {
	u := New(spec)
	resident := pipe.Start()
	if got := u.Row(100, 64, 10, resident, pipe.Never); got != (pipe.Span{First: 18, Last: 30}) {
		t.Errorf("scores in %v, by hand 18 to 30", got)
	}
	if u.Free() != 23 || u.Multiplies != 6400 || u.Adds != 6300 {
		t.Errorf("free %d, %d multiplies, %d adds", u.Free(), u.Multiplies, u.Adds)
	}
	// The next row's five lines arrive every third cycle from 30: 30, 33, 36, 39, 42.
	lines := pipe.Start()
	for i := range int64(5) {
		lines.Upto(i+1, 30+3*i)
	}
	if got := u.Row(40, 64, 0, lines, pipe.Never); got != (pipe.Span{First: 38, Last: 50}) {
		t.Errorf("scores in %v, by hand 38 to 50", got)
	}
	if u.MemoryStall != 42-34 {
		t.Errorf("%d cycles of waiting for memory, by hand 8", u.MemoryStall)
	}
}
