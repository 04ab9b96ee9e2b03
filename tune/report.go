package tune

import (
	"fmt"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"spatten/eval"
)

// Report is what a search found.
type Report struct {
	Model    string
	Texts    []string // searched on
	Cut      eval.Excerpts
	Goal     Goal
	Seed     uint64
	Points   []Point
	Front    []Point
	Best     *Point           // nil where the goal was not reached
	Verdict  *eval.Perplexity // on texts that the search did not see; nil without such
	Schedule string           // its YAML
}

// WriteFront prints a front as a table.
func WriteFront(w io.Writer, front []Point, best *Point) error {
	if _, err := fmt.Fprintf(w, "%8s  %10s  %10s  %10s\n", "fp32 /", "KL", "perplexity", "worst text"); err != nil {
		return err
	}
	for i := range front {
		p, mark := &front[i], ""
		if p == best {
			mark = "  <- recommended"
		}
		if _, err := fmt.Fprintf(w, "%8.2f  %10.5f  x %8.4f  x %8.4f%s\n", p.Ratio(), p.KL, math.Exp(p.LogRatio), math.Exp(p.Worst), mark); err != nil {
			return err
		}
	}
	return nil
}

// Markdown writes a short report.
func (r *Report) Markdown(w io.Writer) error {
	goal := fmt.Sprintf("perplexity within %.3g %% of dense", 100*r.Goal.Within)
	if r.Goal.Ratio > 0 {
		goal = fmt.Sprintf("keys and values read %.3g times less than dense fp32", r.Goal.Ratio)
	}
	fmt.Fprintf(w, "# Schedules for %s\n\nGoal: %s. Searched on %d texts (", r.Model, goal, len(r.Texts))
	for i, t := range r.Texts {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprint(w, t)
	}
	fmt.Fprintf(w, "), %d tokens in and %d scored one a step; %d schedules measured, seed %d.\n\n## Front on the texts searched\n\n```\n", r.Cut.Prompt, r.Cut.Continue, len(r.Points), r.Seed)
	if err := WriteFront(w, r.Front, r.Best); err != nil {
		return err
	}
	fmt.Fprint(w, "```\n")
	if r.Best == nil {
		_, err := fmt.Fprint(w, "\nNo schedule reached the goal.\n")
		return err
	}
	if v := r.Verdict; v != nil {
		fmt.Fprintf(w, "\n## Verdict on texts that the search did not see\n\n| text | token | perplexity | dense | ratio |\n|---|---|---|---|---|\n")
		for _, e := range v.ByExcerpt {
			fmt.Fprintf(w, "| %s | %d | %.3f | %.3f | %.4f |\n", e.Text, e.Start, e.Perplexity, e.DensePerplexity, e.Perplexity/e.DensePerplexity)
		}
		fmt.Fprintf(w, "\nPerplexity %.4f times dense; keys and values read %.2f times less than dense fp32.\n", v.Ratio, v.KVRatioFP32)
	}
	_, err := fmt.Fprintf(w, "\n## Schedule\n\n```yaml\n%s```\n", r.Schedule)
	return err
}

// Plot draws all points and the front to a file, SVG or PNG by its name.
func (r *Report) Plot(file string) error {
	p := plot.New()
	p.Title.Text = r.Model
	p.X.Label.Text = "keys and values read, times less than dense fp32"
	p.Y.Label.Text = "divergence from dense, nats a token"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	all, front := xys(r.Points), xys(r.Front)
	dots, err := plotter.NewScatter(all)
	if err != nil {
		return fmt.Errorf("tune: plot: %w", err)
	}
	dots.Shape, dots.Radius = draw.RingGlyph{}, vg.Points(2)
	line, points, err := plotter.NewLinePoints(front)
	if err != nil {
		return fmt.Errorf("tune: plot: %w", err)
	}
	p.Add(plotter.NewGrid(), dots, line, points)
	if err := p.Save(16*vg.Centimeter, 11*vg.Centimeter, file); err != nil {
		return fmt.Errorf("tune: plot: %w", err)
	}
	return nil
}

func xys(points []Point) plotter.XYs {
	out := plotter.XYs{}
	for i := range points {
		if p := &points[i]; !p.Hopeless {
			out = append(out, plotter.XY{X: p.Ratio(), Y: math.Max(p.KL, 1e-7)})
		}
	}
	return out
}
