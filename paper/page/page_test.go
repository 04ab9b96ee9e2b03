package page

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
)

func sections() []Section {
	t := Table{Title: "numbers", Columns: []string{"", "ours", "published", "ratio"}}
	t.Compared("power & area, <W>", "%.1f", 3, 2)
	return []Section{{ID: "one", Title: "One", Words: []string{strings.Repeat("word ", 40)}, Tables: []Table{t}, After: []string{"so it is"},
		Plots: []Plot{
			Lines("lines", Axes{Title: "l", LogX: true}, Series{"a", plotter.XYs{{X: 1, Y: 2}, {X: 700, Y: 3}}}, Series{Name: "nothing"}),
			Scatter("points", Axes{LogX: true, LogY: true}, true, Series{"a", plotter.XYs{{X: 1, Y: 2}, {X: 2, Y: 3}}}),
			Bars("bars", Axes{}, []string{"x", "y"}, []string{"a", "b"}, []plotter.Values{{1, 2}, {2, 1}}),
		}}, {ID: "two", Title: "Two", HTML: "<b>picture</b>"}}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	if err := Text(&out, sections()); err != nil {
		t.Fatal(err)
	}
	const table = "numbers\n\n                     ours  published  ratio\n  power & area, <W>   3.0        2.0   1.50\n\nso it is\n\n== Two\n"
	if !strings.HasSuffix(out.String(), table) {
		t.Errorf("the text ends in another table:\n%s", out.String())
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 112 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
}

// What is text is escaped, what is a picture is not.
func TestHTML(t *testing.T) {
	var out bytes.Buffer
	if err := HTML(&out, "T", "<p>intro</p>", sections()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"power &amp; area, &lt;W&gt;", "<p>intro</p>", "<b>picture</b>", `href="#two"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if n := strings.Count(out.String(), "<svg"); n != 3 {
		t.Errorf("%d drawings, want 3", n)
	}
}

func TestDraw(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "plots")
	n, err := Draw(folder, sections())
	if err != nil || n != 3 {
		t.Fatalf("%d plots: %v", n, err)
	}
	for name, magic := range map[string]string{"lines.svg": "<?xml", "points.png": "\x89PNG", "bars.svg": "<?xml"} {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || !bytes.HasPrefix(b, []byte(magic)) {
			t.Errorf("%s: %v, begins with %.8q", name, err, b)
		}
	}
	if _, err := Draw(filepath.Join(folder, "lines.svg", "x"), nil); err == nil {
		t.Error("a folder inside a file was made")
	}
}
