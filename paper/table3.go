package paper

import (
	"context"

	"spatten/accel/config"
	"spatten/accel/energy"
	"spatten/rival"
)

// table3Published is Table III.
var table3Published = []struct {
	name          string
	gops, gopPerJ float64
}{{"mnnfast", 120, 120}, {"a3", 221, 269}, {"spatten_eighth", 360, 382}}

// table3 runs all machines on the same benchmarks, with one energy table and one unit: the dense run's operations.
func (l *Lab) table3(ctx context.Context) (map[string]Machine, error) {
	eighth, err := config.Load("spatten-eighth", nil)
	if err != nil {
		return nil, err
	}
	gops, perJ := map[string][]float64{}, map[string][]float64{}
	add := func(machine string, ops, seconds, joules float64) {
		gops[machine], perJ[machine] = append(gops[machine], ops/seconds/1e9), append(perJ[machine], ops/joules/1e9)
	}
	for i := range l.Benchmarks {
		b := &l.Benchmarks[i]
		r, err := l.Simulate(ctx, b, "spatten-eighth", All)
		if err != nil {
			return nil, err
		}
		add("spatten_eighth", r.DenseOps, r.Seconds, r.Joules)
		h := b.heads()
		for name, c := range map[string]rival.Cost{"dense": rival.MNNFast(h, 1), "mnnfast": rival.MNNFast(h, l.Rule.ValuesOfKeys[b.Model.Family]), "a3": rival.A3(h)} {
			joules, parts := 0.0, energy.Joules(c.Counts, eighth.Energy)
			for _, unit := range sorted(parts) {
				joules += parts[unit]
			}
			add(name, r.DenseOps, c.Cycles/1e9, joules)
		}
	}
	out := map[string]Machine{}
	for name := range gops {
		out[name] = Machine{geomean(gops[name]), geomean(perJ[name])}
	}
	return out, nil
}

// heads is the benchmark's dense attention as an accelerator meets it: the middle step stands for all generated tokens.
func (b *Benchmark) heads() rival.Heads {
	h := rival.Heads{Count: b.Model.Layers * b.Model.Heads, Queries: b.Tokens, Keys: b.Tokens, Dim: b.Model.HeadDim}
	if b.Generated > 0 {
		h.Count, h.Queries, h.Keys = h.Count*b.Generated, 1, b.Tokens+(b.Generated+1)/2
	}
	return h
}

// Step is a technique of Fig. 20: the time with it and all before it, and the factor that it adds.
type Step struct {
	Name      string  `json:"name"`
	Seconds   float64 `json:"seconds"`
	Factor    float64 `json:"factor"`
	Published float64 `json:"published_factor"`
}

// figure20 switches the techniques on one after another, over the GPT-2 benchmarks. The first step, the datapath over
// the TITAN Xp, has no simulated base and is left out; until the step of the top-k engine, ranking has one comparator.
func (l *Lab) figure20(ctx context.Context) ([]Step, error) {
	one := []string{"topk.comparators=1"}
	steps := []struct {
		name      string
		on        Switches
		sets      []string
		published float64
	}{
		{"datapath", Switches{}, one, 1},
		{"token_pruning", Switches{Tokens: true, Values: true}, one, 1.1},
		{"head_pruning", Switches{Tokens: true, Values: true, Heads: true}, one, 1.1},
		{"topk_engine", Switches{Tokens: true, Values: true, Heads: true}, nil, 3.0},
		{"static_quantization", Switches{Tokens: true, Values: true, Heads: true, Static: true}, nil, 1.6},
		{"progressive_quantization", All, nil, 1.7},
	}
	var out []Step
	for _, s := range steps {
		var times []float64
		for i := range l.Benchmarks {
			if b := &l.Benchmarks[i]; b.Generated > 0 {
				short := *l
				short.steps = 2
				r, err := short.Simulate(ctx, b, "spatten", s.on, s.sets...)
				if err != nil {
					return nil, err
				}
				times = append(times, r.Seconds)
			}
		}
		x := Step{Name: s.name, Seconds: geomean(times), Factor: 1, Published: s.published}
		if len(out) > 0 {
			x.Factor = out[len(out)-1].Seconds / x.Seconds
		}
		out = append(out, x)
	}
	return out, nil
}

// averagesPublished are the averages of the abstract and section V-B.
var averagesPublished = map[string]float64{"dram_reduction": 10.0, "compute_reduction": 2.1}

// averages compares with the same benchmarks unpruned in fp32 on the same machine, bursts and all.
func (l *Lab) averages(ctx context.Context) (map[string]float64, error) {
	var dram, compute []float64
	for i := range l.Benchmarks {
		b := &l.Benchmarks[i]
		short := *l
		if b.Generated > 0 {
			short.steps = 2
		}
		ours, err := short.Simulate(ctx, b, "spatten", All)
		if err != nil {
			return nil, err
		}
		dense, err := short.Simulate(ctx, b, "spatten", Switches{})
		if err != nil {
			return nil, err
		}
		dram, compute = append(dram, dense.DRAMBytes/ours.DRAMBytes), append(compute, dense.Ops/ours.Ops)
	}
	return map[string]float64{"dram_reduction": mean(dram), "compute_reduction": mean(compute)}, nil
}
