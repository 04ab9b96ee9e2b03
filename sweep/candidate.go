package sweep

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"spatten/checkpoint"
	"spatten/model"
	"spatten/tune"
)

// Divergence is how far a candidate of a search for schedules leads a model from what it predicts densely.
type Divergence struct {
	KL       float64 `json:"kl"`        // nats a token
	LogRatio float64 `json:"log_ratio"` // of the perplexities, mean over texts
	Worst    float64 `json:"worst"`     // of the excerpts
	WorstKL  float64 `json:"worst_kl"`
	KVBytes  int64   `json:"kv_bytes"`
	KVRatio  float64 `json:"kv_bytes_ratio_fp32"` // times less than dense fp32
}

// candidateKind is the structured part of a search for schedules, as 'spatten tune' does it one by one: every rung of its
// ladder on all layers, and every layer alone on every rung beside a base.
var candidateKind = &kind{
	axes:    []string{"model", "precision", "base", "layer", "rung"},
	keys:    []string{"models", "texts", "precision", "prompt", "continue", "excerpts", "rungs", "bases"},
	values:  reflect.TypeFor[Divergence](),
	front:   &Front{By: []string{"model", "precision"}, Minimize: []string{"kv_bytes", "kl"}},
	expand:  expandCandidates,
	compute: computeCandidate,
}

func expandCandidates(g *Grid, p *Plan, add func([]string, Job) error) error {
	texts, err := p.addTexts(g.Texts)
	if err != nil {
		return err
	}
	if len(texts) == 0 {
		return fmt.Errorf("no texts")
	}
	ladder := len(tune.Ladder())
	rungs := g.Rungs
	if len(rungs) == 0 {
		for i := range ladder {
			rungs = append(rungs, i)
		}
	}
	for _, r := range slices.Concat(rungs, g.Bases) {
		if r < 0 || r >= ladder {
			return fmt.Errorf("rung %d: the ladder has rungs 0 to %d", r, ladder-1)
		}
	}
	layers := map[string]int{}
	for _, name := range g.Models {
		if layers[name], err = layersOf(name); err != nil {
			return err
		}
	}
	at := 0 // of g.Models: eachModel goes through them in order, a precision after the other
	per := max(1, len(g.Precision))
	return g.eachModel(p, func(label, file, precision string) error {
		n := layers[g.Models[at/per]]
		at++
		point := func(base, layer, rung string, levels []int) error {
			return add([]string{label, precision, base, layer, rung}, Job{Model: file, Data: texts, Judge: g.judge(precision), Levels: levels})
		}
		for _, r := range rungs {
			if err := point("", "all", strconv.Itoa(r), slices.Repeat([]int{r}, n)); err != nil {
				return err
			}
		}
		for _, base := range g.Bases {
			for l := range n {
				for _, r := range rungs {
					levels := slices.Repeat([]int{base}, n)
					levels[l] = r
					if err := point(strconv.Itoa(base), strconv.Itoa(l), strconv.Itoa(r), levels); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// layersOf opens a model to count its layers.
func layersOf(name string) (int, error) {
	c, err := checkpoint.OpenNamed(name)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	m, err := model.Load(c)
	if err != nil {
		return 0, err
	}
	return m.Info().Layers, nil
}

func computeCandidate(ctx context.Context, j *Job, files Files) (any, error) {
	for _, level := range j.Levels {
		if level < 0 || level >= len(tune.Ladder()) {
			return nil, failed{fmt.Errorf("rung %d is not on the ladder", level)}
		}
	}
	b, err := j.scored(ctx, files)
	if err != nil {
		return nil, err
	}
	if b.probe == nil {
		if b.probe, err = b.scorer.Probe(ctx); err != nil {
			b.close()
			return nil, failed{err}
		}
	}
	space := tune.Rungs{Layers: len(j.Levels), Ladder: tune.Ladder()}
	p, err := tune.Measure(ctx, tune.Texts{Probe: b.probe}, space, j.Levels, nil)
	if err != nil {
		b.close()
		return nil, failed{err}
	}
	b.give()
	return Divergence{p.KL, p.Loss, p.Worst, p.WorstKL, p.Cost, p.Ratio()}, nil
}
