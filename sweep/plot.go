package sweep

import (
	"fmt"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Plot draws all rows by the first two goals of the front as SVG or PNG, a colour a group: rings are rows, full dots are on
// the front. A third goal is the size of the mark: the smaller the better.
func (t *Table) Plot(out io.Writer, format string) error {
	goals := t.plan.Front.goals()
	p := plot.New()
	p.Title.Text = t.plan.Name
	p.X.Label.Text, p.Y.Label.Text = goals[0], goals[1]
	if len(goals) > 2 {
		p.Title.Text += " (size of a mark: " + goals[2] + ")"
	}
	p.Add(plotter.NewGrid())
	front := t.Front()
	var names []string
	for i := range t.rows {
		if !slices.Contains(names, t.group(i)) {
			names = append(names, t.group(i))
		}
	}
	for n, name := range names {
		if err := t.plotGroup(p, n, name, front); err != nil {
			return fmt.Errorf("sweep: plot: %w", err)
		}
	}
	for axis, name := range map[*plot.Axis]string{&p.X: goals[0], &p.Y: goals[1]} {
		if t.positive(name) {
			axis.Scale, axis.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
			axis.Min, axis.Max = axis.Min/1.1, axis.Max*1.1 // a single value needs a range, and it stays positive
		}
	}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.TextStyle.Font.Size = vg.Points(7)
	w, err := p.WriterTo(22*vg.Centimeter, 16*vg.Centimeter, format)
	if err != nil {
		return fmt.Errorf("sweep: plot: %w", err)
	}
	_, err = w.WriteTo(out)
	return err
}

// plotGroup draws the rows of one group.
func (t *Table) plotGroup(p *plot.Plot, n int, name string, front []int) error {
	goals := t.plan.Front.goals()
	var xy plotter.XYs
	var rows []int
	for i := range t.rows {
		if t.group(i) == name && t.rows[i].Field(t.row.NumField()-1).String() == "" {
			xy = append(xy, plotter.XY{X: t.number(i, goals[0]), Y: t.number(i, goals[1])})
			rows = append(rows, i)
		}
	}
	if len(xy) == 0 {
		return nil
	}
	s, err := plotter.NewScatter(xy)
	if err != nil {
		return err
	}
	largest := 0.0
	for _, i := range rows {
		largest = max(largest, t.size(i))
	}
	s.GlyphStyleFunc = func(at int) draw.GlyphStyle {
		style := draw.GlyphStyle{Color: plotutil.Color(n), Radius: vg.Points(2), Shape: draw.RingGlyph{}}
		if largest > 0 {
			style.Radius = vg.Points(1.5 + 3*math.Sqrt(t.size(rows[at])/largest))
		}
		if _, on := slices.BinarySearch(front, rows[at]); on {
			style.Shape = draw.CircleGlyph{}
		}
		return style
	}
	p.Add(s)
	s.GlyphStyle = draw.GlyphStyle{Color: plotutil.Color(n), Radius: vg.Points(3), Shape: draw.CircleGlyph{}}
	if name != "" {
		p.Legend.Add(name, s)
	}
	return nil
}

// size is what the size of a row's mark stands for.
func (t *Table) size(row int) float64 {
	if goals := t.plan.Front.goals(); len(goals) > 2 {
		return math.Abs(t.number(row, goals[2]))
	}
	return 0
}

// positive reports whether a column can have a logarithmic scale.
func (t *Table) positive(name string) bool {
	some := false
	for i := range t.rows {
		if t.rows[i].Field(t.row.NumField()-1).String() != "" {
			continue
		}
		if some = t.number(i, name) > 0; !some {
			return false
		}
	}
	return some
}
