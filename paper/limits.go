package paper

import (
	"context"
	"fmt"
	"strings"

	"spatten/paper/page"
)

// Limit is a machine with one of its bounds taken away, to see what holds a figure back.
type Limit struct {
	Without string             `json:"without"`
	Values  map[string]float64 `json:"values"`
}

// eighthLimits gives SpAtten-1/8's dense-equivalent GOP/s and GOP/J by family and over all, one generated token for all.
func (l *Lab) eighthLimits(ctx context.Context) ([]Limit, error) {
	var out []Limit
	for _, c := range []struct {
		without string
		sets    []string
	}{
		{"nothing: as in the table", nil},
		{"its DRAM's banks (same bandwidth)", []string{"dram.standard=ideal"}},
		{"its DRAM's banks; 16 comparators, 8 softmax lanes and accumulators", []string{"dram.standard=ideal", "topk.comparators=16", "softmax.parallelism=8", "importance.adds_per_cycle=8"}},
	} {
		gops, perJ, moved, work := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
		for i := range l.Benchmarks {
			b := &l.Benchmarks[i]
			r, err := l.at(1).Simulate(ctx, b, "spatten-eighth", All, c.sets...)
			if err != nil {
				return nil, err
			}
			for _, of := range []string{b.Model.Family, "all"} {
				gops[of], perJ[of] = append(gops[of], r.DenseOps/r.Seconds/1e9), append(perJ[of], r.DenseOps/r.Joules/1e9)
				moved[of], work[of] = append(moved[of], r.DRAMBytes/r.Seconds/1e9), append(work[of], r.DenseOps/r.Ops)
			}
		}
		x := Limit{c.without, map[string]float64{}}
		for of := range gops {
			x.Values[of+"_gops"], x.Values[of+"_gop_per_j"] = geomean(gops[of]), geomean(perJ[of])
			x.Values[of+"_gb_per_s"], x.Values[of+"_compute_reduction"] = geomean(moved[of]), geomean(work[of])
		}
		out = append(out, x)
	}
	return out, nil
}

// quantizationLimits gives GPT-2-medium's milliseconds with 12-bit and with progressive widths, one generated token for all.
func (l *Lab) quantizationLimits(ctx context.Context) ([]Limit, error) {
	b := &l.Benchmarks[len(l.Benchmarks)-1]
	static := All
	static.Progressive = false
	var out []Limit
	for _, c := range []struct {
		without string
		sets    []string
	}{
		{"nothing", nil},
		{"the bound of 16 comparators (256)", []string{"topk.comparators=256"}},
		{"the DRAM's banks (same bandwidth)", []string{"dram.standard=ideal"}},
		{"both", []string{"dram.standard=ideal", "topk.comparators=256"}},
	} {
		before, err := l.at(1).Simulate(ctx, b, "spatten", static, c.sets...)
		if err != nil {
			return nil, err
		}
		after, err := l.at(1).Simulate(ctx, b, "spatten", All, c.sets...)
		if err != nil {
			return nil, err
		}
		out = append(out, Limit{c.without, map[string]float64{"static_ms": before.Seconds * 1e3, "progressive_ms": after.Seconds * 1e3,
			"factor": before.Seconds / after.Seconds, "bytes_factor": before.DRAMBytes / after.DRAMBytes, "selection_busy": after.Selecting}})
	}
	return out, nil
}

// limitTable shows limits under columns, each named by its key.
func limitTable(title string, limits []Limit, columns ...string) page.Table {
	t := page.Table{Title: title, Columns: []string{"taken away"}}
	for _, c := range columns {
		t.Columns = append(t.Columns, strings.ReplaceAll(c, "_", " "))
	}
	for _, x := range limits {
		cells := []string{x.Without}
		for _, c := range columns {
			cells = append(cells, fmt.Sprintf("%.3g", x.Values[c]))
		}
		t.Row(cells...)
	}
	return t
}
