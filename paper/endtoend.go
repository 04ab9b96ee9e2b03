package paper

import (
	"context"
	"fmt"

	"gonum.org/v1/plot/plotter"

	"spatten/accel/config"
	"spatten/accel/synthetic"
	"spatten/paper/page"
)

// EndToEnd is Table IV: GPT-2-medium, 32 generated tokens, 8-bit FC weights, attention without head pruning.
type EndToEnd struct {
	FCSeconds        float64 `json:"fc_seconds"`
	AttentionSeconds float64 `json:"attention_seconds"`
	// Speedup is over the TITAN Xp's published time (Fig. 2: attention and the rest), so that nothing is fitted.
	Speedup float64 `json:"speedup_titan_xp"`
}

// fcSeconds simulates the FC layers of a model's generated tokens at a width of weights.
func (l *Lab) fcSeconds(ctx context.Context, b *Benchmark, bits int) (float64, error) {
	m, err := config.Load("spatten-e2e", []string{fmt.Sprintf("fc.weight_bits=%d", bits)})
	if err != nil {
		return 0, err
	}
	// FC layers and tokens are all alike: 3 layers and a token stand for all.
	shape, set := b.Model.Shape(), synthetic.Static12
	shape.Layers, set.FC = 3, true
	r, err := l.replay(ctx, synthetic.Generation(shape, b.Tokens, 1, set), m)
	if err != nil {
		return 0, fmt.Errorf("FC of %s: %w", b.Model.Name, err)
	}
	return float64(r.FCCycles) / (m.ClockGHz * 1e9) * float64(b.Model.Layers/shape.Layers*b.Generated), nil
}

func (l *Lab) table4(ctx context.Context, facts *Facts) (EndToEnd, error) {
	b := &l.Benchmarks[len(l.Benchmarks)-1]
	on := All
	on.Heads = false
	attention, err := l.Simulate(ctx, b, "spatten", on)
	if err != nil {
		return EndToEnd{}, err
	}
	fc, err := l.fcSeconds(ctx, b, 8)
	if err != nil {
		return EndToEnd{}, err
	}
	gpu := facts.Latency["titan_xp"]
	return EndToEnd{fc, attention.Seconds, (gpu["attention"] + gpu["others"]) / 1e3 / (fc + attention.Seconds)}, nil
}

// figure15 is speedup end to end by benchmark and column of the published figure. GPT-2-medium's times on the TITAN Xp and
// the Xeon are published (Fig. 2). GPT-2-small's are not: both parts are taken as proportional to layers, since on these platforms
// each layer and step costs what launching its operations costs.
func (l *Lab) figure15(ctx context.Context, facts *Facts) (map[string]map[string]float64, error) {
	out, columns := map[string]map[string]float64{}, map[string][]float64{}
	known := map[string]float64{} // FC seconds, the same for all benchmarks of a model
	for i := range l.Benchmarks {
		b := &l.Benchmarks[i]
		if b.Generated == 0 {
			continue
		}
		attention, err := l.Simulate(ctx, b, "spatten", All)
		if err != nil {
			return nil, err
		}
		out[b.Name] = map[string]float64{}
		for _, bits := range []int{8, 12} {
			key := fmt.Sprint(b.Model.Name, bits)
			if known[key] == 0 {
				if known[key], err = l.fcSeconds(ctx, b, bits); err != nil {
					return nil, err
				}
			}
			for _, p := range []string{"titan_xp", "xeon"} {
				platform := (facts.Latency[p]["attention"] + facts.Latency[p]["others"]) / 1e3 * float64(b.Model.Layers) / 24
				column := fmt.Sprintf("%s_fc%d", p, bits)
				out[b.Name][column] = platform / (known[key] + attention.Seconds)
				columns[column] = append(columns[column], out[b.Name][column])
			}
		}
	}
	out[geomeanRow] = map[string]float64{}
	for c, v := range columns {
		out[geomeanRow][c] = geomean(v)
	}
	return out, nil
}

func (r *Report) endToEnd() page.Section {
	t := page.Table{Title: "Table IV: GPT-2-medium, 8-bit FC weights", Columns: []string{"", "ours", "published", "ratio"}}
	pub := r.facts.EndToEnd.Machines["spatten_e2e"]
	t.Compared("FC, ms", "%.2f", r.Table4.FCSeconds*1e3, pub["fc_ms"])
	t.Compared("attention, ms", "%.2f", r.Table4.AttentionSeconds*1e3, pub["attention_ms"])
	t.Compared("speedup over TITAN Xp", "%.2f", r.Table4.Speedup, 27.1)
	f := page.Table{Title: "Fig. 15: speedup end to end, ours/published = ratio", Columns: []string{"benchmark", "titan_xp_fc8", "titan_xp_fc12", "xeon_fc8", "xeon_fc12"}}
	var bars [2]plotter.Values
	var names []string
	for _, b := range append(r.gpt2(), geomeanRow) {
		cells := []string{b}
		for _, c := range f.Columns[1:] {
			x, y := r.Figure15[b][c], r.published.endToEnd[b][c]
			cells = append(cells, fmt.Sprintf("%.1f/%.1f = %.2f", x, y, x/y))
		}
		f.Row(cells...)
		names = append(names, shortName(b))
		bars[0], bars[1] = append(bars[0], r.Figure15[b]["titan_xp_fc8"]), append(bars[1], r.published.endToEnd[b]["titan_xp_fc8"])
	}
	return page.Section{ID: "figure15", Title: "Table IV and Fig. 15: end to end", Tables: []page.Table{t, f},
		Words: []string{"SpAtten-e2e computes the fully connected layers too, with weights of 8 or 12 bits streamed from memory: simulated. The platforms' times are published for GPT-2-medium (Fig. 2), so nothing is fitted; GPT-2-small's are " +
			"inferred as half of these, its layers being half as many and time on these platforms one of launching operations. The text speaks of eight GPT-2-medium benchmarks; the figure has four small and four medium ones."},
		After: []string{"On the Xeon GPT-2-small comes out 1.2 to 1.3 times too fast: there a layer's time is not overhead alone, and small's layers have 0.56 times medium's work, so that half of medium's time is too much."},
		Plots: []page.Plot{page.Bars("figure15-end-to-end", page.Axes{Title: "Speedup over the TITAN Xp, 8-bit FC", Y: "times"}, names, []string{"ours", "published"}, bars[:])}}
}

// gpt2 names the benchmarks that generate.
func (r *Report) gpt2() []string {
	var out []string
	for _, b := range r.lab.Benchmarks {
		if b.Generated > 0 {
			out = append(out, b.Name)
		}
	}
	return out
}

// shortName is a benchmark's name over two lines of a plot's axis.
func shortName(name string) string {
	for _, m := range []string{"gpt2-small-", "gpt2-medium-"} {
		if len(name) > len(m) && name[:len(m)] == m {
			return m[:len(m)-1] + "\n" + name[len(m):]
		}
	}
	return name
}
