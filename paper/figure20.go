package paper

import (
	"context"
	"fmt"
	"strings"

	"gonum.org/v1/plot/plotter"

	"spatten/paper/page"
)

// Step is a technique of Fig. 20: the time with it and all before it, and the factor that it adds.
type Step struct {
	Name      string  `json:"name"`
	Seconds   float64 `json:"seconds"`
	Factor    float64 `json:"factor"`
	Published float64 `json:"published_factor"`
}

// figure20 switches the techniques on one after another, over the GPT-2 benchmarks. The first step, the datapath over
// the TITAN Xp, is against that platform's model; until the step of the top-k engine, ranking has one comparator.
func (l *Lab) figure20(ctx context.Context, facts *Facts) ([]Step, error) {
	one := []string{"topk.comparators=1"}
	pruned := Switches{Tokens: true, Values: true, Heads: true}
	steps := []struct {
		name string
		on   Switches
		sets []string
	}{
		{"datapath", Switches{}, one},
		{"token_pruning", Switches{Tokens: true, Values: true}, one},
		{"head_pruning", pruned, one},
		{"topk_engine", pruned, nil},
		{"static_quantization", Switches{Tokens: true, Values: true, Heads: true, Static: true}, nil},
		{"progressive_quantization", All, nil},
	}
	var out []Step
	for _, s := range steps {
		var times []float64
		for i := range l.Benchmarks {
			if b := &l.Benchmarks[i]; b.Generated > 0 {
				r, err := l.at(2).Simulate(ctx, b, "spatten", s.on, s.sets...)
				if err != nil {
					return nil, err
				}
				times = append(times, r.Seconds)
			}
		}
		x := Step{Name: s.name, Seconds: geomean(times), Factor: 1, Published: facts.Breakdown[s.name]}
		if len(out) > 0 {
			x.Factor = out[len(out)-1].Seconds / x.Seconds
		}
		out = append(out, x)
	}
	return out, nil
}

// gpu is the TITAN Xp's time over the GPT-2 benchmarks by its model, whose rates were fitted on GPT-2-small.
func (r *Report) gpu() float64 {
	var times []float64
	for _, f := range r.Fits {
		if f.Platform != "titan_xp_gpu" || f.Family != "gpt2" {
			continue
		}
		for i := range r.lab.Benchmarks {
			if b := &r.lab.Benchmarks[i]; b.Generated > 0 {
				times = append(times, f.Model.Seconds(b.Work()))
			}
		}
	}
	return geomean(times)
}

func (r *Report) figure20() page.Section {
	t := page.Table{Columns: []string{"technique", "ms", "factor", "published", "ratio"}}
	var bars [2]plotter.Values
	var names []string
	product, published := 1.0, 1.0
	for i, s := range r.Steps {
		factor := s.Factor
		if i == 0 {
			factor = r.gpu() / s.Seconds
		}
		t.Row(s.Name, fmt.Sprintf("%.3f", s.Seconds*1e3), fmt.Sprintf("%.2f", factor), fmt.Sprintf("%.1f", s.Published), fmt.Sprintf("%.2f", factor/s.Published))
		names = append(names, strings.ReplaceAll(s.Name, "_", "\n"))
		product, published = product*factor, published*s.Published
		bars[0], bars[1] = append(bars[0], factor), append(bars[1], s.Published)
	}
	t.Row("product", "", fmt.Sprintf("%.0f", product), fmt.Sprintf("%.0f", published), fmt.Sprintf("%.2f", product/published))
	q, free := r.Steps[4].Factor*r.Steps[5].Factor, r.QuantizationLimits[len(r.QuantizationLimits)-1].Values
	return page.Section{ID: "figure20", Title: "Fig. 20: what each technique gains on GPT-2",
		Tables: []page.Table{t, limitTable("What holds the last step back: GPT-2-medium, 12 bits to 6 + 4", r.QuantizationLimits, "static_ms", "progressive_ms", "factor", "bytes_factor")},
		Words: []string{"Techniques switched on one after another, geometric mean over the GPT-2 benchmarks, two generated tokens standing for 32. The first is against the TITAN Xp's fitted model and so not independent of Fig. 14; the others are simulated. " +
			"Until the step of the top-k engine, ranking has one comparator."},
		After: []string{fmt.Sprintf("Static quantization gains %.2f (published 1.6), progressive quantization %.2f (1.7), both %.2f (2.7). From 12 bits to 6 + 4 the bytes fall %.2f times, as published, but the time does not follow: "+
			"the memory is no longer what it waits for. The value selection is busy %.0f %% of the cycles, and a head's chain of K, exponentials, selection and V is longer than its fetch, most of all in late layers of few keys. Even with 256 comparators and no banks the step gains %.2f. "+
			"From fp32 to 12 bits the memory does set the pace, and 2.67 times fewer bytes gain their share. The authors' machine must have stayed bound by memory at 6 bits, or their first step was to more than 12.", r.Steps[4].Factor, r.Steps[5].Factor, q, free["bytes_factor"], 100*r.QuantizationLimits[0].Values["selection_busy"], free["factor"])},
		Plots: []page.Plot{page.Bars("figure20-techniques", page.Axes{Title: "Factor of each technique", Y: "times"}, names[1:], []string{"ours", "published"}, []plotter.Values{bars[0][1:], bars[1][1:]})}}
}
