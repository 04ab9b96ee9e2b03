package tensor

import (
	"testing"

	"spatten/checkpoint/dtype"
)

// TestAhead claims what is announced piece by piece: matrices in their order, none that is not packed, and an end.
func TestAhead(t *testing.T) {
	c := NewCPU(1, Int8)
	defer c.Close()
	var w [3]*Weights
	for i := range w {
		var err error
		if w[i], err = NewWeights(dtype.Q4_1, 32, 64, make([]byte, 32*40)); err != nil {
			t.Fatal(err)
		}
		if i != 1 {
			w[i].packed = make([]byte, 32*40)
			w[i].isPacked.Store(true)
		}
	}
	if got := c.Ahead(1); got != nil {
		t.Fatalf("%d bytes before anything was announced", len(got))
	}
	for range 2 {
		c.Announce(w[0], w[1], w[2])
		// A matrix has 1,280 bytes: the third piece ends with it.
		for piece, want := range [][]byte{w[0].packed, w[0].packed[600:], w[0].packed[680:], w[2].packed[520:], w[2].packed[680:]} {
			if got := c.Ahead(600); len(got) != 600 || &got[0] != &want[0] {
				t.Fatalf("piece %d is not where it should be", piece)
			}
		}
		if got := c.Ahead(600); got != nil {
			t.Fatalf("%d bytes after everything", len(got))
		}
	}
}
