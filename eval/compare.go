package eval

import (
	"fmt"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// WriteComparison prints what schedules leave of a model's predictions on the same excerpts as a Markdown table, under the
// title that its first column has.
func WriteComparison(w io.Writer, title string, scores []*Perplexity) error {
	if len(scores) == 0 {
		return nil
	}
	first := scores[0]
	fmt.Fprintf(w, "%s, %s arithmetic, %d excerpts of %d + %d tokens, dense perplexity %.3f.\n\n", first.Model, first.Precision, first.Count, first.Prompt, first.Continue, first.DensePerplexity)
	fmt.Fprintf(w, "| %s | K, V bytes, fp32 / | KL | perplexity / dense | 95 %% | worst excerpt |\n|---|---|---|---|---|---|\n", title)
	for _, s := range scores {
		interval := ""
		if s.Ratio95 != nil {
			interval = fmt.Sprintf("%.3f to %.3f", s.Ratio95.Low, s.Ratio95.High)
		}
		if _, err := fmt.Fprintf(w, "| %s | %.2f | %.4f | %.4f | %s | %.4f |\n", s.Schedule, s.KVRatioFP32, s.KL, s.Ratio, interval, s.worst()); err != nil {
			return err
		}
	}
	return nil
}

// WriteByText prints, for every text, the ratio of perplexities under each of the schedules: the mean of its excerpts, and its
// worst one where there are several.
func WriteByText(w io.Writer, scores []*Perplexity) error {
	if len(scores) == 0 {
		return nil
	}
	fmt.Fprint(w, "| text |")
	for _, s := range scores {
		fmt.Fprintf(w, " %s |", s.Schedule)
	}
	fmt.Fprint(w, "\n|---|")
	for range scores {
		fmt.Fprint(w, "---|")
	}
	k := scores[0].K
	for from := 0; from < scores[0].Count; from += k {
		fmt.Fprintf(w, "\n| %s |", scores[0].ByExcerpt[from].Text)
		for _, s := range scores {
			mean, worst := 0.0, math.Inf(-1)
			for i := range s.ByExcerpt[from : from+k] {
				e := &s.ByExcerpt[from+i]
				mean, worst = mean+e.LogRatio()/float64(k), max(worst, e.LogRatio())
			}
			if fmt.Fprintf(w, " %.4f", math.Exp(mean)); k > 1 {
				fmt.Fprintf(w, " (%.4f)", math.Exp(worst))
			}
			fmt.Fprint(w, " |")
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// KVBytes is what the decode steps of all excerpts read.
func (p *Perplexity) KVBytes() int64 {
	var n int64
	for _, e := range p.ByExcerpt {
		n += e.KVBytes
	}
	return n
}

// worst is the largest ratio of perplexities of an excerpt.
func (p *Perplexity) worst() float64 {
	worst := math.Inf(-1)
	for i := range p.ByExcerpt {
		worst = max(worst, p.ByExcerpt[i].LogRatio())
	}
	return math.Exp(worst)
}

// PlotComparison draws the divergence of each of the schedules as a bar to a file, SVG or PNG by its name.
func PlotComparison(file string, scores []*Perplexity) error {
	p := plot.New()
	p.X.Label.Text = "divergence from dense, nats a token"
	p.X.Min = 0
	values, names := plotter.Values{}, []string{}
	for _, s := range slices.Backward(scores) { // from below
		values, names = append(values, s.KL), append(names, fmt.Sprintf("%s (%.1f ×)", s.Schedule, s.KVRatioFP32))
	}
	bars, err := plotter.NewBarChart(values, vg.Points(10))
	if err != nil {
		return fmt.Errorf("eval: plot: %w", err)
	}
	bars.Horizontal = true
	p.Add(plotter.NewGrid(), bars)
	p.NominalY(names...)
	if err := p.Save(18*vg.Centimeter, vg.Length(2+0.7*float64(len(scores)))*vg.Centimeter, file); err != nil {
		return fmt.Errorf("eval: plot: %w", err)
	}
	return nil
}
