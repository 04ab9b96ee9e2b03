package tune

import (
	"context"
	"fmt"
	"math"

	"spatten/attention"
	"spatten/eval"
)

// Score is what a judge makes of a schedule.
type Score struct {
	KL       float64 `json:"kl"`            // mean divergence of dense from pruned predictions
	Loss     float64 `json:"loss"`          // measured: logarithm of the ratio of the perplexities, or accuracy lost
	Expected float64 `json:"expected_loss"` // if what the model predicts densely were what is true; far less noisy
	Worst    float64 `json:"worst"`         // the largest loss of an excerpt; 0 where there are none
	WorstKL  float64 `json:"worst_kl"`      // the largest divergence of one
	Cost     int64   `json:"cost"`
	Dense    int64   `json:"dense_cost"`
}

// Judge measures a schedule. hopeless is asked now and then whether to go on; step counts what was predicted until there.
type Judge interface {
	Score(ctx context.Context, s *attention.Schedule, hopeless func(step int, kl float64) bool) (Score, error)
}

// Prober scores a schedule on excerpts of texts, as eval.Probe does.
type Prober interface {
	Score(ctx context.Context, s *attention.Schedule, hopeless func(step int, kl float64) bool) ([]eval.Excerpt, error)
}

// Texts judges by texts that a language model continues. The cost is bytes of keys and values that decode steps read. The
// loss that is expected is the divergence: the mean log ratio of probabilities on text as the model itself would write it.
type Texts struct{ Probe Prober }

// Score implements Judge.
func (t Texts) Score(ctx context.Context, s *attention.Schedule, hopeless func(step int, kl float64) bool) (Score, error) {
	excerpts, err := t.Probe.Score(ctx, s, hopeless)
	if err != nil {
		return Score{}, fmt.Errorf("tune: %w", err)
	}
	p := Score{Worst: math.Inf(-1)}
	for i := range excerpts {
		e := &excerpts[i]
		p.KL += e.KL / float64(len(excerpts))
		p.Loss += e.LogRatio() / float64(len(excerpts))
		p.Worst, p.WorstKL = max(p.Worst, e.LogRatio()), max(p.WorstKL, e.KL)
		p.Cost, p.Dense = p.Cost+e.KVBytes, p.Dense+e.DenseKVBytes
	}
	p.Expected = p.KL
	return p, nil
}

// Cost says what of a classifier's passes is to be little.
type Cost string

// Costs of a classifier's passes.
const (
	Operations Cost = "operations" // of all products, those with weights too
	Tokens     Cost = "tokens"     // that pass layers
	Bytes      Cost = "bytes"      // of keys and values that are read
)

// of returns what a schedule costs, and what dense fp32 does.
func (c Cost) of(a *attention.Cost) (cost, dense int64) {
	switch c {
	case Tokens:
		return a.TokenLayers, a.DenseTokens
	case Bytes:
		return a.Spatten.KVBytes, a.DenseFP32.KVBytes
	}
	return a.Spatten.Operations, a.DenseFP32.Operations
}

// Examples judges by labelled examples that a classifier answers.
type Examples struct {
	Classes *eval.Classes
	Cost    Cost
}

// Score implements Judge.
func (e Examples) Score(ctx context.Context, s *attention.Schedule, hopeless func(step int, kl float64) bool) (Score, error) {
	c, err := e.Classes.Score(ctx, s, hopeless)
	if err != nil {
		return Score{}, fmt.Errorf("tune: %w", err)
	}
	p := Score{KL: c.KL, Loss: c.DenseAccuracy - c.Accuracy, Expected: c.Expected}
	p.Cost, p.Dense = e.Cost.of(&c.Cost)
	return p, nil
}
