package eval

import (
	"math"
	"testing"
)

// TestIntervals: quantiles of Student's t from its tables, the rest worked out by hand.
func TestIntervals(t *testing.T) {
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("%s is %.6f, want %.6f", what, got, want)
		}
	}
	i, p := meanInterval([]float64{1, 2, 3, 4})
	near("low", i.Low, 2.5-3.182446*1.290994/2) // t(0.975, 3) = 3.182446
	near("high", i.High, 2.5+3.182446*1.290994/2)
	near("p", p, 0.030466)
	if _, p := meanInterval([]float64{0, 0}); p != 1 {
		t.Errorf("no difference at all has p %g", p)
	}
	w := wilson(8, 10)
	near("Wilson low", w.Low, 0.490162)
	near("Wilson high", w.High, 0.943318)
	near("McNemar 1, 9", mcnemar(1, 9), 0.021484)
	near("McNemar 5, 5", mcnemar(5, 5), 1)
	near("McNemar 0, 0", mcnemar(0, 0), 1)
}
