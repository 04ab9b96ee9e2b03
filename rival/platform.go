// Package rival is what else could run the same trace: it reads the work of a benchmark and writes the time and energy that
// a general platform would need.
package rival

import (
	"math"
	"slices"
)

// Work is the dense attention of one benchmark, as a platform's library runs it.
type Work struct {
	Launches   float64 // layers times steps: each launches the same operations
	Operations float64 // two a multiply-accumulate
	Bytes      float64 // fp32: operands read, scores written and read
}

// DenseWork is the attention of layers × heads of width dim over n keys: one sentence of n queries, or steps generated
// tokens.
func DenseWork(layers, heads, dim, n, steps int) Work {
	w := float64(layers * heads)
	if steps == 0 {
		pairs := w * float64(n) * float64(n)
		return Work{Launches: float64(layers), Operations: 4 * pairs * float64(dim), Bytes: 4 * (4*w*float64(n*dim) + 6*pairs)}
	}
	w *= float64(steps)
	keys := float64(n) + float64(steps+1)/2
	return Work{Launches: float64(layers * steps), Operations: 4 * w * keys * float64(dim), Bytes: 4 * (2*w*keys*float64(dim) + 6*w*keys)}
}

// Platform is a machine's data sheet: the bounds of its model.
type Platform struct {
	Name       string
	PeakFLOPS  float64 // fp32, 1/s
	PeakBytes  float64 // 1/s
	PeakWatts  float64
	DataSheets string
}

// Platforms are the four that the paper measured. Numbers are the makers' fp32 peaks; see DataSheets.
var Platforms = []Platform{
	{"titan_xp_gpu", 12.15e12, 547.6e9, 250, "NVIDIA TITAN Xp: 3,840 cores at 1.58 GHz, GDDR5X 384 bit at 11.4 Gb/s, 250 W"},
	{"xeon_cpu", 768e9, 68.3e9, 90, "Intel Xeon E5-2640 v4: 10 cores at 2.4 GHz, AVX2 FMA 32 FLOP a cycle, DDR4-2133 × 4, 90 W"},
	{"jetson_nano_gpu", 236e9, 25.6e9, 10, "NVIDIA Jetson Nano: 128 cores at 921 MHz, LPDDR4 64 bit, 10 W"},
	{"raspberry_pi_arm_cpu", 48e9, 12.8e9, 15, "Raspberry Pi 4: 4 cores at 1.5 GHz, 8 FLOP a cycle, LPDDR4-3200 32 bit, 15 W supply"},
}

// Model is a platform's fit for one family: three parameters of time and a power.
type Model struct {
	LaunchSeconds float64 `json:"launch_seconds"` // overhead of all operations of one layer and step
	FLOPS         float64 `json:"flops"`          // achieved
	BytesPerS     float64 `json:"bytes_per_second"`
	Watts         float64 `json:"watts"` // dynamic
}

// Seconds is the time of work: operations launched one after another, each bound by arithmetic or memory.
func (m Model) Seconds(w Work) float64 {
	return w.Launches*m.LaunchSeconds + math.Max(w.Operations/m.FLOPS, w.Bytes/m.BytesPerS)
}

// Sample is one measured benchmark.
type Sample struct {
	Work    Work
	Seconds float64
	Joules  float64
}

// Fit finds the model that has the least squared logarithmic error on the samples and whose rates and power stay under
// the data sheet's. It is deterministic: a pattern search from fixed starts. Samples of one and the same work cannot tell
// overhead from rates: then the overhead alone is fitted, and the rates are the data sheet's.
func (p Platform) Fit(samples []Sample) Model {
	best, at := math.Inf(1), Model{}
	parameters := 3
	if !slices.ContainsFunc(samples, func(s Sample) bool { return s.Work != samples[0].Work }) {
		parameters = 1
	}
	for _, share := range []float64{1, 0.1, 0.01, 0.001} {
		m := Model{LaunchSeconds: 1e-3, FLOPS: p.PeakFLOPS * share, BytesPerS: p.PeakBytes * share}
		if parameters == 1 {
			m.FLOPS, m.BytesPerS = p.PeakFLOPS, p.PeakBytes
		}
		if e := p.descend(&m, parameters, samples); e < best {
			best, at = e, m
		}
	}
	sum := 0.0
	for _, s := range samples {
		sum += math.Log(s.Joules / s.Seconds)
	}
	at.Watts = math.Min(p.PeakWatts, math.Exp(sum/float64(len(samples))))
	return at
}

func (p Platform) descend(m *Model, parameters int, samples []Sample) float64 {
	err := squares(*m, samples)
	for step := 4.0; step > 1.0001; {
		better := false
		for _, f := range []float64{step, 1 / step} {
			for i := range parameters {
				try := *m
				switch i {
				case 0:
					try.LaunchSeconds = math.Max(1e-9, try.LaunchSeconds*f)
				case 1:
					try.FLOPS = math.Min(p.PeakFLOPS, try.FLOPS*f)
				case 2:
					try.BytesPerS = math.Min(p.PeakBytes, try.BytesPerS*f)
				}
				if e := squares(try, samples); e < err-1e-12 {
					err, *m, better = e, try, true
				}
			}
		}
		if !better {
			step = math.Sqrt(step)
		}
	}
	return err
}

func squares(m Model, samples []Sample) (sum float64) {
	for _, s := range samples {
		d := math.Log(m.Seconds(s.Work) / s.Seconds)
		sum += d * d
	}
	return sum
}
