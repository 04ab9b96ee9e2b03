package paper

import "context"

// table3Published is Table III.
var table3Published = []struct {
	name          string
	gops, gopPerJ float64
}{{"mnnfast", 120, 120}, {"a3", 221, 269}, {"spatten_eighth", 360, 382}}

func (l *Lab) table3(ctx context.Context) (map[string]Machine, error) {
	var gops, perJ []float64
	for i := range l.Benchmarks {
		r, err := l.Simulate(ctx, &l.Benchmarks[i], "spatten-eighth", All)
		if err != nil {
			return nil, err
		}
		gops, perJ = append(gops, r.DenseOps/r.Seconds/1e9), append(perJ, r.DenseOps/r.Joules/1e9)
	}
	return map[string]Machine{"spatten_eighth": {geomean(gops), geomean(perJ)}}, nil
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
