// Package page is what the reproduction is shown as: it reads sections of words, tables and plots and writes them as text,
// as one HTML page that needs nothing else, and as picture files.
package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"gonum.org/v1/plot"
)

// Section is one subject: what was done, in words, then tables and pictures.
type Section struct {
	ID     string // anchor and beginning of the names of files
	Title  string
	Words  []string // paragraphs of plain text
	Tables []Table
	Plots  []Plot
	After  []string // paragraphs that follow from the tables
	HTML   string   // more pictures, our own HTML, only on the page
}

// Table is rows of cells under columns. The first column is left-aligned on the page.
type Table struct {
	Title   string
	Columns []string
	Rows    [][]string
}

// Row adds a row; numbers are formatted by the caller.
func (t *Table) Row(cells ...string) { t.Rows = append(t.Rows, cells) }

// Compared adds a row of a name, ours, the published number and their ratio.
func (t *Table) Compared(name, format string, ours, published float64) {
	t.Row(name, fmt.Sprintf(format, ours), fmt.Sprintf(format, published), fmt.Sprintf("%.2f", ours/published))
}

// Plot is a picture with a name that a file can have.
type Plot struct {
	Name string
	*plot.Plot
}

// Text prints sections for a terminal.
func Text(out io.Writer, sections []Section) error {
	for i, s := range sections {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "== %s\n", s.Title)
		for _, p := range s.Words {
			fmt.Fprintf(out, "\n%s\n", wrap(p))
		}
		for _, t := range s.Tables {
			if err := t.text(out); err != nil {
				return err
			}
		}
		for _, p := range s.After {
			fmt.Fprintf(out, "\n%s\n", wrap(p))
		}
	}
	return nil
}

// wrap breaks a paragraph between words into lines for a terminal.
func wrap(paragraph string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(paragraph) {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && column+1+n > 110:
			b.WriteByte('\n')
			column = 0
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

func (t *Table) text(out io.Writer) error {
	fmt.Fprintln(out)
	if t.Title != "" {
		fmt.Fprintf(out, "%s\n\n", t.Title)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{t.Columns}, t.Rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t")+"\t")
	}
	return w.Flush()
}

//go:embed page.html
var frame string

// Link is an entry of the page's table of contents.
type Link struct{ ID, Title string }

// drawn is a section as the page's template takes it.
type drawn struct {
	Section
	Pictures []template.HTML
	More     template.HTML
}

// HTML writes sections as one page under a title, with an introduction in HTML of our own.
func HTML(out io.Writer, title, introduction string, sections []Section) error {
	t, err := template.New("page").Parse(frame)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	view := struct {
		Title        string
		Introduction template.HTML
		Sections     []drawn
	}{Title: title, Introduction: template.HTML(introduction)}
	for _, s := range sections {
		d := drawn{Section: s, More: template.HTML(s.HTML)}
		for _, p := range s.Plots {
			svg, err := p.inline()
			if err != nil {
				return err
			}
			d.Pictures = append(d.Pictures, template.HTML(svg)) // our own drawing
		}
		view.Sections = append(view.Sections, d)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	_, err = out.Write(b.Bytes())
	return err
}

// Draw writes every plot of the sections into a folder, as SVG and as PNG, and returns how many there were.
func Draw(folder string, sections []Section) (int, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return 0, fmt.Errorf("folder of the plots: %w", err)
	}
	n := 0
	for _, s := range sections {
		for _, p := range s.Plots {
			for _, format := range []string{"svg", "png"} {
				file := filepath.Join(folder, p.Name+"."+format)
				if err := p.Save(width, height, file); err != nil {
					return n, fmt.Errorf("plot %s: %w", file, err)
				}
			}
			n++
		}
	}
	return n, nil
}
