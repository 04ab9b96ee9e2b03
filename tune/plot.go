package tune

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Plot draws all points and the front to a file, SVG or PNG by its name.
func (r *Report) Plot(file string) error {
	p := plot.New()
	p.Title.Text = r.Model
	p.X.Label.Text = r.Cost + ", times less than dense"
	p.Y.Label.Text = "divergence from dense, nats"
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

// xys places points; one without divergence, as the dense one is, has no place on a logarithmic scale.
func xys(points []Point) plotter.XYs {
	out := plotter.XYs{}
	for i := range points {
		if p := &points[i]; !p.Hopeless && p.KL > 0 {
			out = append(out, plotter.XY{X: p.Ratio(), Y: math.Max(p.KL, 1e-7)})
		}
	}
	return out
}
