package paper

import (
	"context"
	"fmt"

	"spatten/paper/page"
)

// Averages over the benchmarks, with the names of the published ones.
type Averages struct {
	DRAM        float64            `json:"dram_reduction"`
	Compute     float64            `json:"compute_reduction"`
	Rows        map[string]float64 `json:"token_and_value_reduction"`
	Heads       float64            `json:"head_reduction"`
	Progressive float64            `json:"progressive_quantization_dram_reduction"`
	LSBShare    float64            `json:"lsb_fetch_share"`
	BERT        float64            `json:"bert_tflops"`
	GPT2        float64            `json:"gpt2_tflops"`
	DRAMShare   float64            `json:"dram_share_of_power"`
}

// averages compares with the same benchmarks unpruned in fp32 on the same machine, bursts and all. What the rule asked for
// comes back out of it.
func (l *Lab) averages(ctx context.Context) (Averages, error) {
	var dram, compute []float64
	rows := map[string][]float64{}
	for i := range l.Benchmarks {
		b := &l.Benchmarks[i]
		short := l
		if b.Generated > 0 {
			short = l.at(2)
		}
		ours, err := short.Simulate(ctx, b, "spatten", All)
		if err != nil {
			return Averages{}, err
		}
		dense, err := short.Simulate(ctx, b, "spatten", Switches{})
		if err != nil {
			return Averages{}, err
		}
		dram, compute = append(dram, dense.DRAMBytes/ours.DRAMBytes), append(compute, dense.Ops/ours.Ops)
		for _, of := range []string{"all_models", b.Model.Family} {
			rows[of] = append(rows[of], l.Rule.RowsReduction[b.Model.Family])
		}
	}
	bits := l.Rule.bits("gpt2")
	lsb := l.Rule.LSBShare["gpt2"]
	return Averages{DRAM: mean(dram), Compute: mean(compute), Rows: map[string]float64{"all_models": mean(rows["all_models"]), "gpt2": mean(rows["gpt2"])},
		Heads: l.Rule.HeadsReduction, Progressive: 32 / (float64(bits.KeyMSB) + lsb*float64(bits.KeyLSB)), LSBShare: lsb}, nil
}

func (r *Report) averages() page.Section {
	a, p := &r.Averages, &r.facts.Summary
	t := page.Table{Columns: []string{"average", "ours", "published", "ratio", "what ours is"}}
	row := func(name string, ours, theirs float64, what string) {
		t.Row(name, fmt.Sprintf("%.3g", ours), fmt.Sprintf("%.3g", theirs), fmt.Sprintf("%.2f", ours/theirs), what)
	}
	row("token_and_value_reduction, all", a.Rows["all_models"], p.Rows["all_models"], "input of the traces")
	row("token_and_value_reduction, gpt2", a.Rows["gpt2"], p.Rows["gpt2"], "input")
	row("head_reduction", a.Heads, p.Heads, "input")
	row("progressive_quantization_dram_reduction", a.Progressive, p.Progressive, "input: 32 / (6 + 0.059 × 4)")
	row("lsb_fetch_share", a.LSBShare, p.LSBShare, "input")
	row("compute_reduction", a.Compute, p.Compute, "simulated")
	row("dram_reduction", a.DRAM, p.DRAM, "simulated, bursts and all")
	row("bert_tflops", a.BERT, p.BERT, "simulated")
	row("gpt2_tflops", a.GPT2, p.GPT2, "simulated")
	row("dram_share_of_power", a.DRAMShare, p.DRAMShare, "simulated")
	return page.Section{ID: "averages", Title: "Averages over the 30 benchmarks", Tables: []page.Table{t, r.closures()},
		Words: []string{"Reductions are arithmetic means against the same benchmarks unpruned in fp32. Those that are inputs of the synthetic traces come back out and are no evidence; the same averages over real runs stand further down."},
		After: []string{"The memory's 10.0 times is not reached: BERT's 22 benchmarks fall by 1.21 × 1.1 × 32/12 = 3.5 times by the rule, GPT-2's eight by 3.8 × 1.1 × 5.13 = 21.4, on average 8.3 before bursts are filled up and queries, outputs and new rows are counted, which pruning does not make fewer. " +
			"10.0 would follow if BERT had progressive widths too."}}
}

// closures are the published numbers that follow from one another.
func (r *Report) closures() page.Table {
	f := r.facts
	t := page.Table{Title: "Published numbers that must follow from one another (no simulation)", Columns: []string{"", "by arithmetic", "published", "ratio"}}
	gpu, e2e := f.EndToEnd.Machines["titan_xp"], f.EndToEnd.Machines["spatten_e2e"]
	t.Compared("computation: tokens and values × heads, 1.9 × 1.1", "%.3g", f.Summary.Rows["all_models"]*f.Summary.Heads, f.Summary.Compute)
	t.Compared("memory: rows × heads × bits, 1.9 × 1.1 × 5.1", "%.3g", f.Summary.Rows["all_models"]*f.Summary.Heads*f.Summary.Progressive, f.Summary.DRAM)
	t.Compared("Table II's total: 1.36 + 1.24 + 5.71", "%.3g", f.Power["logic"]+f.Power["sram"]+f.Power["dram"], f.Power["total"])
	t.Compared("Table IV's speedup: (388.3 + 366.7) / (25.75 + 2.13), Fig. 15's medium", "%.3g", (gpu["fc_ms"]+gpu["attention_ms"])/(e2e["fc_ms"]+e2e["attention_ms"]), 27.1)
	t.Compared("Table IV's GFLOP of attention: 3.3 / 0.9, GPT-2's tokens and values", "%.3g", gpu["attention_gflop"]/e2e["attention_gflop"], f.Summary.Rows["gpt2"])
	product := 1.0
	for _, k := range sorted(f.Breakdown) {
		product *= f.Breakdown[k]
	}
	t.Compared("Fig. 20's factors multiplied", "%.4g", product, 209)
	return t
}
