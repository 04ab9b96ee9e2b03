package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"spatten/attention"
	"spatten/eval"
	"spatten/tune"
)

// parseLoss reads what may be lost: perplexity in percent, as the logarithm of its ratio, or accuracy in points, as a share.
func parseLoss(text string, accuracy bool) (float64, error) {
	unit, fallback, says := "%", "1%", "a loss of perplexity such as 1%, more than nothing and at most all"
	if accuracy {
		unit, fallback, says = "pt", "0.5pt", "a loss of accuracy in points such as 0.5pt, more than nothing and at most all"
	}
	if text == "" {
		text = fallback
	}
	number, is := strings.CutSuffix(text, unit)
	v, err := strconv.ParseFloat(number, 64)
	if is {
		v /= 100
	}
	if err != nil || !(v > 0 && v <= 1) {
		return 0, usageError{fmt.Errorf("--within %q: %s", text, says)}
	}
	if accuracy {
		return v, nil
	}
	return math.Log1p(v), nil
}

// loader fits data to an open model, and returns what reads it densely.
type loader func(s *subject) (start func(ctx context.Context) error, err error)

// onTexts searches on texts that a language model continues.
func (f *tuneFlags) onTexts() (loader, error) {
	texts, err := readTexts(f.texts)
	if err != nil {
		return nil, err
	}
	unseen, err := readTexts(f.unseen)
	if err != nil {
		return nil, err
	}
	return func(s *subject) (func(ctx context.Context) error, error) {
		scorer, err := s.runner.Scorer(texts, f.cut)
		if err != nil {
			return nil, err
		}
		for _, t := range texts {
			s.report.Texts = append(s.report.Texts, t.Name)
		}
		s.report.Cost = "bytes of keys and values that decode steps read"
		s.report.Searched = fmt.Sprintf("%d texts, %d tokens in and %d scored one a step", len(texts), f.cut.Prompt, f.cut.Continue)
		s.data = []any{texts, f.cut}
		if len(unseen) > 0 {
			verdict, err := s.runner.Scorer(unseen, f.cut)
			if err != nil {
				return nil, err
			}
			s.verdict = func(ctx context.Context, schedules []*attention.Schedule) ([]tune.Verdict, error) {
				var out []tune.Verdict
				all, err := verdict.ScoreAll(ctx, schedules...)
				for _, p := range all {
					out = append(out, tune.Verdict{Schedule: p.Schedule, Texts: p})
				}
				return out, err
			}
		}
		return func(ctx context.Context) error {
			probe, err := scorer.Probe(ctx)
			if err != nil {
				return err
			}
			s.judge, s.close = tune.Texts{Probe: probe}, probe.Close
			return nil
		}, nil
	}, nil
}

// onExamples searches on labelled examples that a classifier answers.
func (f *tuneFlags) onExamples() (loader, error) {
	examples, err := readAllExamples(f.data)
	if err != nil {
		return nil, err
	}
	unseen, err := readAllExamples(f.unseen)
	if err != nil {
		return nil, err
	}
	return func(s *subject) (func(ctx context.Context) error, error) {
		if s.opened.model.Info().Causal {
			return nil, usageError{errors.New("--data is for classifiers; name texts with --text for a language model")}
		}
		for _, file := range f.data {
			s.report.Texts = append(s.report.Texts, filepath.Base(file))
		}
		cost := tune.Cost(f.cost)
		s.report.Classes, s.report.Cost = true, map[tune.Cost]string{
			tune.Operations: "operations", tune.Tokens: "tokens that pass layers", tune.Bytes: "bytes of keys and values",
		}[cost]
		s.report.Searched = fmt.Sprintf("%d examples", len(examples))
		s.data = []any{examples, cost}
		f.options.Hopeless = 0.25 // half of what guessing costs a model that is sure
		if len(unseen) > 0 {
			s.verdict = func(ctx context.Context, schedules []*attention.Schedule) ([]tune.Verdict, error) {
				var out []tune.Verdict
				for _, schedule := range schedules {
					a, err := s.runner.Accuracy(ctx, unseen, schedule)
					if err != nil {
						return out, err
					}
					out = append(out, tune.Verdict{Schedule: schedule.Name, Examples: a})
				}
				return out, nil
			}
		}
		return func(ctx context.Context) error {
			classes, err := s.runner.Classes(ctx, examples)
			s.judge, s.close = tune.Examples{Classes: classes, Cost: cost}, func() {}
			return err
		}, nil
	}, nil
}

func readAllExamples(files []string) ([]eval.Example, error) {
	var all []eval.Example
	for _, file := range files {
		examples, err := readExamples(file)
		if err != nil {
			return nil, err
		}
		all = append(all, examples...)
	}
	return all, nil
}
