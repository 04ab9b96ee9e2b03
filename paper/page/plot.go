package page

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size of a picture.
const (
	width  = 15 * vg.Centimeter
	height = 11 * vg.Centimeter
)

// Colors of series in order: ours first, the published second.
var Colors = []color.Color{color.RGBA{200, 60, 40, 255}, color.RGBA{120, 120, 120, 255}, color.RGBA{40, 90, 170, 255},
	color.RGBA{60, 140, 70, 255}, color.RGBA{170, 110, 20, 255}, color.RGBA{120, 60, 150, 255}, color.RGBA{20, 140, 150, 255}}

// Series is named points.
type Series struct {
	Name   string
	Points plotter.XYs
}

// Axes are a plot's words, and which of its axes are logarithmic.
type Axes struct {
	Title, X, Y string
	LogX, LogY  bool
}

func (a Axes) plot() *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = a.Title, a.X, a.Y
	if a.LogX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticks{}
	}
	if a.LogY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, ticks{}
	}
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	return p
}

// Lines draws series as lines with their points.
func Lines(name string, a Axes, series ...Series) Plot {
	p := a.plot()
	for i, s := range series {
		if len(s.Points) == 0 {
			continue
		}
		line, points, err := plotter.NewLinePoints(s.Points)
		if err != nil {
			continue // a point that is no number: the table shows it
		}
		line.Color, points.Color = Colors[i%len(Colors)], Colors[i%len(Colors)]
		points.Shape = draw.CircleGlyph{}
		p.Add(line, points)
		p.Legend.Add(s.Name, line, points)
	}
	return Plot{name, p}
}

// Scatter draws series as points; with diagonal a line says where x equals y.
func Scatter(name string, a Axes, diagonal bool, series ...Series) Plot {
	p := a.plot()
	for i, s := range series {
		if len(s.Points) == 0 {
			continue
		}
		points, err := plotter.NewScatter(s.Points)
		if err != nil {
			continue
		}
		points.Color = Colors[i%len(Colors)]
		points.Radius, points.Shape = vg.Points(2.5), draw.CircleGlyph{}
		p.Add(points)
		p.Legend.Add(s.Name, points)
	}
	if diagonal {
		lo, hi := max(p.X.Min, p.Y.Min), min(p.X.Max, p.Y.Max)
		if line, err := plotter.NewLine(plotter.XYs{{X: lo, Y: lo}, {X: hi, Y: hi}}); err == nil && lo < hi {
			p.Add(line)
		}
	}
	p.Legend.Left = true
	return Plot{name, p}
}

// Bars draws groups of bars side by side, one colour a series; values[i] has a bar for every name.
func Bars(name string, a Axes, names []string, series []string, values []plotter.Values) Plot {
	p := a.plot()
	p.Y.Min = 0
	wide := vg.Length(float64(width) * 0.75 / float64(len(names)*(len(series)+1)))
	for i, v := range values {
		b, err := plotter.NewBarChart(v, wide)
		if err != nil {
			continue
		}
		b.Offset = wide * vg.Length(float64(i)-float64(len(series)-1)/2)
		b.Color, b.LineStyle.Width = Colors[i%len(Colors)], 0
		p.Add(b)
		p.Legend.Add(series[i], b)
	}
	p.Y.Max *= 1.15 // room for the legend
	p.NominalX(names...)
	return Plot{name, p}
}

// Low puts the legend at the bottom, where a picture has nothing.
func (p Plot) Low() Plot {
	p.Legend.Top = false
	return p
}

// Right puts the legend to the right.
func (p Plot) Right() Plot {
	p.Legend.Left = false
	return p
}

// inline is the plot as an SVG element.
func (p Plot) inline() (string, error) {
	c := vgsvg.New(width, height)
	p.Draw(draw.New(c))
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		return "", fmt.Errorf("plot %s: %w", p.Name, err)
	}
	_, svg, ok := bytes.Cut(out.Bytes(), []byte("<svg"))
	if !ok {
		return "", fmt.Errorf("plot %s: no SVG came out", p.Name)
	}
	return "<svg" + string(svg), nil
}

// ticks marks 1, 2 and 5 of every decade of a logarithmic axis.
type ticks struct{}

// Ticks implements plot.Ticker.
func (ticks) Ticks(lo, hi float64) []plot.Tick {
	var out []plot.Tick
	for decade := math.Pow(10, math.Floor(math.Log10(lo))); decade <= hi; decade *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if v := m * decade; v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
				out = append(out, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 6, 64)})
			}
		}
	}
	return out
}
