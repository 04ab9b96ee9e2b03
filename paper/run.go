package paper

import (
	"context"
	"fmt"
	"math"

	"spatten/accel"
	"spatten/accel/config"
	"spatten/rival"
)

// Run is what a machine did with a benchmark, scaled to all its generated tokens.
type Run struct {
	Seconds   float64 `json:"seconds"`
	Joules    float64 `json:"joules"`
	DRAMBytes float64 `json:"dram_bytes"`
	Ops       float64 `json:"operations"`       // really done
	DenseOps  float64 `json:"dense_operations"` // what an unpruned run would have done
}

// Lab simulates benchmarks and remembers what it has simulated: benchmarks of equal model and length share a run.
type Lab struct {
	Benchmarks []Benchmark
	Rule       *Rule
	steps      int
	done       map[string]Run
}

// NewLab reads the benchmarks. Of generated tokens, the middle ones are simulated, as many as steps, and stand for all;
// 0 simulates all.
func NewLab(steps int) (*Lab, error) {
	b, r, err := Benchmarks()
	if err != nil {
		return nil, err
	}
	return &Lab{Benchmarks: b, Rule: r, steps: steps, done: map[string]Run{}}, nil
}

// Simulate runs a benchmark on a machine ("spatten", …) with some of its numbers overridden.
func (l *Lab) Simulate(ctx context.Context, b *Benchmark, machine string, on Switches, sets ...string) (Run, error) {
	key := fmt.Sprint(machine, sets, b.Model.Name, b.Tokens, on, l.steps)
	if r, ok := l.done[key]; ok {
		return r, nil
	}
	m, err := config.Load(machine, sets)
	if err != nil {
		return Run{}, err
	}
	steps, first, times := max(1, b.Generated), 0, 1.0
	if l.steps > 0 && l.steps < b.Generated {
		steps, first, times = l.steps, (b.Generated-l.steps)/2, float64(b.Generated)/float64(l.steps)
	}
	r, err := accel.Simulate(ctx, b.Trace(l.Rule, on, first, steps), m, accel.Options{})
	if err != nil {
		return Run{}, fmt.Errorf("%s on %s: %w", b.Name, machine, err)
	}
	out := Run{Seconds: r.Seconds * times, DRAMBytes: float64(r.DRAMBytes) * times, Ops: float64(r.Operations) * times, DenseOps: b.Work().Operations}
	for _, unit := range sorted(r.EnergyJ) {
		out.Joules += r.EnergyJ[unit] * times
	}
	l.done[key] = out
	return out, nil
}

// Work is the benchmark's dense attention.
func (b *Benchmark) Work() rival.Work {
	m := b.Model
	return rival.DenseWork(m.Layers, m.Heads, m.HeadDim, b.Tokens, b.Generated)
}

// geomean is the geometric mean; 0 of nothing.
func geomean(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(x)))
}
