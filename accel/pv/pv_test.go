package pv

import (
	"testing"

	"spatten/accel/config"
	"spatten/accel/pipe"
)

var spec = config.Multiply{Multipliers: 512, BroadcastCycles: 1, MultiplyCycles: 1, OutputCycles: 1}

// RTL: 6 cycles from the last line to the answer with 512 multipliers at D = 64, 3 with 64.
func TestLatency(t *testing.T) {
	if got := New(spec).Latency(64); got != 6 {
		t.Errorf("latency %d with 512 multipliers, measured 6", got)
	}
	small := spec
	small.Multipliers = 64
	if got := New(small).Latency(64); got != 3 {
		t.Errorf("latency %d with 64 multipliers, measured 3", got)
	}
}

// 40 values at D = 64 are five lines; resident and probabilities from 100 to 104: output in 104 + 6.
func TestRowByHand(t *testing.T) {
	u := New(spec)
	n := u.Lines(40, 40, 64, false)
	if got := u.Row(40, n, 64, pipe.Span{First: 100, Last: 104}, pipe.Start()); n != 5 || got != 110 {
		t.Errorf("%d lines, output in cycle %d; by hand 5, 110", n, got)
	}
	late := pipe.Start()
	late.Upto(5, 200)
	if got := u.Row(40, 5, 64, pipe.Span{First: 105, Last: 109}, late); got != 204+6 {
		t.Errorf("output in cycle %d, by hand 210", got)
	}
}

// Half of 80 rows kept at random leave hardly a line of eight untouched: 10·(1 − 2⁻⁸) rounds to 10.
func TestScatteredValues(t *testing.T) {
	u := New(spec)
	if got := u.Lines(40, 80, 64, false); got != 10 {
		t.Errorf("%d lines, by hand 10", got)
	}
	if got := u.Lines(40, 80, 64, true); got != 5 {
		t.Errorf("%d packed lines, by hand 5", got)
	}
	if got := u.Lines(8, 800, 64, false); got != 8 {
		t.Errorf("%d lines for one row in a hundred, by hand 100·(1 − 0.99⁸) = 7.7", got)
	}
}
