package paper

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

//go:embed page.html
var page string

func drawOn(c vg.CanvasSizer) draw.Canvas { return draw.New(c) }

// HTML writes the report as one page that needs nothing else.
func (r *Report) HTML(out io.Writer) error {
	t, err := template.New("paper").Parse(page)
	if err != nil {
		return fmt.Errorf("page of the report: %w", err)
	}
	var view struct {
		Plots    []template.HTML
		Figure20 template.HTML
		Text     string
	}
	for _, p := range Platforms {
		b, err := r.plotFigure14(p)
		if err != nil {
			return err
		}
		view.Plots = append(view.Plots, template.HTML(b)) // our own drawing, no input of others in it
	}
	b, err := r.plotFigure20()
	if err != nil {
		return err
	}
	view.Figure20 = template.HTML(b)
	var text bytes.Buffer
	if err := r.Text(&text); err != nil {
		return err
	}
	view.Text = text.String()
	return t.Execute(out, view)
}
