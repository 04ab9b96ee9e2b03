package paper

import (
	"bytes"
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// plotFigure14 draws our speedups over the published ones as SVG: a point on the diagonal agrees. Fitted and predicted
// benchmarks have their own colours.
func (r *Report) plotFigure14(platform string) ([]byte, error) {
	p := plot.New()
	p.Title.Text = "Speedup over " + platform
	p.X.Label.Text, p.Y.Label.Text = "published", "ours"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	var points [2]plotter.XYs
	lo, hi := 1e9, 0.0
	for _, b := range r.lab.Benchmarks {
		x, y := r.published.speedup[b.Name][platform], r.Figure14.Benchmarks[b.Name][platform].Speedup
		kind := 1
		if b.Model.Fit {
			kind = 0
		}
		points[kind] = append(points[kind], plotter.XY{X: x, Y: y})
		lo, hi = min(lo, x, y), max(hi, x, y)
	}
	diagonal, err := plotter.NewLine(plotter.XYs{{X: lo, Y: lo}, {X: hi, Y: hi}})
	if err != nil {
		return nil, err
	}
	p.Add(plotter.NewGrid(), diagonal)
	for i, name := range []string{"fitted", "predicted"} {
		s, err := plotter.NewScatter(points[i])
		if err != nil {
			return nil, err
		}
		s.Color = []color.Color{color.RGBA{150, 150, 150, 255}, color.RGBA{200, 60, 40, 255}}[i]
		p.Add(s)
		p.Legend.Add(name, s)
	}
	p.Legend.Top, p.Legend.Left = true, true
	return svg(p)
}

// plotFigure20 draws the factors of the techniques, ours beside the published.
func (r *Report) plotFigure20() ([]byte, error) {
	p := plot.New()
	p.Title.Text = "What each technique gains on GPT-2"
	p.Y.Label.Text, p.Y.Min = "factor", 0
	var values [2]plotter.Values
	var names []string
	for _, s := range r.Steps[1:] {
		names = append(names, strings.ReplaceAll(s.Name, "_", "\n"))
		values[0], values[1] = append(values[0], s.Factor), append(values[1], s.Published)
	}
	for i, name := range []string{"ours", "published"} {
		b, err := plotter.NewBarChart(values[i], vg.Points(14))
		if err != nil {
			return nil, err
		}
		b.Offset = vg.Points(float64(14*i - 7))
		b.Color = []color.Color{color.RGBA{200, 60, 40, 255}, color.RGBA{150, 150, 150, 255}}[i]
		p.Add(b)
		p.Legend.Add(name, b)
	}
	p.Legend.Top = true
	p.NominalX(names...)
	return svg(p)
}

func svg(p *plot.Plot) ([]byte, error) {
	c := vgsvg.New(400, 320)
	p.Draw(drawOn(c))
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("draw %q: %w", p.Title.Text, err)
	}
	_, inline, ok := bytes.Cut(out.Bytes(), []byte("<svg"))
	if !ok {
		return nil, fmt.Errorf("draw %q: no SVG came out", p.Title.Text)
	}
	return append([]byte("<svg"), inline...), nil
}
