package paper

import (
	"context"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"spatten/rival"
)

// Report is the reproduction. Its JSON form is what scripts rely on.
type Report struct {
	Figure14 Figure14           `json:"figure14"`
	Table3   map[string]Machine `json:"table3"`
	Averages map[string]float64 `json:"averages"`
	Fits     []Fit              `json:"fits"`
	Scores   map[string]Score   `json:"scores"`
	Steps    []Step             `json:"figure20"`
	Table4   EndToEnd           `json:"table4"`
	Figure18 map[string]float64 `json:"figure18_tflops"`
	Runs     map[string]Run     `json:"runs"`

	published published
	lab       *Lab
}

// Machine is a row of Table III: operations of the dense run over time and energy, geometric means over the benchmarks.
type Machine struct {
	GOPS    float64 `json:"gops"`
	GOPPerJ float64 `json:"gop_per_j"`
}

// Reproduce simulates everything. Steps is how many generated tokens are simulated and stand for all; 0 for all.
func Reproduce(ctx context.Context, steps int) (*Report, error) {
	l, err := NewLab(steps)
	if err != nil {
		return nil, err
	}
	pub, err := readPublished()
	if err != nil {
		return nil, err
	}
	p, err := l.compare(ctx, pub)
	if err != nil {
		return nil, err
	}
	r := &Report{Figure14: p.figure, Fits: p.fits, Scores: p.scores, Runs: map[string]Run{}, published: pub, lab: l}
	for i := range l.Benchmarks {
		if r.Runs[l.Benchmarks[i].Name], err = l.Simulate(ctx, &l.Benchmarks[i], "spatten", All); err != nil {
			return nil, err
		}
	}
	if r.Table3, err = l.table3(ctx); err != nil {
		return nil, err
	}
	if r.Steps, err = l.figure20(ctx); err != nil {
		return nil, err
	}
	if r.Table4, err = l.table4(ctx); err != nil {
		return nil, err
	}
	r.Figure18 = map[string]float64{"bert": r.roofline("bert"), "gpt2": r.roofline("gpt2")}
	r.Averages, err = l.averages(ctx)
	return r, err
}

// titanXPAttention is the attention of GPT-2-medium on the TITAN Xp in seconds (Fig. 2).
const titanXPAttention = 0.36672

// Text prints the report, ours beside the published numbers.
func (r *Report) Text(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "SpAtten on synthetic traces. Ratios per task were not published: inferred from averages by one rule.\n\n")
	fmt.Fprint(w, "benchmark\tms\tTFLOPS\tGB/s\tW\t\n")
	for _, b := range r.lab.Benchmarks {
		x := r.Runs[b.Name]
		fmt.Fprintf(w, "%s\t%.4f\t%.2f\t%.0f\t%.2f\t\n", b.Name, x.Seconds*1e3, x.Ops/x.Seconds/1e12, x.DRAMBytes/x.Seconds/1e9, x.Joules/x.Seconds)
	}
	fmt.Fprint(w, "\nFig. 14, speedup: ours/published = ratio. Platforms are models fitted on BERT-base and GPT-2-small (f), predicted elsewhere (p).\n\n")
	r.grid(w, r.published.speedup, func(x Ratio) float64 { return x.Speedup })
	fmt.Fprint(w, "\nFig. 14, energy saving\n\n")
	r.grid(w, r.published.energy, func(x Ratio) float64 { return x.EnergySaving })
	fmt.Fprint(w, "\nFits: at most three parameters of time and one power a platform and family, under the data sheet's peaks.\nThe GPT-2-small benchmarks are one and the same work, which determines the overhead alone: their rates are the data sheet's\n\nplatform\tfamily\tus a layer and step\tGFLOP/s\tGB/s\tW\tleave-one-out\t\n")
	for _, f := range r.Fits {
		fmt.Fprintf(w, "%s\t%s\t%.1f\t%.4g\t%.4g\t%.2f\t×%.2f\t\n", f.Platform, f.Family, f.Model.LaunchSeconds*1e6, f.Model.FLOPS/1e9, f.Model.BytesPerS/1e9, f.Model.Watts, f.LeaveOneOut)
	}
	fmt.Fprint(w, "\nPredicted half, ours/published: BERT-large and GPT-2-medium. If all our SpAtten times were doubled, the refitted score would be\n\nplatform\tspeedup\tenergy\tdoubled, refitted\tdoubled, fit kept\toff by more than 1.5\t\n")
	for _, p := range Platforms {
		s := r.Scores[p]
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.3f\t%.3f\t%v\t\n", p, s.Speedup, s.EnergySaving, s.Doubled, s.Fixed, s.Exceptions)
	}
	fmt.Fprint(w, "\nWithout any fit: GPT-2-medium's attention in ms. Published: the TITAN Xp's 366.72 ms (Fig. 2) over Fig. 14's speedups\n\nbenchmark\tours\tpublished\tratio\t\n")
	for _, b := range r.lab.Benchmarks {
		if b.Model.Name == "gpt2-medium" {
			x, y := r.Runs[b.Name].Seconds*1e3, titanXPAttention*1e3/r.published.speedup[b.Name]["titan_xp_gpu"]
			fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t\n", b.Name, x, y, x/y)
		}
	}
	fmt.Fprint(w, "\nTable III, dense-equivalent, geometric mean over the 30 benchmarks, one energy table for all. SpAtten-1/8 is simulated by the cycle; A3, MNNFast and the\ndense machine are models of their pipelines, A3 on random normal keys with the greedy search over half as many steps as keys (assumed)\n\nmachine\tGOP/s\tpublished\tGOP/J\tpublished\t\n")
	for _, m := range table3Published {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t\n", m.name, r.Table3[m.name].GOPS, m.gops, r.Table3[m.name].GOPPerJ, m.gopPerJ)
	}
	fmt.Fprintf(w, "dense\t%.0f\t\t%.0f\t\t\n", r.Table3["dense"].GOPS, r.Table3["dense"].GOPPerJ)
	fmt.Fprint(w, "\nTable IV and Fig. 15, GPT-2-medium end to end, 8-bit FC weights; the TITAN Xp's time is the published one\n\n\tours\tpublished\tratio\t\n")
	line := func(name string, ours, theirs float64) {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t\n", name, ours, theirs, ours/theirs)
	}
	line("FC, ms", r.Table4.FCSeconds*1e3, 25.75)
	line("attention, ms", r.Table4.AttentionSeconds*1e3, 2.13)
	line("speedup over TITAN Xp", r.Table4.Speedup, 27.1)
	fmt.Fprint(w, "\nFig. 18, TFLOPS reached (operations of all over time of all)\n\n\tours\tpublished\tratio\t\n")
	line("BERT", r.Figure18["bert"], 1.61)
	line("GPT-2", r.Figure18["gpt2"], 0.43)
	fmt.Fprint(w, "\nFig. 20, techniques switched on one after another, geometric mean over GPT-2\n\nstep\tms\tfactor\tpublished\tratio\t\n")
	for _, s := range r.Steps {
		fmt.Fprintf(w, "%s\t%.3f\t%.2f\t%.1f\t%.2f\t\n", s.Name, s.Seconds*1e3, s.Factor, s.Published, s.Factor/s.Published)
	}
	fmt.Fprint(w, "\nAverages over the 30 benchmarks. These follow from the rule's inputs: they close, they are not evidence.\n\naverage\tours\tpublished\t\n")
	for _, k := range sorted(r.Averages) {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t\n", k, r.Averages[k], averagesPublished[k])
	}
	return w.Flush()
}

func (r *Report) grid(w io.Writer, theirs map[string]map[string]float64, of func(Ratio) float64) {
	fmt.Fprint(w, "benchmark\t\t")
	for _, p := range rival.Platforms {
		fmt.Fprintf(w, "%s\t", p.Name)
	}
	fmt.Fprintln(w)
	row := func(name, kind string, ours map[string]Ratio) {
		fmt.Fprintf(w, "%s\t%s\t", name, kind)
		for _, p := range Platforms {
			x, y := of(ours[p]), theirs[name][p]
			fmt.Fprintf(w, "%.0f/%.0f = %.2f\t", x, y, x/y)
		}
		fmt.Fprintln(w)
	}
	for _, b := range r.lab.Benchmarks {
		kind := "p"
		if b.Model.Fit {
			kind = "f"
		}
		row(b.Name, kind, r.Figure14.Benchmarks[b.Name])
	}
	row(geomeanRow, "", r.Figure14.Geomean)
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / math.Max(1, float64(len(x)))
}
