package rival

import (
	"math"
	"testing"
)

// A platform that is the model is found again, and predicts work that it was not fitted on.
func TestFitFindsTheModel(t *testing.T) {
	p := Platforms[0]
	truth := Model{LaunchSeconds: 2e-4, FLOPS: 3e12, BytesPerS: 4e10, Watts: 80}
	var samples []Sample
	for _, n := range []int{8, 30, 100, 400, 1000} {
		w := DenseWork(12, 12, 64, n, 0)
		samples = append(samples, Sample{w, truth.Seconds(w), truth.Seconds(w) * truth.Watts})
	}
	m := p.Fit(samples)
	w := DenseWork(24, 16, 64, 200, 0)
	if got, want := m.Seconds(w), truth.Seconds(w); math.Abs(got/want-1) > 0.02 {
		t.Errorf("predicted %g s, want %g: %+v", got, want, m)
	}
	if math.Abs(m.Watts-80) > 1e-6 {
		t.Errorf("%g W, want 80", m.Watts)
	}
}

// No sample can push a fit above the data sheet.
func TestFitStaysUnderTheDataSheet(t *testing.T) {
	for _, p := range Platforms {
		w := DenseWork(12, 12, 64, 500, 0)
		m := p.Fit([]Sample{{w, 1e-9, 1}})
		if m.FLOPS > p.PeakFLOPS || m.BytesPerS > p.PeakBytes || m.Watts > p.PeakWatts {
			t.Errorf("%s: %+v", p.Name, m)
		}
	}
}
