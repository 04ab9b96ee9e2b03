package live

import (
	"math"
	"strings"
	"testing"

	"spatten/internal/shared"
	"spatten/paper/page"
)

func check(t *testing.T, l *Live) {
	t.Helper()
	for i := range l.Runs {
		r := &l.Runs[i]
		for name, v := range map[string]float64{"tokens and values": r.Rows, "heads": r.Heads, "memory": r.DRAM, "computation": r.Compute} {
			if v < 1 || v > 40 {
				t.Errorf("%s on %s: %s falls %g times", r.Model, r.Data, name, v)
			}
		}
		if r.Seconds <= 0 || r.Joules <= 0 || r.Dense == 0 || math.IsNaN(r.Quality) {
			t.Errorf("%+v", r)
		}
	}
	for _, c := range l.Curves {
		if len(c.Points) < 3 || c.Points[0].Ratio != 1 || math.Abs(c.Points[0].Relative) > 1e-3 {
			t.Errorf("%s, %s: begins with %+v", c.Model, c.Of, c.Points)
		}
	}
	p := Published{Errors: [][2]float64{{0.5, 0.01}, {0.9, 0.001}}, Tokens: [][2]float64{{1, 0}}, Heads: [][2]float64{{1, 0}}, Rows: 1.9, Head: 1.1, DRAM: 10, Compute: 2.1}
	var text strings.Builder
	if err := page.Text(&text, l.Sections(p)); err != nil {
		t.Fatal(err)
	}
	for _, s := range l.Sections(p) {
		for _, table := range s.Tables {
			for _, row := range table.Rows {
				if len(row) != len(table.Columns) {
					t.Errorf("%s: row %q under %q", s.ID, row, table.Columns)
				}
			}
		}
	}
}

// Without any folder the embedded model runs on embedded sentences.
func TestEmbedded(t *testing.T) {
	l, err := Observe(t.Context(), Sources{Short: true})
	if err != nil {
		t.Fatal(err)
	}
	check(t, l)
	if len(l.Runs) != 1 || len(l.Curves) != 2 || len(l.Pictures) != 3 || len(l.Missing) != 3 {
		t.Errorf("%d runs, %d curves, %d pictures, missing %q", len(l.Runs), len(l.Curves), len(l.Pictures), l.Missing)
	}
	// What progressive quantization rests on (Fig. 7): errors fall where the largest probability is high.
	var low, high, lows, highs float64
	for _, e := range l.Errors {
		if e.Max < 0.4 {
			low, lows = low+e.Total, lows+1
		} else if e.Max > 0.8 {
			high, highs = high+e.Total, highs+1
		}
	}
	if lows == 0 || highs == 0 || high/highs > low/lows {
		t.Errorf("four bits err by %g over %g peaked rows and by %g over %g flat ones", high/highs, highs, low/lows, lows)
	}
	for _, p := range l.Pictures {
		for i, layer := range p.Layers[1:] {
			if len(layer.Tokens) > len(p.Layers[i].Tokens) {
				t.Errorf("%q: layer %d has more tokens than the one before", p.Text, i+1)
			}
		}
		if !strings.Contains(p.html(), "rgba(") {
			t.Errorf("%q: no token has an importance", p.Text)
		}
	}
}

// The encoders on the data sets, in the short form.
func TestDataSets(t *testing.T) {
	l, err := Observe(t.Context(), Sources{Models: shared.Path(t, "models"), Data: shared.Path(t, "data"), Short: true})
	if err != nil {
		t.Fatal(err)
	}
	check(t, l)
	if len(l.Runs) != 6 {
		t.Errorf("%d runs, want one of the classifier and five of the encoder", len(l.Runs))
	}
	for _, r := range l.Runs {
		if r.Data == "SQuAD (XQuAD)" && (r.Tokens < 120 || r.Tokens > 300) {
			t.Errorf("questions on paragraphs have %g tokens on average, SQuAD's are about 180", r.Tokens)
		}
	}
}
