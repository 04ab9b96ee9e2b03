package beyond

import (
	"strings"
	"testing"

	"spatten/attention/record"
	"spatten/trace"
)

// The trace holds what the work says.
func TestTraceIsTheWork(t *testing.T) {
	w := Typical(1000)
	var heads, groups, asking int
	for rec, err := range w.Trace() {
		if err != nil {
			t.Fatal(err)
		}
		switch r := rec.(type) {
		case *record.Layer:
			if len(r.Keys) != 501 || r.Keys[500] != 1000 {
				t.Fatalf("%d keys, the last %d", len(r.Keys), r.Keys[len(r.Keys)-1])
			}
		case *record.Head:
			heads++
			if q := r.Queries[0]; q.Keys != 501 || q.Values != 150 || len(r.ValuePositions) != 150 {
				t.Fatalf("query %+v with %d positions", q, len(r.ValuePositions))
			} else if q.LSBs > 0 {
				asking++
			}
		case *record.Group:
			groups++
		}
	}
	if heads != simulated*32 || groups != simulated*8 || asking != 3 {
		t.Errorf("%d heads in %d groups, %d ask", heads, groups, asking)
	}
	if _, err := trace.Summarize(w.Trace()); err != nil {
		t.Error(err)
	}
}

func TestFront(t *testing.T) {
	points := []Point{
		{Name: "fast", Seconds: 1, Joules: 2, Area: 2},
		{Name: "small", Seconds: 2, Joules: 2, Area: 1},
		{Name: "beaten", Seconds: 2, Joules: 2, Area: 2},
		{Name: "as good as fast", Seconds: 1.005, Joules: 2, Area: 2},
	}
	mark(points)
	for i, best := range []bool{true, true, false, true} {
		if points[i].Best != best {
			t.Errorf("%s on the front: %v", points[i].Name, points[i].Best)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		half, double float64
		want         string
	}{{2, 0.5, "too small"}, {1.05, 1, "larger than needed"}, {1.5, 0.95, "holds"}} {
		choice := Choice{Published: Point{Seconds: 1}, Half: Point{Seconds: c.half}, Double: Point{Seconds: c.double}}
		if got := choice.Verdict(); got != c.want {
			t.Errorf("half ×%g, double ×%g: %s, want %s", c.half, c.double, got, c.want)
		}
	}
}

// What the sweeps say in words must follow from their numbers.
func TestSweep(t *testing.T) {
	s, err := Sweep(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Lost {
		if fit := &s.SRAM[i*len(kibibytes)+2]; s.Lost[i].Bytes < 3*fit.Bytes {
			t.Errorf("%s: reading once a query moves %.1f times the bytes of once a group, expected over 3", s.Lost[i].Name, s.Lost[i].Bytes/fit.Bytes)
		}
	}
	// At 16 comparators leaving values out costs time; at 64 it does not.
	if all, some := s.Comparators[4], s.Comparators[6]; some.Seconds < 1.2*all.Seconds || some.Joules > all.Joules {
		t.Errorf("30 %% of the values: %+v; all: %+v", some, all)
	}
	if all, some := s.Comparators[12], s.Comparators[14]; some.Seconds > 1.1*all.Seconds {
		t.Errorf("30 %% of the values with 64 comparators: %+v; all: %+v", some, all)
	}
	for _, section := range s.Sections() {
		for _, table := range section.Tables {
			for _, row := range table.Rows {
				if line := strings.Join(row, " "); len(row) != len(table.Columns) || strings.Contains(line, "NaN") || strings.Contains(line, "Inf") {
					t.Errorf("%s: row %q under %q", section.ID, row, table.Columns)
				}
			}
		}
	}
}
