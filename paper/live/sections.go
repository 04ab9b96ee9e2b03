package live

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot/plotter"

	"spatten/eval"
	"spatten/paper/page"
)

// Published is what the paper has of these figures.
type Published struct {
	Errors        [][2]float64 // Fig. 7: largest probability, error
	Tokens, Heads [][2]float64 // Fig. 21: ratio, relative accuracy
	Rows, Head    float64      // averages over its benchmarks
	DRAM, Compute float64
	LSBs          float64
}

// Sections are the measurements as the report shows them.
func (l *Live) Sections(p Published) []page.Section {
	return []page.Section{l.runs(p), l.errors(p), l.curves(p), l.pictures()}
}

func (l *Live) runs(p Published) page.Section {
	t := page.Table{Title: "What was kept, times less than dense (memory: simulated bursts, dense in fp32)",
		Columns: []string{"model, data", "schedule", "texts", "tokens", "tokens and values", "heads", "memory", "computation", "LSBs", "TFLOPS"}}
	q := page.Table{Title: "What it did to the answers", Columns: []string{"model, data", "schedule", "tuned", "measure", "pruned", "dense", "of"}}
	for i := range l.Runs {
		r := &l.Runs[i]
		name := r.Model + ", " + r.Data
		t.Row(name, r.Schedule, fmt.Sprint(r.Texts), fmt.Sprintf("%.0f", r.Tokens), fmt.Sprintf("%.2f", r.Rows), fmt.Sprintf("%.2f", r.Heads), fmt.Sprintf("%.2f", r.DRAM),
			fmt.Sprintf("%.2f", r.Compute), fmt.Sprintf("%.1f %%", 100*r.LSBs), fmt.Sprintf("%.2f", r.TFLOPS))
		tuned := "no"
		if r.Tuned {
			tuned = "yes"
		}
		of := fmt.Sprintf("%d texts", r.Examples)
		if r.Measure == perplexity {
			of = fmt.Sprintf("%d tokens", r.Examples)
		}
		quality := fmt.Sprintf("%.3f", r.Quality)
		if r.Measure == accuracy {
			quality += fmt.Sprintf(" ± %.3f", 1.96*math.Sqrt(r.Quality*(1-r.Quality)/float64(r.Examples)))
		}
		q.Row(name, r.Schedule, tuned, r.Measure, quality, fmt.Sprintf("%.3f", r.Dense), of)
	}
	a := page.Table{Title: "Averages over data sets", Columns: []string{"", "runs", "tokens and values", "heads", "memory", "computation"}}
	for _, x := range l.Averages {
		a.Row(x.Of, fmt.Sprint(x.Runs), fmt.Sprintf("%.2f", x.Rows), fmt.Sprintf("%.2f", x.Heads), fmt.Sprintf("%.2f", x.DRAM), fmt.Sprintf("%.2f", x.Compute))
	}
	a.Row("published, all 30", "30", fmt.Sprintf("%.2f", p.Rows), fmt.Sprintf("%.2f", p.Head), fmt.Sprintf("%.2f", p.DRAM), fmt.Sprintf("%.2f", p.Compute))
	s := page.Section{ID: "real", Title: "Real runs beside the synthetic ones", Tables: []page.Table{t, q, a},
		Words: []string{"Measured. Models that run here pass real texts, pruned by their schedules; the traces are replayed on the machine, dense in fp32 beside them. Encoders read whole sentences with 12-bit keys, queries and values; the language model reads 992 tokens, " +
			"and the 32 after them are counted (four of them simulated), the paper's setting (8-bit activations outside attention). One model was fine-tuned with pruning in the loop; the paper fine-tuned for every task."},
		After: l.conclude()}
	if len(l.Missing) > 0 {
		s.Words = append(s.Words, "Not at hand in this run: "+strings.Join(l.Missing, "; ")+".")
	}
	return s
}

// conclude says of the runs that tell most what they kept and what that cost.
func (l *Live) conclude() []string {
	var out []string
	for i := range l.Runs {
		r := &l.Runs[i]
		switch {
		case r.Tuned:
			out = append(out, fmt.Sprintf("Fine-tuned with pruning in the loop, the classifier reads %.1f times fewer rows and computes %.1f times less than dense on %s, about what the paper reports on average, and is right in %.1f %% instead of %.1f %%. "+
				"Memory falls %.1f times, not 10: an encoder's keys are read once and stay at the machine's 12 bits.", r.Rows, r.Compute, r.Data, 100*r.Quality, 100*r.Dense, r.DRAM))
		case r.Measure == perplexity:
			out = append(out, fmt.Sprintf("%s on %s under %s: memory falls %.1f times, perplexity is %.2f times dense.", r.Model, r.Data, r.Schedule, r.DRAM, r.Quality/r.Dense))
		}
	}
	if len(l.Runs) > 1 {
		out = append(out, "The encoder that was not fine-tuned loses little where people's scores judge it and more where its own dense embeddings do. For the language model the paper's setting without the paper's fine-tuning costs a multiple of the perplexity; a schedule found by search for this model reads as little at no loss.")
	}
	return out
}

// bins of the largest probability.
var bins = []float64{0, 0.2, 0.4, 0.6, 0.8, 1.0001}

func (l *Live) errors(p Published) page.Section {
	t := page.Table{Title: "Error by largest probability", Columns: []string{"largest probability", "rows, ours", "mean, ours", "sum over the row, ours", "rows, published", "mean, published"}}
	var ours, theirs page.Series
	ours.Name, theirs.Name = "sentiment (ours)", "published"
	var largest, published, mean, total, theirMean []float64
	for _, e := range l.Errors {
		ours.Points = append(ours.Points, plotter.XY{X: e.Max, Y: e.Mean})
		largest, mean, total = append(largest, e.Max), append(mean, e.Mean), append(total, e.Total)
	}
	for _, e := range p.Errors {
		theirs.Points = append(theirs.Points, plotter.XY{X: e[0], Y: e[1]})
		published, theirMean = append(published, e[0]), append(theirMean, e[1])
	}
	for b := range bins[1:] {
		n, means := within(largest, bins[b], bins[b+1], mean, total)
		m, theirs := within(published, bins[b], bins[b+1], theirMean)
		t.Row(fmt.Sprintf("%.1f to %.1f", bins[b], bins[b+1]), fmt.Sprint(n), means[0], means[1], fmt.Sprint(m), theirs[0])
	}
	t.Row("Spearman", "", fmt.Sprintf("%.2f", eval.Spearman(largest, mean)), fmt.Sprintf("%.2f", eval.Spearman(largest, total)), "", fmt.Sprintf("%.2f", eval.Spearman(published, theirMean)))
	return page.Section{ID: "figure7", Title: "Fig. 7: largest probability against the error of four bits", Tables: []page.Table{t},
		Words: []string{"Measured. Queries and keys of one layer at a time are quantized to four bits in our classifier; each point is a row of probabilities: its largest one, and the mean absolute error. The published points are of a model and task that are not named. " +
			"What progressive quantization rests on is that the error falls where the largest probability is high."},
		After: []string{"Rows whose largest probability is above 0.8 err least by far, here too. Below that our errors hardly depend on it, where the published ones grow the flatter a row is, and they are several times smaller: keys and queries have a scale for each row here, where the paper has one for the whole matrix."},
		Plots: []page.Plot{page.Scatter("figure7-errors", page.Axes{Title: "Error of four bits", X: "largest probability of the row", Y: "mean absolute error"}, false, ours, theirs)}}
}

// within counts the x from low to high, and averages what belongs to them.
func within(x []float64, low, high float64, of ...[]float64) (n int, means []string) {
	sums := make([]float64, len(of))
	for i, v := range x {
		if v >= low && v < high {
			n++
			for k := range of {
				sums[k] += of[k][i]
			}
		}
	}
	for _, sum := range sums {
		if n == 0 {
			means = append(means, "–")
		} else {
			means = append(means, fmt.Sprintf("%.4f", sum/float64(n)))
		}
	}
	return n, means
}

func (l *Live) curves(p Published) page.Section {
	s := page.Section{ID: "figure21", Title: "Fig. 21: accuracy against ratio",
		Words: []string{"Measured, on our models; the published curves are GPT-2-small on PTB (tokens) and BERT-base on CoLA (heads), each fine-tuned. Relative accuracy is against the unpruned model; for perplexity it is dense over pruned less one. A ratio is how many times fewer tokens or heads a layer has on average behind the front that keeps all."},
	}
	for _, of := range []string{"tokens", "heads"} {
		t := page.Table{Title: "Pruned " + of + ": relative accuracy (quality)", Columns: []string{"model, data, measure"}}
		theirs := page.Series{Name: "published"}
		for _, x := range map[string][][2]float64{"tokens": p.Tokens, "heads": p.Heads}[of] {
			theirs.Points = append(theirs.Points, plotter.XY{X: x[0], Y: 100 * x[1]})
		}
		var series []page.Series
		for _, c := range l.Curves {
			if c.Of != of {
				continue
			}
			line := page.Series{Name: c.Model}
			cells := []string{fmt.Sprintf("%s, %s, %s", c.Model, c.Data, c.Measure)}
			for _, x := range c.Points {
				if len(t.Columns) <= len(c.Points) {
					t.Columns = append(t.Columns, fmt.Sprintf("×%.2f", x.Ratio))
				}
				cells = append(cells, fmt.Sprintf("%+.1f %% (%.3g)", 100*x.Relative, x.Quality))
				line.Points = append(line.Points, plotter.XY{X: x.Ratio, Y: 100 * x.Relative})
			}
			t.Row(cells...)
			series = append(series, line)
		}
		s.Tables = append(s.Tables, t)
		published := page.Table{Title: "Published, " + of, Columns: []string{"ratio", "relative accuracy"}}
		for _, x := range theirs.Points {
			published.Row(fmt.Sprintf("×%.2f", x.X), fmt.Sprintf("%+.1f %%", x.Y))
		}
		s.Tables = append(s.Tables, published)
		s.Plots = append(s.Plots, page.Lines("figure21-"+of, page.Axes{Title: "Accuracy by ratio of pruned " + of, X: "times fewer " + of, Y: "relative accuracy, %"}, append([]page.Series{theirs}, series...)...).Low())
	}
	s.After = []string{"Heads agree: little is lost to about 1.3 times fewer. Tokens agree in shape for classifiers, where pruning 2 to 4 times costs a few per cent. A language model that was not fine-tuned loses from the first tokens that it misses, most with the paper's accumulated importance, which in a causal model favours early tokens; " +
		"the fine-tuning of two GPU-hours a task that the paper reports is what its flat curve to 3 times rests on. That 4 times fewer cost nothing is the text's claim; its own curve has −1.2 % there."}
	return s
}

func (l *Live) pictures() page.Section {
	s := page.Section{ID: "figure22", Title: "Fig. 22 and 23: what is pruned, and how important it was",
		Words: []string{"Our classifier on sentences of this report. A cell is a token's importance, the probability it has gathered up to the end of the layer, shaded within the layer; an empty cell is a pruned token; the last column is how many of the twelve heads live."}}
	var b strings.Builder
	for i := range l.Pictures {
		p := &l.Pictures[i]
		t := page.Table{Title: fmt.Sprintf("%q: %s (dense: %s)", p.Text, p.Answer, p.Dense), Columns: []string{"layer", "heads", "tokens that live"}}
		for n, layer := range p.Layers {
			var words []string
			for _, at := range layer.Tokens {
				words = append(words, p.Tokens[at])
			}
			t.Row(fmt.Sprint(n), fmt.Sprint(len(layer.Heads)), strings.Join(words, " "))
		}
		s.Tables = append(s.Tables, t)
		b.WriteString(p.html())
		if rows := p.heat(); len(rows) > 0 {
			s.Plots = append(s.Plots, page.Heat(fmt.Sprintf("figure23-importance-%d", i+1), page.Axes{Title: "Importance by layer, the darker the more; white is pruned", Y: "layer"}, p.Tokens, rows))
		}
	}
	s.HTML = b.String()
	return s
}
