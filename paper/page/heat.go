package page

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
)

// Heat draws a value for every column of every row, the first row on top, each row by its own largest value; what is NaN
// stays white.
func Heat(name string, a Axes, columns []string, rows [][]float64) Plot {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = a.Title, a.Y
	colors := moreland.ExtendedBlackBody()
	colors.SetMin(0)
	colors.SetMax(1)
	m := plotter.NewHeatMap(grid{rows}, colors.Palette(64))
	m.Min, m.Max = 0, 1
	p.Add(m)
	p.NominalX(columns...)
	p.X.Tick.Label.Rotation = math.Pi / 3
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = text.XRight, text.YCenter
	labels := make([]plot.Tick, len(rows))
	for i := range rows {
		labels[i] = plot.Tick{Value: float64(len(rows) - 1 - i), Label: string(rune('0' + i%10))}
	}
	p.Y.Tick.Marker = plot.ConstantTicks(labels)
	return Plot{name, p}
}

// grid gives rows from the last up, as the axis runs, the most important darkest.
type grid struct{ rows [][]float64 }

// Dims implements plotter.GridXYZ.
func (g grid) Dims() (columns, rows int) { return len(g.rows[0]), len(g.rows) }

// X implements plotter.GridXYZ.
func (g grid) X(c int) float64 { return float64(c) }

// Y implements plotter.GridXYZ.
func (g grid) Y(r int) float64 { return float64(r) }

// Z implements plotter.GridXYZ.
func (g grid) Z(c, r int) float64 {
	row := g.rows[len(g.rows)-1-r]
	top := 0.0
	for _, v := range row {
		if !math.IsNaN(v) {
			top = max(top, v)
		}
	}
	return 0.9 * (1 - row[c]/max(top, 1e-9))
}
