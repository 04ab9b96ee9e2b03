package paper

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/plot/plotter"

	"spatten/accel/energy"
	"spatten/paper/beyond"
	"spatten/paper/live"
	"spatten/paper/page"
)

// Report is the reproduction. Its JSON form is what scripts rely on.
type Report struct {
	Figure14           Figure14                      `json:"figure14"`
	Table3             map[string]Machine            `json:"table3"`
	Averages           Averages                      `json:"averages"`
	Silicon            Silicon                       `json:"silicon"` // Table II and Fig. 13
	Fits               []Fit                         `json:"fits"`
	Scores             map[string]Score              `json:"scores"`
	Figure2            map[string]Latency            `json:"figure2"`
	Table4             EndToEnd                      `json:"table4"`
	Figure15           map[string]map[string]float64 `json:"figure15"`
	Figure18           map[string]float64            `json:"figure18_tflops"`
	Figure19           Sizes                         `json:"figure19"`
	Steps              []Step                        `json:"figure20"`
	EighthLimits       []Limit                       `json:"table3_limits"`
	QuantizationLimits []Limit                       `json:"figure20_limits"`
	Runs               map[string]Run                `json:"runs"`

	Figure16 *Codesign      `json:"figure16"`
	Beyond   *beyond.Sweeps `json:"beyond"`
	Measured *live.Live     `json:"measured,omitempty"`

	published published
	errors    [][2]float64
	facts     *Facts
	lab       *Lab
}

// Options say how much is done. The zero value does all that needs no files.
type Options struct {
	Steps int           // generated tokens that are simulated and stand for all; 0 for all
	Short bool          // fewer machines, contexts and texts
	Live  *live.Sources // models and data sets to run; nil: none
}

// Reproduce simulates everything, on all processors. The numbers do not depend on how many there are.
func Reproduce(ctx context.Context, o Options) (*Report, error) {
	l, err := NewLab(o.Steps)
	if err != nil {
		return nil, err
	}
	r := &Report{Runs: map[string]Run{}, lab: l}
	if r.facts, err = readFacts(); err != nil {
		return nil, err
	}
	if r.published, err = readPublished(); err != nil {
		return nil, err
	}
	if r.errors, err = publishedErrors(); err != nil {
		return nil, err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return r.platforms(ctx) })
	work.Go(func() (err error) { r.Table3, err = l.table3(ctx); return err })
	work.Go(func() (err error) { r.Steps, err = l.figure20(ctx, r.facts); return err })
	work.Go(func() (err error) { r.Figure15, err = l.figure15(ctx, r.facts); return err })
	work.Go(func() (err error) { r.Figure19, err = l.figure19(ctx, r.facts); return err })
	work.Go(func() (err error) { r.EighthLimits, err = l.eighthLimits(ctx); return err })
	work.Go(func() (err error) { r.QuantizationLimits, err = l.quantizationLimits(ctx); return err })
	work.Go(func() (err error) { r.Figure16, err = l.codesigned(ctx, r.facts); return err })
	work.Go(func() (err error) { r.Beyond, err = beyond.Sweep(ctx, o.Short); return err })
	if o.Live != nil {
		work.Go(func() (err error) {
			from := *o.Live
			from.Short = from.Short || o.Short
			r.Measured, err = live.Observe(ctx, from)
			return err
		})
	}
	var averages Averages
	work.Go(func() (err error) { averages, err = l.averages(ctx); return err })
	if err := work.Wait(); err != nil {
		return nil, err
	}
	r.Figure18 = map[string]float64{"bert": r.roofline("bert"), "gpt2": r.roofline("gpt2")}
	averages.BERT, averages.GPT2 = r.Figure18["bert"], r.Figure18["gpt2"]
	averages.DRAMShare = r.Silicon.Power[energy.DRAM] / r.Silicon.Power["total"]
	r.Averages = averages
	return r, nil
}

// platforms simulates the benchmarks and what follows from them alone.
func (r *Report) platforms(ctx context.Context) (err error) {
	for i := range r.lab.Benchmarks {
		b := &r.lab.Benchmarks[i]
		if r.Runs[b.Name], err = r.lab.Simulate(ctx, b, "spatten", All); err != nil {
			return err
		}
	}
	p := r.lab.compare(r.published, r.Runs)
	r.Figure14, r.Fits, r.Scores = p.figure, p.fits, p.scores
	if r.Silicon, err = r.lab.silicon(r.Runs); err != nil {
		return err
	}
	if r.Table4, err = r.lab.table4(ctx, r.facts); err != nil {
		return err
	}
	r.Figure2, err = r.lab.figure2(ctx, r.Fits, r.Table4)
	return err
}

// roofline is Fig. 18: operations really done over time, over all benchmarks of a family, in TFLOPS.
func (r *Report) roofline(family string) float64 {
	ops, seconds, _ := r.sums(family)
	return ops / seconds / 1e12
}

func (r *Report) sums(family string) (ops, seconds, bytes float64) {
	for _, b := range r.lab.Benchmarks {
		if b.Model.Family == family {
			x := r.Runs[b.Name]
			ops, seconds, bytes = ops+x.Ops, seconds+x.Seconds, bytes+x.DRAMBytes
		}
	}
	return ops, seconds, bytes
}

func (r *Report) figure18() page.Section {
	t := page.Table{Title: "TFLOPS reached: operations of all over time of all", Columns: []string{"", "ours", "published", "ratio"}}
	t.Compared("BERT", "%.2f", r.Figure18["bert"], r.facts.Roofline["bert"]["spatten"])
	t.Compared("GPT-2", "%.2f", r.Figure18["gpt2"], r.facts.Roofline["gpt2"]["spatten"])
	peak := r.facts.Roofline["roofs"]["spatten"]
	roof := page.Series{Name: "roofs: 512 GB/s, 2.05 TFLOPS", Points: plotter.XYs{{X: 0.5, Y: 0.256}, {X: 4, Y: 2.048}, {X: 1000, Y: 2.048}}}
	series := []page.Series{roof}
	for _, family := range []string{"bert", "gpt2"} {
		ops, seconds, bytes := r.sums(family)
		series = append(series, page.Series{Name: family + ", ours", Points: plotter.XYs{{X: ops / bytes, Y: ops / seconds / 1e12}}})
	}
	return page.Section{ID: "figure18", Title: "Fig. 18: roofline", Tables: []page.Table{t},
		Words: []string{fmt.Sprintf("Simulated. BERT is bound by arithmetic (roof %.0f TFLOPS, 1,024 multipliers at 1 GHz), GPT-2 by memory (512 GB/s).", peak)},
		Plots: []page.Plot{page.Lines("figure18-roofline", page.Axes{Title: "Roofline", X: "operations a byte", Y: "TFLOPS", LogX: true, LogY: true}, series...).Low()}}
}

const title = "SpAtten, reproduced"

const introduction = `<p>SpAtten (Wang, Zhang, Han, HPCA 2021, arXiv 2012.09852) is an accelerator for the attention of transformers. It drops tokens and heads that matter little, for all following layers; leaves out
values of small probability; and reads first the most significant bits of keys, the rest only where an answer is not clear. Its authors measured 30 benchmarks (BERT on eleven tasks, GPT-2 on four, two sizes each) against a TITAN Xp, a Xeon
E5-2640 v4, a Jetson Nano and a Raspberry Pi 4. This page sets a cycle-by-cycle simulation of the machine beside every table and figure of their evaluation, and adds sweeps that they do not have.</p>
<p>Numbers are of these kinds: <b>published</b> ones, quoted from the paper; <b>inferred</b> ones, which follow from published ones by a rule that is stated; <b>fitted</b> ones, chosen so that ours come near published ones; <b>predicted</b> ones, by a fit on
other benchmarks; <b>simulated</b> ones, which are our machine's; and <b>measured</b> ones, of our models on real texts. Ratios are ours over published.</p>`

// Sections are the report's subjects in order.
func (r *Report) Sections() ([]page.Section, error) {
	table1, err := r.table1()
	if err != nil {
		return nil, err
	}
	out := []page.Section{r.summary(), table1, r.table2(), r.benchmarksSection(), r.averages(), r.figure14(), r.figure2(), r.endToEnd(), r.codesign(), r.table3(),
		r.figure18(), r.figure19(), r.figure20()}
	if r.Measured != nil {
		p := r.facts.Summary
		out = append(out, r.Measured.Sections(live.Published{Errors: r.errors, Tokens: r.facts.TokenCurve, Heads: r.facts.HeadCurve,
			Rows: p.Rows["all_models"], Head: p.Heads, DRAM: p.DRAM, Compute: p.Compute, LSBs: p.LSBShare})...)
	}
	return append(out, r.Beyond.Sections()...), nil
}

// Text prints the report, ours beside the published numbers.
func (r *Report) Text(out io.Writer) error {
	s, err := r.Sections()
	if err != nil {
		return err
	}
	return page.Text(out, s)
}

// HTML writes the report as one page that needs nothing else.
func (r *Report) HTML(out io.Writer) error {
	s, err := r.Sections()
	if err != nil {
		return err
	}
	return page.HTML(out, title, introduction, s)
}

// Draw writes all plots into a folder, as SVG and PNG.
func (r *Report) Draw(folder string) (int, error) {
	s, err := r.Sections()
	if err != nil {
		return 0, err
	}
	return page.Draw(folder, s)
}
