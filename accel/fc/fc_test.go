package fc

import (
	"testing"

	"spatten/accel/config"
	"spatten/accel/pipe"
)

// 1,024 × 1,024 weights are 1,024 lines of 1,024 products. One row takes 1,024 cycles where the weights are there, three
// take 3,072; the latency is 1 + 1 + log2 512 + 1.
func TestByHand(t *testing.T) {
	array := config.Multiply{Multipliers: 512, BroadcastCycles: 1, MultiplyCycles: 1, OutputCycles: 1}
	u := New(array, array)
	if got := u.Product(1, 1024, 1024, 0, pipe.Start()); got != 1023+12 {
		t.Errorf("complete in %d, by hand 1035", got)
	}
	if got := u.Product(3, 1024, 1024, 0, pipe.Start()); got != 1024+3071+12 {
		t.Errorf("complete in %d, by hand 4107", got)
	}
	// A line every second cycle from 10,000: the last one comes in 10,000 + 2·1,023.
	late := pipe.Start()
	for i := range int64(1024) {
		late.Upto(i+1, 10_000+2*i)
	}
	if got := u.Product(1, 1024, 1024, 0, late); got != 10_000+2046+12 {
		t.Errorf("complete in %d, by hand 12058", got)
	}
}
