package paper

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot/plotter"

	"spatten/paper/page"
)

// benchmarksSection says what was run and what it took.
func (r *Report) benchmarksSection() page.Section {
	t := page.Table{Columns: []string{"benchmark", "tokens", "source of the length", "ms", "TFLOPS", "GB/s", "W"}}
	for _, b := range r.lab.Benchmarks {
		x := r.Runs[b.Name]
		tokens := fmt.Sprint(b.Tokens)
		if b.Generated > 0 {
			tokens += fmt.Sprintf(" + %d", b.Generated)
		}
		t.Row(b.Name, tokens, b.Source, fmt.Sprintf("%.4f", x.Seconds*1e3), fmt.Sprintf("%.2f", x.Ops/x.Seconds/1e12),
			fmt.Sprintf("%.0f", x.DRAMBytes/x.Seconds/1e9), fmt.Sprintf("%.2f", x.Joules/x.Seconds))
	}
	return page.Section{ID: "benchmarks", Title: "The 30 benchmarks on synthetic traces", Tables: []page.Table{t},
		Words: []string{"BERT at the mean length of each task's dev set, GPT-2 with 992 tokens in and 32 out; attention alone. How much is pruned in each was not published. One rule for all gives each family its published " +
			"average: tokens and heads fall exponentially over the layers (1.21 times fewer rows of BERT's keys and values, 3.8 times fewer of GPT-2's, 1.1 times fewer heads); BERT is 12 bits wide, GPT-2 has 6-bit keys with 4 more bits for 5.9 % of the queries."}}
}

func (r *Report) figure14() page.Section {
	s := page.Section{ID: "figure14", Title: "Fig. 14: speedup and energy saving over four platforms",
		Words: []string{"SpAtten is simulated; each platform is a model of at most three parameters of time and one power for a family, kept under its data sheet's peaks. The models are fitted on BERT-base and GPT-2-small (f) and predict BERT-large and GPT-2-medium (p). " +
			"The platforms' measured times were not published: they are the published speedup times our SpAtten time, so that a fit absorbs an error of our absolute time.",
			"Cells are ours/published = ratio."},
		Tables: []page.Table{r.grid("Speedup", r.published.speedup, func(x Ratio) float64 { return x.Speedup }),
			r.grid("Energy saving", r.published.energy, func(x Ratio) float64 { return x.EnergySaving }), r.fits(), r.scores(), r.exceptions(), r.unfitted()}}
	for _, p := range Platforms {
		s.Plots = append(s.Plots, r.scatter("figure14-speedup-"+p, "Speedup over "+p, p, r.published.speedup, func(x Ratio) float64 { return x.Speedup }),
			r.scatter("figure14-energy-"+p, "Energy saving over "+p, p, r.published.energy, func(x Ratio) float64 { return x.EnergySaving }))
	}
	s.After = []string{"Reasons of the exceptions. GPT-2's four data sets are one and the same work here, while the published ones differ by 2.2: how much each prunes was not published, so WikiText-2 comes out too fast and 1BW too slow. " +
		"BERT on RTE and CoLA: the published speedups do not follow the sentence length (RTE, 69 tokens, has less speedup than SQuAD, 181 tokens), which ratios of pruning for each task would explain, and one rule cannot. " +
		"The Jetson Nano's and the Raspberry Pi's energy on SQuAD differ by 2: one power a family does not hold for long and short sentences alike.",
		"A score that hardly changes when all our SpAtten times are doubled and the platforms fitted again proves nothing of absolute speed; it tells whether the ratios from BERT-base to BERT-large and from GPT-2-small to GPT-2-medium are right. " +
			"GPT-2-medium's milliseconds, which need no fit, tell of absolute speed."}
	return s
}

// scatter sets ours over the published: a point on the diagonal agrees.
func (r *Report) scatter(name, title, platform string, theirs map[string]map[string]float64, of func(Ratio) float64) page.Plot {
	var points [2]page.Series
	points[0].Name, points[1].Name = "predicted", "fitted"
	for _, b := range r.lab.Benchmarks {
		kind := 0
		if b.Model.Fit {
			kind = 1
		}
		points[kind].Points = append(points[kind].Points, plotter.XY{X: theirs[b.Name][platform], Y: of(r.Figure14.Benchmarks[b.Name][platform])})
	}
	return page.Scatter(name, page.Axes{Title: title, X: "published", Y: "ours", LogX: true, LogY: true}, true, points[:]...)
}

func (r *Report) grid(title string, theirs map[string]map[string]float64, of func(Ratio) float64) page.Table {
	t := page.Table{Title: title, Columns: append([]string{"benchmark", ""}, Platforms...)}
	row := func(name, kind string, ours map[string]Ratio) {
		cells := []string{name, kind}
		for _, p := range Platforms {
			x, y := of(ours[p]), theirs[name][p]
			cells = append(cells, fmt.Sprintf("%.0f/%.0f = %.2f", x, y, x/y))
		}
		t.Row(cells...)
	}
	for _, b := range r.lab.Benchmarks {
		kind := "p"
		if b.Model.Fit {
			kind = "f"
		}
		row(b.Name, kind, r.Figure14.Benchmarks[b.Name])
	}
	row(geomeanRow, "", r.Figure14.Geomean)
	return t
}

func (r *Report) fits() page.Table {
	t := page.Table{Title: "Fits. The GPT-2-small benchmarks are one and the same work, which determines the overhead alone: their rates are the data sheet's",
		Columns: []string{"platform", "family", "us a layer and step", "GFLOP/s", "GB/s", "W", "leave-one-out"}}
	for _, f := range r.Fits {
		t.Row(f.Platform, f.Family, fmt.Sprintf("%.1f", f.Model.LaunchSeconds*1e6), fmt.Sprintf("%.4g", f.Model.FLOPS/1e9), fmt.Sprintf("%.4g", f.Model.BytesPerS/1e9),
			fmt.Sprintf("%.2f", f.Model.Watts), fmt.Sprintf("×%.2f", f.LeaveOneOut))
	}
	return t
}

func (r *Report) scores() page.Table {
	t := page.Table{Title: "Predicted half, ours/published, and the score of speedup if all our SpAtten times were doubled",
		Columns: []string{"platform", "speedup", "energy", "doubled, refitted", "doubled, fit kept"}}
	for _, p := range Platforms {
		s := r.Scores[p]
		t.Row(p, fmt.Sprintf("%.3f", s.Speedup), fmt.Sprintf("%.3f", s.EnergySaving), fmt.Sprintf("%.3f", s.Doubled), fmt.Sprintf("%.3f", s.Fixed))
	}
	return t
}

// exceptions lists the predicted benchmarks that are off by more than 1.5.
func (r *Report) exceptions() page.Table {
	t := page.Table{Title: "Predicted benchmarks that are off by more than a factor of 1.5", Columns: []string{"platform", "speedup", "energy saving"}}
	for _, p := range Platforms {
		s := r.Scores[p]
		t.Row(p, strings.Join(s.Exceptions, ", "), strings.Join(s.EnergyExceptions, ", "))
	}
	return t
}

func (r *Report) unfitted() page.Table {
	t := page.Table{Title: "Without any fit: GPT-2-medium's attention in ms. Published: the TITAN Xp's 366.72 ms (Fig. 2) over Fig. 14's speedups",
		Columns: []string{"benchmark", "ours", "published", "ratio", "ratio if doubled"}}
	for _, b := range r.lab.Benchmarks {
		if b.Model.Name == "gpt2-medium" {
			x, y := r.Runs[b.Name].Seconds*1e3, r.facts.Latency["titan_xp"]["attention"]/r.published.speedup[b.Name]["titan_xp_gpu"]
			t.Row(b.Name, fmt.Sprintf("%.2f", x), fmt.Sprintf("%.2f", y), fmt.Sprintf("%.2f", x/y), fmt.Sprintf("%.2f", 2*x/y))
		}
	}
	return t
}
