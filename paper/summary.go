package paper

import (
	"fmt"
	"math"

	"spatten/paper/page"
)

// summary is what agrees and what does not, before all else.
func (r *Report) summary() page.Section {
	t := page.Table{Columns: []string{"figure", "what ours is", "ours/published", "within", "agrees"}}
	met, all := 0, 0
	row := func(name, kind string, ratio, within float64) {
		verdict := "no"
		all++
		if math.Abs(ratio-1) <= within {
			verdict = "yes"
			met++
		}
		t.Row(name, kind, fmt.Sprintf("%.2f", ratio), fmt.Sprintf("%.0f %%", 100*within), verdict)
	}
	for _, p := range Platforms {
		row("Fig. 14, speedup over "+p, "predicted by a fit", r.Scores[p].Speedup, 0.25)
		row("Fig. 14, energy over "+p, "predicted by a fit", r.Scores[p].EnergySaving, 0.25)
	}
	gpu := r.facts.Latency["titan_xp"]["attention"]
	for _, b := range r.gpt2() {
		if p := r.published.speedup[b]["titan_xp_gpu"]; b[:11] == "gpt2-medium" {
			row(b+", ms", "simulated, unfitted", r.Runs[b].Seconds*1e3/(gpu/p), 0.25)
		}
	}
	row("Table II, total power", "simulated", r.Silicon.Power["total"]/r.facts.Power["total"], 0.25)
	row("Table III, SpAtten-1/8, GOP/s", "simulated", r.Table3["spatten_eighth"].GOPS/r.facts.PriorArt["spatten_eighth"].GOPS, 0.1)
	row("Table III, SpAtten-1/8, GOP/J", "simulated", r.Table3["spatten_eighth"].GOPPerJ/r.facts.PriorArt["spatten_eighth"].GOPPerJ, 0.1)
	e2e := r.facts.EndToEnd.Machines["spatten_e2e"]
	row("Table IV, FC, ms", "simulated", r.Table4.FCSeconds*1e3/e2e["fc_ms"], 0.1)
	row("Table IV, attention, ms", "simulated", r.Table4.AttentionSeconds*1e3/e2e["attention_ms"], 0.25)
	for _, c := range sorted(r.Figure15[geomeanRow]) {
		row("Fig. 15, "+c, "simulated, platform published", r.Figure15[geomeanRow][c]/r.published.endToEnd[geomeanRow][c], 0.25)
	}
	row("Fig. 2, generation's share", "predicted by a fit", r.Figure2["titan_xp_gpu"].Generation/generationPublished, 0.1)
	row("Fig. 18, BERT, TFLOPS", "simulated", r.Figure18["bert"]/r.facts.Roofline["bert"]["spatten"], 0.1)
	row("Fig. 18, GPT-2, TFLOPS", "simulated", r.Figure18["gpt2"]/r.facts.Roofline["gpt2"]["spatten"], 0.25)
	for i, s := range r.Steps {
		if i > 0 {
			row("Fig. 20, "+s.Name, "simulated", s.Factor/s.Published, 0.25)
		}
	}
	row("computation saved, average", "simulated on inferred ratios", r.Averages.Compute/r.facts.Summary.Compute, 0.1)
	row("memory saved, average", "simulated on inferred ratios", r.Averages.DRAM/r.facts.Summary.DRAM, 0.25)
	off, predicted := 0, 0
	for _, p := range Platforms {
		off += len(r.Scores[p].Exceptions)
	}
	for _, b := range r.lab.Benchmarks {
		if !b.Model.Fit {
			predicted += len(Platforms)
		}
	}
	return page.Section{ID: "summary", Title: "What agrees and what does not", Tables: []page.Table{t},
		Words: []string{fmt.Sprintf("%d of %d figures agree within the bar set for each. What does not has its reason in the figure's own section. Of the %d speedups that are predicted one by one, %d are off by more than a factor of 1.5; they are listed there. Not reproduced: accuracy after fine-tuning for each of the paper's tasks, and BLEU.", met, all, predicted, off)}}
}
