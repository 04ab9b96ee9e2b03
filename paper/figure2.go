package paper

import (
	"context"
	"fmt"

	"gonum.org/v1/plot/plotter"

	"spatten/accel/config"
	"spatten/accel/synthetic"
	"spatten/paper/page"
	"spatten/rival"
)

// Latency is one machine's GPT-2-medium on 992 tokens in and 32 out: Fig. 2. Seconds.
type Latency struct {
	Attention float64 `json:"attention_seconds"` // of the generated tokens
	Others    float64 `json:"others_seconds,omitempty"`
	Prompt    float64 `json:"prompt_seconds"` // the same for one pass over the prompt
	// Generation is the share of the generated tokens in the whole.
	Generation float64 `json:"generation_share"`
}

// generationPublished is the share of generation in GPT-2-medium's latency on the TITAN Xp for 32 tokens (section II).
const generationPublished = 0.97

// breakdownNames are the platforms' names in the published breakdown.
var breakdownNames = map[string]string{"titan_xp_gpu": "titan_xp", "xeon_cpu": "xeon", "jetson_nano_gpu": "jetson_nano", "raspberry_pi_arm_cpu": "raspberry_pi"}

// figure2 predicts attention on the platforms from the fits (GPT-2-medium is not among what they were fitted on), and simulates
// SpAtten-e2e with everything.
func (l *Lab) figure2(ctx context.Context, fits []Fit, e EndToEnd) (map[string]Latency, error) {
	b := &l.Benchmarks[len(l.Benchmarks)-1]
	m := b.Model
	out := map[string]Latency{}
	for _, f := range fits {
		if f.Family != m.Family {
			continue
		}
		x := Latency{Attention: f.Model.Seconds(b.Work()), Prompt: f.Model.Seconds(rival.DenseWork(m.Layers, m.Heads, m.HeadDim, b.Tokens, 0))}
		x.Generation = x.Attention / (x.Attention + x.Prompt)
		out[f.Platform] = x
	}
	machine, err := config.Load("spatten-e2e", nil)
	if err != nil {
		return nil, err
	}
	shape, set := m.Shape(), synthetic.Static12
	shape.Layers, set.FC = 1, true // all layers are alike
	r, err := l.replay(ctx, synthetic.Sentence(shape, b.Tokens, set), machine)
	if err != nil {
		return nil, fmt.Errorf("the prompt of %s: %w", m.Name, err)
	}
	x := Latency{Attention: e.AttentionSeconds, Others: e.FCSeconds, Prompt: r.Seconds * float64(m.Layers)}
	x.Generation = (x.Attention + x.Others) / (x.Attention + x.Others + x.Prompt)
	out["spatten_e2e"] = x
	return out, nil
}

func (r *Report) figure2() page.Section {
	t := page.Table{Title: "GPT-2-medium, 32 tokens after 992, ms", Columns: []string{"", "attention", "published", "ratio", "the rest, published", "attention of the prompt", "generation's share"}}
	for _, p := range Platforms {
		x, pub := r.Figure2[p], r.facts.Latency[breakdownNames[p]]
		rest := "not published"
		if pub["others"] > 0 {
			rest = fmt.Sprintf("%.0f", pub["others"])
		}
		t.Row(p, fmt.Sprintf("%.0f", x.Attention*1e3), fmt.Sprintf("%.0f", pub["attention"]), fmt.Sprintf("%.2f", x.Attention*1e3/pub["attention"]), rest,
			fmt.Sprintf("%.1f", x.Prompt*1e3), fmt.Sprintf("%.1f %%", 100*x.Generation))
	}
	x := r.Figure2["spatten_e2e"]
	t.Row("SpAtten-e2e, simulated", fmt.Sprintf("%.2f", x.Attention*1e3), "2.13", fmt.Sprintf("%.2f", x.Attention/2.13e-3), fmt.Sprintf("%.2f (ours)", x.Others*1e3),
		fmt.Sprintf("%.0f (FC too)", x.Prompt*1e3), fmt.Sprintf("%.1f %%", 100*x.Generation))
	var bars [2]plotter.Values
	var names []string
	for _, p := range Platforms {
		names = append(names, breakdownNames[p])
		bars[0], bars[1] = append(bars[0], 100*r.Figure2[p].Generation), append(bars[1], 100*r.Figure2[p].Attention*1e3/r.facts.Latency[breakdownNames[p]]["attention"])
	}
	names = append(names, "spatten_e2e")
	bars[0], bars[1] = append(bars[0], 100*x.Generation), append(bars[1], 100*x.Attention*1e3/r.facts.EndToEnd.Machines["spatten_e2e"]["attention_ms"])
	shares := page.Table{Title: "Attention on the TITAN Xp, published shares", Columns: []string{"", "share"}}
	for _, k := range sorted(r.facts.Latency["titan_xp_attention_share"]) {
		shares.Row(k, fmt.Sprintf("%.1f %%", 100*r.facts.Latency["titan_xp_attention_share"][k]))
	}
	return page.Section{ID: "figure2", Title: "Fig. 2: where GPT-2's time goes", Tables: []page.Table{t, shares},
		Words: []string{"On general platforms the time is one of launching many small operations: the models fitted on GPT-2-small predict GPT-2-medium's attention, and what one pass over the prompt costs beside 32 passes of one token. " +
			"The Raspberry Pi's published attention follows from Fig. 14. On SpAtten-e2e both are simulated, dense and 12 bits wide for the prompt, fully connected layers included."},
		After: []string{fmt.Sprintf("Published: generation is %.0f %% of the latency on the TITAN Xp; by the fitted model %.1f %%. On the accelerator it is the other way round: a prompt's FC layers are 992 times the arithmetic of one token's and bound by "+
			"its 1,024 multipliers, while one token's are bound by memory. The published end-to-end figures are of the generated tokens alone.", 100*generationPublished, 100*r.Figure2["titan_xp_gpu"].Generation)},
		Plots: []page.Plot{page.Bars("figure2-latency", page.Axes{Title: "GPT-2-medium, 32 tokens after 992", Y: "%"}, names, []string{"generation's share of the time", "attention, ours of published"}, bars[:])}}
}
