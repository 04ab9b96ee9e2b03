package paper

import (
	"context"
	"fmt"

	"gonum.org/v1/plot/plotter"

	"spatten/accel/area"
	"spatten/accel/config"
	"spatten/accel/energy"
	"spatten/paper/page"
	"spatten/rival"
)

// Machine is a row of Table III: operations of the dense run over time and energy, geometric means over the benchmarks.
type Machine struct {
	GOPS    float64 `json:"gops"`
	GOPPerJ float64 `json:"gop_per_j"`
	PerArea float64 `json:"gops_per_mm2,omitempty"`
	Area    float64 `json:"area_mm2,omitempty"`
}

// table3 runs all machines on the same benchmarks, with one energy table and one unit: the dense run's operations.
func (l *Lab) table3(ctx context.Context) (map[string]Machine, error) {
	eighth, err := config.Load("spatten-eighth", nil)
	if err != nil {
		return nil, err
	}
	gops, perJ := map[string][]float64{}, map[string][]float64{}
	add := func(machine string, ops, seconds, joules float64) {
		gops[machine], perJ[machine] = append(gops[machine], ops/seconds/1e9), append(perJ[machine], ops/joules/1e9)
	}
	for i := range l.Benchmarks {
		b := &l.Benchmarks[i]
		r, err := l.Simulate(ctx, b, "spatten-eighth", All)
		if err != nil {
			return nil, err
		}
		add("spatten_eighth", r.DenseOps, r.Seconds, r.Joules)
		add("spatten_eighth_"+b.Model.Family, r.DenseOps, r.Seconds, r.Joules)
		h := b.heads()
		for name, c := range map[string]rival.Cost{"dense": rival.MNNFast(h, 1), "mnnfast": rival.MNNFast(h, l.Rule.ValuesOfKeys[b.Model.Family]), "a3": rival.A3(h)} {
			joules, parts := 0.0, energy.Joules(c.Counts, eighth.Energy)
			for _, unit := range sorted(parts) {
				joules += parts[unit]
			}
			add(name, r.DenseOps, c.Cycles/1e9, joules)
		}
	}
	out := map[string]Machine{}
	for name := range gops {
		out[name] = Machine{GOPS: geomean(gops[name]), GOPPerJ: geomean(perJ[name])}
	}
	ours := out["spatten_eighth"]
	ours.Area = area.Of(&eighth).Total()
	ours.PerArea = ours.GOPS / ours.Area
	out["spatten_eighth"] = ours
	return out, nil
}

// heads is the benchmark's dense attention as an accelerator meets it: the middle step stands for all generated tokens.
func (b *Benchmark) heads() rival.Heads {
	h := rival.Heads{Count: b.Model.Layers * b.Model.Heads, Queries: b.Tokens, Keys: b.Tokens, Dim: b.Model.HeadDim}
	if b.Generated > 0 {
		h.Count, h.Queries, h.Keys = h.Count*b.Generated, 1, b.Tokens+(b.Generated+1)/2
	}
	return h
}

// machines are the rows of Table III and ours beside them.
var machines = []string{"mnnfast", "a3", "spatten_eighth", "spatten_eighth_bert", "spatten_eighth_gpt2", "dense"}

func (r *Report) table3() page.Section {
	t := page.Table{Columns: []string{"machine", "GOP/s", "published", "ratio", "GOP/J", "published", "ratio", "mm²", "published"}}
	for _, name := range machines {
		m, p := r.Table3[name], r.facts.PriorArt[name]
		cells := []string{name, fmt.Sprintf("%.0f", m.GOPS), "", "", fmt.Sprintf("%.0f", m.GOPPerJ), "", "", "", ""}
		if p.GOPS > 0 {
			cells[2], cells[3] = fmt.Sprintf("%.0f", p.GOPS), fmt.Sprintf("%.2f", m.GOPS/p.GOPS)
			cells[5], cells[6] = fmt.Sprintf("%.0f", p.GOPPerJ), fmt.Sprintf("%.2f", m.GOPPerJ/p.GOPPerJ)
		}
		if m.Area > 0 {
			cells[7], cells[8] = fmt.Sprintf("%.2f", m.Area), fmt.Sprintf("%.2f", p.Area)
		}
		t.Row(cells...)
	}
	var bars [4]plotter.Values
	for _, name := range machines[:3] {
		m, p := r.Table3[name], r.facts.PriorArt[name]
		for i, v := range []float64{m.GOPS, p.GOPS, m.GOPPerJ, p.GOPPerJ} {
			bars[i] = append(bars[i], v)
		}
	}
	now := r.EighthLimits[0].Values
	best, pub := r.EighthLimits[len(r.EighthLimits)-1].Values, r.facts.PriorArt["spatten_eighth"]
	return page.Section{ID: "table3", Title: "Table III: beside A3 and MNNFast",
		Tables: []page.Table{r.arithmetic3(), t, limitTable("What holds SpAtten-1/8 back, simulated", r.EighthLimits, "bert_gops", "gpt2_gops", "all_gops", "bert_gop_per_j", "gpt2_gop_per_j", "all_gop_per_j")},
		Words: []string{"128 multipliers, 64 GB/s, 1 GHz, 40 nm for all; operations of the dense run over time and energy, geometric mean over the 30 benchmarks, one energy table for all. SpAtten-1/8 is simulated by the cycle. A3, MNNFast and a " +
			"dense machine are models of their pipelines: everything is fetched first, A3 searches greedily over half as many steps as keys on random normal keys (assumed, its level is not published), MNNFast leaves out the values that SpAtten does.",
			"The published unit counts 128 multipliers as 128 GOP/s for A3 and as 256 for SpAtten, and MNNFast's energy rests on a power that SpAtten's authors assumed; no bar is set on the rivals."},
		After: []string{fmt.Sprintf("Why %.0f GOP/s come out at %.0f. SpAtten-1/8 has one softmax lane, two comparators an array and two channels, an eighth of everything: the smallest units, not its multipliers or its 64 GB/s, set the pace: GPT-2 reads %.0f GB/s, BERT %.0f. "+
			"With banks, ranking and softmax out of the way the same work runs at %.0f. How the authors scaled these units is not published.", pub.GOPS, r.Table3["spatten_eighth"].GOPS, now["gpt2_gb_per_s"], now["bert_gb_per_s"], best["all_gops"]),
			fmt.Sprintf("Why %.0f GOP/J come out at %.0f. Energy is work times a table, and no idle unit adds to it: taking bounds away moves it to %.0f only. Two fifths of BERT's energy and three quarters of GPT-2's are DRAM bits at 3.92 pJ; by our rule BERT computes %.2f times less and its rows have 3.5 times fewer bits than dense fp32's. "+
				"The published figure needs fewer bits or fewer rows on the 22 BERT benchmarks, whose ratios and widths are not published, or less energy a bit.", pub.GOPPerJ, r.Table3["spatten_eighth"].GOPPerJ, best["all_gop_per_j"], now["bert_compute_reduction"]),
			"SpAtten-1/8's area by linear scaling cannot come under 18.71 / 8 = 2.34 mm² but for the crosspoints; how the published 1.55 was reached is not said."},
		Plots: []page.Plot{page.Bars("table3-machines", page.Axes{Title: "128 multipliers, 64 GB/s"}, machines[:3], []string{"GOP/s, ours", "GOP/s, published", "GOP/J, ours", "GOP/J, published"}, bars[:])}}
}

// arithmetic3 is Table III by the paper's own arithmetic, nothing simulated.
func (r *Report) arithmetic3() page.Table {
	t := page.Table{Title: "By the paper's arithmetic (no simulation)", Columns: []string{"", "by arithmetic", "published", "ratio"}}
	eighth, a3, mnnfast := r.facts.PriorArt["spatten_eighth"], r.facts.PriorArt["a3"], r.facts.PriorArt["mnnfast"]
	t.Compared("A3, GOP/s: 128 × 1.73", "%.4g", 128*a3.Geomean, a3.GOPS)
	t.Compared("A3, GOP/s/mm²: 221 / 2.08", "%.4g", a3.GOPS/a3.Area, a3.PerArea)
	t.Compared("SpAtten-1/8, GOP/s/mm²: 360 / 1.55", "%.4g", eighth.GOPS/eighth.Area, eighth.PerArea)
	t.Compared("MNNFast, W: 120 / 120; assumed by SpAtten's authors", "%.3g", mnnfast.GOPS/mnnfast.GOPPerJ, 1)
	t.Row("A3, W: 221 / 269", fmt.Sprintf("%.2f", a3.GOPS/a3.GOPPerJ), "", "")
	t.Row("SpAtten-1/8, W: 360 / 382", fmt.Sprintf("%.2f", eighth.GOPS/eighth.GOPPerJ), "", "")
	t.Row("A3 counted like SpAtten, two operations a multiply-add, GOP/s", fmt.Sprintf("%.0f", 2*128*a3.Geomean), "", "")
	return t
}
