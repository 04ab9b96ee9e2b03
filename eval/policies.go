package eval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"spatten/attention"
)

// PolicyScore is what one importance policy leaves of a model's predictions.
type PolicyScore struct {
	Policy string `json:"policy"`
	*Perplexity
}

// Policies scores a schedule that prunes tokens under each of the policies, all on the same excerpts.
func (s *Scorer) Policies(ctx context.Context, base *attention.Schedule, names []string) ([]PolicyScore, error) {
	if base == nil || len(base.Tokens) == 0 && (base.Average == nil || base.Average.Tokens == 0) {
		return nil, errors.New("eval: the schedule prunes no tokens, so that no policy has anything to decide; say how many to keep")
	}
	var out []PolicyScore
	for _, name := range names {
		schedule := *base
		schedule.Name, schedule.Importance.Policy = name, name
		p, err := s.Score(ctx, &schedule)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, PolicyScore{name, p})
	}
	return out, nil
}

// WritePolicies prints scores as a Markdown table: perplexity as a multiple of dense, over all excerpts and at its worst.
func WritePolicies(w io.Writer, scores []PolicyScore) error {
	if len(scores) == 0 {
		return nil
	}
	first := scores[0]
	fmt.Fprintf(w, "%s, %d excerpts of %d + %d tokens, dense perplexity %.3f.\n\n| policy | perplexity / dense | 95 %% | worst excerpt | K, V bytes, fp32 / |\n|---|---|---|---|---|\n", first.Model, first.Count, first.Prompt, first.Continue, first.DensePerplexity)
	for _, s := range scores {
		interval := ""
		if s.Ratio95 != nil {
			interval = fmt.Sprintf("%.3f to %.3f", s.Ratio95.Low, s.Ratio95.High)
		}
		if _, err := fmt.Fprintf(w, "| %s | %.4f | %s | %.4f | %.2f |\n", s.Policy, s.Ratio, interval, s.worst(), s.KVRatioFP32); err != nil {
			return err
		}
	}
	return nil
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
	for _, e := range p.ByExcerpt {
		worst = max(worst, e.Perplexity/e.DensePerplexity)
	}
	return worst
}

// PlotPolicies draws the scores as bars to a file, SVG or PNG by its name.
func PlotPolicies(file string, scores []PolicyScore) error {
	p := plot.New()
	p.Y.Label.Text = "perplexity lost, %"
	values, names := plotter.Values{}, []string{}
	for _, s := range scores {
		values, names = append(values, 100*(s.Ratio-1)), append(names, s.Policy)
	}
	bars, err := plotter.NewBarChart(values, vg.Points(24))
	if err != nil {
		return fmt.Errorf("eval: plot: %w", err)
	}
	p.Add(plotter.NewGrid(), bars)
	p.NominalX(names...)
	if err := p.Save(vg.Length(4+2.2*float64(len(scores)))*vg.Centimeter, 9*vg.Centimeter, file); err != nil {
		return fmt.Errorf("eval: plot: %w", err)
	}
	return nil
}
