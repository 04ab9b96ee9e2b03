package paper

import (
	"context"
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/plot/plotter"

	"spatten/accel/config"
	"spatten/accel/topk"
	"spatten/paper/page"
)

// Sizes are Fig. 19: throughput by size, as a share of that at the published size.
type Sizes struct {
	Comparators map[int]float64 `json:"comparators"`
	SRAM        map[int]float64 `json:"sram_kb"`
	// Sorter is how many times as long Batcher's merge sort takes as the engine for the median of 1,024, its worst case.
	Sorter float64 `json:"sorter_over_engine"`
}

// figure19 changes the machine under GPT-2-medium, one generated token for all: how many comparators each array of a top-k engine has,
// and how large the K and the V SRAM are.
func (l *Lab) figure19(ctx context.Context, facts *Facts) (Sizes, error) {
	b := &l.Benchmarks[len(l.Benchmarks)-1]
	s := Sizes{Comparators: map[int]float64{}, SRAM: map[int]float64{}}
	speed := func(sets ...string) (float64, error) {
		r, err := l.at(1).Simulate(ctx, b, "spatten", All, sets...)
		return r.Ops / max(r.Seconds, 1e-12), err
	}
	base, err := speed()
	if err != nil {
		return s, err
	}
	for c := range facts.Comparators {
		x, err := speed(fmt.Sprintf("topk.comparators=%d", c))
		if err != nil {
			return s, err
		}
		s.Comparators[c] = x / base
	}
	for kb := range facts.SRAM {
		bytes := kb / 196 * 192 * 1024 // the published 196 KB are 192 KiB
		x, err := speed(fmt.Sprintf("key_sram.bytes=%d", bytes), fmt.Sprintf("value_sram.bytes=%d", bytes))
		if err != nil {
			return s, err
		}
		s.SRAM[kb] = x / base
	}
	s.Sorter, err = sorter()
	return s, err
}

// sorter compares on random numbers, with the published width of 16.
func sorter() (float64, error) {
	m, err := config.Load("spatten", nil)
	if err != nil {
		return 0, err
	}
	const n, rows = 1024, 200
	engine, r := topk.New(m.TopK, 1), rand.New(rand.NewPCG(1, 2))
	values, cycles := make([]float32, n), int64(0)
	for range rows {
		for i := range values {
			values[i] = r.Float32()
		}
		_, work := engine.Select(values, n/2)
		cycles += engine.Cycles(work) + engine.FilterTime(n)
	}
	return float64(rows*topk.BatcherCycles(n, int64(m.TopK.Comparators))) / float64(cycles), nil
}

func (r *Report) figure19() page.Section {
	t := page.Table{Title: "Fig. 19a: comparators of an array; throughput over that at 16", Columns: []string{"comparators", "ours", "published", "ratio"}}
	ours, theirs := page.Series{Name: "ours"}, page.Series{Name: "published"}
	for c := 1; c <= 32; c *= 2 {
		x, y := r.Figure19.Comparators[c], r.facts.Comparators[c]/r.facts.Comparators[16]
		t.Compared(fmt.Sprint(c), "%.3f", x, y)
		ours.Points, theirs.Points = append(ours.Points, plotter.XY{X: float64(c), Y: x}), append(theirs.Points, plotter.XY{X: float64(c), Y: y})
	}
	s := page.Table{Title: "Fig. 19b: K and V SRAM, KB each; throughput over that at 196", Columns: []string{"KB", "ours", "published", "ratio"}}
	for _, kb := range []int{196, 392, 784} {
		s.Compared(fmt.Sprint(kb), "%.3f", r.Figure19.SRAM[kb], r.facts.SRAM[kb]/r.facts.SRAM[196])
	}
	b := page.Table{Title: "Beside a sorter: 1,024 items by Batcher's odd-even merge sort, 16 wide, against selecting the median (section IV-C)", Columns: []string{"", "ours", "published", "ratio"}}
	b.Compared("throughput", "%.2f", r.Figure19.Sorter, r.facts.Sorter["throughput"])
	return page.Section{ID: "figure19", Title: "Fig. 19: comparators and SRAM", Tables: []page.Table{t, s, b},
		Words: []string{"GPT-2-medium's synthetic trace, simulated; the published one is an application that is not named, counted dense, so that only shapes are compared."},
		After: []string{"Where the shape agrees: more than 16 comparators gain little, and the SRAM's size nothing while a context fits. Below the knee our throughput falls as the comparators do, since selection alone sets the pace; the published one falls less."},
		Plots: []page.Plot{page.Lines("figure19-comparators", page.Axes{Title: "Throughput by comparators", X: "comparators of an array", Y: "of that at 16", LogX: true}, ours, theirs)}}
}
