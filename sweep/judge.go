package sweep

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"spatten/attention"
	"spatten/eval"
)

// PerplexityOf is how well a language model predicts texts under a schedule.
type PerplexityOf struct {
	Perplexity float64 `json:"perplexity"`
	Dense      float64 `json:"dense_perplexity"`
	Ratio      float64 `json:"ratio"`
	KVBytes    int64   `json:"kv_bytes"`
	KVRatio    float64 `json:"kv_bytes_ratio_fp32"` // times less than dense fp32
}

// AccuracyOf is how often a classifier is right under a schedule.
type AccuracyOf struct {
	Accuracy   float64 `json:"accuracy"`
	Dense      float64 `json:"dense_accuracy"`
	Agreement  float64 `json:"agreement"`
	Examples   int64   `json:"examples"`
	Tokens     float64 `json:"token_layers"` // share of dense
	Operations float64 `json:"operations"`   // share of dense
	KVBytes    float64 `json:"kv_bytes"`     // share of dense fp32
}

var perplexityKind = &kind{
	axes:    []string{"model", "precision", "schedule"},
	keys:    []string{"models", "texts", "precision", "schedules", "prompt", "continue", "excerpts"},
	values:  reflect.TypeFor[PerplexityOf](),
	front:   &Front{By: []string{"model", "precision"}, Minimize: []string{"kv_bytes", "ratio"}},
	expand:  expandPerplexity,
	compute: computePerplexity,
}

var accuracyKind = &kind{
	axes:    []string{"model", "data", "precision", "schedule"},
	keys:    []string{"models", "data", "precision", "schedules"},
	values:  reflect.TypeFor[AccuracyOf](),
	front:   &Front{By: []string{"model", "data", "precision"}, Minimize: []string{"operations"}, Maximize: []string{"accuracy"}},
	expand:  expandAccuracy,
	compute: computeAccuracy,
}

// eachModel calls add with every model and precision.
func (g *Grid) eachModel(p *Plan, add func(label, file, precision string) error) error {
	for _, name := range g.Models {
		file, err := p.addModel(name)
		if err != nil {
			return err
		}
		precisions := g.Precision
		if len(precisions) == 0 {
			precisions = []string{"f32"}
		}
		for _, precision := range precisions {
			if precision != "f32" && precision != "int8" {
				return fmt.Errorf("precision %q: f32 or int8", precision)
			}
			if err := add(filepath.Base(name), file, precision); err != nil {
				return err
			}
		}
	}
	return nil
}

// scheduleFile makes a schedule part of the plan; "dense" stays a word.
func (s GridSchedule) scheduleFile(p *Plan) (string, error) {
	if s.schedule == nil && s.Name == asDense {
		return asDense, nil
	}
	schedule := s.schedule
	if schedule == nil {
		var err error
		if schedule, err = attention.LoadSchedule(s.Name); err != nil {
			return "", err
		}
	}
	return p.add([]byte(schedule.YAML())), nil
}

// schedule reads a job's schedule; nil for dense.
func (j *Job) schedule(ctx context.Context, files Files) (*attention.Schedule, error) {
	if j.Schedule == asDense {
		return nil, nil
	}
	text, err := read(ctx, files, j.Schedule)
	if err != nil {
		return nil, err
	}
	s, err := attention.ParseSchedule(bytes.NewReader(text))
	if err != nil {
		return nil, failed{err}
	}
	return s, nil
}

// addTexts makes files of text part of the plan.
func (p *Plan) addTexts(paths []string) ([]Text, error) {
	var out []Text
	for _, path := range paths {
		h, err := p.addFile(path)
		if err != nil {
			return nil, err
		}
		out = append(out, Text{Name: filepath.Base(path), File: h})
	}
	return out, nil
}

func expandPerplexity(g *Grid, p *Plan, add func([]string, Job) error) error {
	texts, err := p.addTexts(g.Texts)
	if err != nil {
		return err
	}
	if len(texts) == 0 {
		return fmt.Errorf("no texts")
	}
	return g.eachModel(p, func(label, file, precision string) error {
		for _, s := range g.Schedules {
			schedule, err := s.scheduleFile(p)
			if err != nil {
				return err
			}
			if err := add([]string{label, precision, s.label()}, Job{Model: file, Data: texts, Schedule: schedule, Judge: g.judge(precision)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// judge says how texts are cut, with the defaults of 'spatten eval perplexity'.
func (g *Grid) judge(precision string) *Judge {
	return &Judge{Precision: precision, Prompt: cmp.Or(g.Prompt, 1024), Continue: cmp.Or(g.Continue, 128), Excerpts: cmp.Or(g.Excerpts, 1)}
}

func (j *Judge) cut() eval.Excerpts {
	return eval.Excerpts{Prompt: j.Prompt, Continue: j.Continue, K: j.Excerpts}
}

// scored gives a bench with a scorer.
func (j *Job) scored(ctx context.Context, files Files) (*bench, error) {
	b, err := j.take(ctx, files)
	if err != nil || b.scorer != nil {
		return b, err
	}
	texts, err := j.texts(ctx, files)
	if err == nil {
		if b.scorer, err = b.runner.Scorer(texts, j.Judge.cut()); err != nil {
			err = failed{err}
		}
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func computePerplexity(ctx context.Context, j *Job, files Files) (any, error) {
	s, err := j.schedule(ctx, files)
	if err != nil {
		return nil, err
	}
	b, err := j.scored(ctx, files)
	if err != nil {
		return nil, err
	}
	r, err := b.scorer.Score(ctx, s)
	if err != nil {
		b.close()
		return nil, failed{err}
	}
	b.give()
	return PerplexityOf{r.Perplexity, r.DensePerplexity, r.Ratio, r.KVBytes(), r.KVRatioFP32}, nil
}

func expandAccuracy(g *Grid, p *Plan, add func([]string, Job) error) error {
	data, err := p.addTexts(g.Data)
	if err != nil {
		return err
	}
	for _, path := range g.Data {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = eval.ReadExamples(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return g.eachModel(p, func(label, file, precision string) error {
		for _, d := range data {
			for _, s := range g.Schedules {
				schedule, err := s.scheduleFile(p)
				if err != nil {
					return err
				}
				if err := add([]string{label, d.Name, precision, s.label()}, Job{Model: file, Data: []Text{d}, Schedule: schedule, Judge: &Judge{Precision: precision}}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func computeAccuracy(ctx context.Context, j *Job, files Files) (any, error) {
	s, err := j.schedule(ctx, files)
	if err != nil {
		return nil, err
	}
	data, err := read(ctx, files, j.Data[0].File)
	if err != nil {
		return nil, err
	}
	examples, err := eval.ReadExamples(bytes.NewReader(data))
	if err != nil {
		return nil, failed{err}
	}
	b, err := j.take(ctx, files)
	if err != nil {
		return nil, err
	}
	a, err := b.runner.Accuracy(ctx, examples, s)
	if err != nil {
		b.close()
		return nil, failed{err}
	}
	b.give()
	return AccuracyOf{a.Accuracy, a.DenseAccuracy, a.Agreement, int64(a.Count), a.Kept.TokenLayers, a.Kept.Operations, a.Kept.KVBytes}, nil
}
