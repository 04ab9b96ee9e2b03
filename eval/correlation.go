package eval

import (
	"context"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/stat"

	"spatten/attention"
	"spatten/model"
)

// Correlation is how well the cosine of two texts' embeddings follows what people say of their similarity, pruned beside
// dense: Spearman's rank correlation.
type Correlation struct {
	Spearman      float64   `json:"spearman"`
	DenseSpearman float64   `json:"dense_spearman"`
	Count         int       `json:"examples"`
	Kept          Kept      `json:"kept"`
	Precision     string    `json:"precision"`
	Model         string    `json:"model"`
	Schedule      string    `json:"schedule"`
	ScheduleHash  string    `json:"schedule_hash"`
	ByExample     []Similar `json:"by_example"`
}

// Similar is one pair of texts.
type Similar struct {
	Score  float64 `json:"score"`
	Pruned float64 `json:"pruned"` // cosine
	Dense  float64 `json:"dense"`
}

// Correlation embeds both texts of every example with a schedule and without one.
func (r *Runner) Correlation(ctx context.Context, examples []Example, s *attention.Schedule) (*Correlation, error) {
	info := r.Model.Info()
	c := &Correlation{Count: len(examples), Precision: precision(r.CPU, r.Numerics), Model: info.Name, ByExample: make([]Similar, len(examples)), Schedule: "dense"}
	if s != nil {
		c.Schedule, c.ScheduleHash = s.Name, s.Hash()
	}
	texts := make([]text, 0, 2*len(examples))
	for i, e := range examples {
		if e.Pair == nil {
			return nil, fmt.Errorf("eval: example %d is a single text; correlation compares two", i)
		}
		c.ByExample[i].Score = e.Score
		for _, t := range []string{e.Text, *e.Pair} {
			ids, types := r.encode(t, nil)
			texts = append(texts, text{ids, types})
		}
	}
	var cost sums
	embed := func(s *attention.Schedule, count bool, set func(e *Similar, cosine float64)) error {
		first := make([]float32, info.Dim)
		return r.answers(ctx, texts, s, model.Embedding, func(i int, out []float32, spent attention.Cost) {
			if count {
				cost.add(spent)
			}
			if i%2 == 0 {
				copy(first, out)
				return
			}
			set(&c.ByExample[i/2], cosine(first, out))
		})
	}
	if err := embed(nil, false, func(e *Similar, v float64) { e.Dense = v }); err != nil {
		return nil, err
	}
	if err := embed(s, true, func(e *Similar, v float64) { e.Pruned = v }); err != nil {
		return nil, err
	}
	c.Kept = cost.kept()
	score, pruned, dense := make([]float64, len(examples)), make([]float64, len(examples)), make([]float64, len(examples))
	for i, e := range c.ByExample {
		score[i], pruned[i], dense[i] = e.Score, e.Pruned, e.Dense
	}
	c.Spearman, c.DenseSpearman = Spearman(pruned, score), Spearman(dense, score)
	return c, nil
}

// Spearman is the correlation of two lists' ranks; equal numbers share the mean of their ranks. It is NaN where a list
// does not vary.
func Spearman(x, y []float64) float64 { return stat.Correlation(ranks(x), ranks(y), nil) }

// ranks numbers a list's elements by size from 1.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(x))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && x[order[to]] == x[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			out[i] = float64(from+1+to) / 2
		}
		from = to
	}
	return out
}
