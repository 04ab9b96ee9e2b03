package softmax

import (
	"testing"

	"spatten/accel/config"
	"spatten/accel/pipe"
)

var spec = config.Softmax{Parallelism: 8, FIFODepth: 128, DequantizeCycles: 7, ExpCycles: 21, AccumulateCycles: 23, DivideCycles: 29, QuantizeCycles: 7}

// 80 scores in cycles 100 to 109: the last exponential is there in 109 + 28, the sum in 137 + 23 = 160, ten divisions
// start in 160 to 169, probabilities leave 36 cycles later.
func TestRowByHand(t *testing.T) {
	u := New(spec)
	if got := u.Row(80, pipe.Span{First: 100, Last: 109}, pipe.Never); got != (pipe.Span{First: 196, Last: 205}) {
		t.Errorf("probabilities in %v, by hand 196 to 205", got)
	}
	if u.Latency() != 87 {
		t.Errorf("latency %d, the budget is 7 + 21 + 23 + 29 + 7", u.Latency())
	}
	// A row behind it without a gap comes out without a gap.
	if got := u.Row(80, pipe.Span{First: 110, Last: 119}, pipe.Never); got != (pipe.Span{First: 206, Last: 215}) {
		t.Errorf("second row in %v, by hand 206 to 215", got)
	}
}

// Two rows of 100 words do not fit into 128: the second one's last word must wait until 72 of the first have left.
func TestFIFO(t *testing.T) {
	u := New(spec)
	if got := u.Until(800); got != pipe.Never {
		t.Errorf("an empty FIFO holds a row back until %d", got)
	}
	u.Row(800, pipe.Span{First: 0, Last: 99}, pipe.Never) // divisions start in 99 + 28 + 23 = 150
	if got := u.Until(800); got != 150+72-28 {
		t.Errorf("last score from cycle %d on, by hand 194", got)
	}
}
