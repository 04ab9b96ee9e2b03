package paper

import (
	"context"
	"fmt"
	"iter"
	"math"
	"runtime"
	"sync"

	"spatten/accel"
	"spatten/accel/config"
	"spatten/rival"
	"spatten/trace"
)

// Run is what a machine did with a benchmark, scaled to all its generated tokens.
type Run struct {
	Seconds   float64            `json:"seconds"`
	Joules    float64            `json:"joules"`
	Energy    map[string]float64 `json:"energy_j"` // by unit
	SRAM      float64            `json:"sram_joules"`
	DRAMBytes float64            `json:"dram_bytes"`
	Ops       float64            `json:"operations"`       // really done
	DenseOps  float64            `json:"dense_operations"` // what an unpruned run would have done
	Selecting float64            `json:"value_topk_busy"`  // share of the cycles in which the value selection worked
}

// Lab simulates benchmarks and remembers what it has simulated: benchmarks of equal model and length share a run. Several
// goroutines may use it.
type Lab struct {
	Benchmarks []Benchmark
	Rule       *Rule
	steps      int
	memory     *memory
}

// memory is the runs that are done or under way.
type memory struct {
	mu   sync.Mutex
	runs map[string]*once
	free chan struct{} // as many simulations at a time as there are processors
}

type once struct {
	sync.Once
	run Run
	err error
}

// NewLab reads the benchmarks. Of generated tokens, the middle ones are simulated, as many as steps, and stand for all;
// 0 simulates all.
func NewLab(steps int) (*Lab, error) {
	b, r, err := Benchmarks()
	if err != nil {
		return nil, err
	}
	return &Lab{b, r, steps, &memory{runs: map[string]*once{}, free: make(chan struct{}, runtime.GOMAXPROCS(0))}}, nil
}

// at is the same lab, memory shared, with another number of steps.
func (l *Lab) at(steps int) *Lab {
	short := *l
	short.steps = steps
	return &short
}

// Simulate runs a benchmark on a machine ("spatten", …) with some of its numbers overridden.
func (l *Lab) Simulate(ctx context.Context, b *Benchmark, machine string, on Switches, sets ...string) (Run, error) {
	key := fmt.Sprint(machine, sets, b.Model.Name, b.Tokens, on, l.steps)
	l.memory.mu.Lock()
	o := l.memory.runs[key]
	if o == nil {
		o = new(once)
		l.memory.runs[key] = o
	}
	l.memory.mu.Unlock()
	o.Do(func() { o.run, o.err = l.simulate(ctx, b, machine, on, sets) })
	return o.run, o.err
}

func (l *Lab) simulate(ctx context.Context, b *Benchmark, machine string, on Switches, sets []string) (Run, error) {
	m, err := config.Load(machine, sets)
	if err != nil {
		return Run{}, err
	}
	steps, first, times := max(1, b.Generated), 0, 1.0
	if l.steps > 0 && l.steps < b.Generated {
		steps, first, times = l.steps, (b.Generated-l.steps)/2, float64(b.Generated)/float64(l.steps)
	}
	r, err := l.replay(ctx, b.Trace(l.Rule, on, first, steps), m)
	if err != nil {
		return Run{}, fmt.Errorf("%s on %s: %w", b.Name, machine, err)
	}
	sram := float64(r.Counts.KeySRAMBytes+r.Counts.ValueSRAMBytes) * m.Energy.SRAMByte * 1e-12
	out := Run{Seconds: r.Seconds * times, Energy: map[string]float64{}, SRAM: sram * times, DRAMBytes: float64(r.DRAMBytes) * times,
		Ops: float64(r.Operations) * times, DenseOps: b.Work().Operations}
	for _, u := range r.Units {
		if u.Unit == "value top-k" {
			out.Selecting = u.Utilization
		}
	}
	for _, unit := range sorted(r.EnergyJ) {
		out.Energy[unit] = r.EnergyJ[unit] * times
		out.Joules += out.Energy[unit]
	}
	return out, nil
}

// replay simulates records when a processor is free.
func (l *Lab) replay(ctx context.Context, records iter.Seq2[trace.Record, error], m config.Machine) (accel.Result, error) {
	l.memory.free <- struct{}{}
	defer func() { <-l.memory.free }()
	return accel.Simulate(ctx, records, m, accel.Options{})
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

// mean is the arithmetic mean; 0 of nothing.
func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / math.Max(1, float64(len(x)))
}
