package live

import (
	"context"
	"fmt"
	"math"
	"os"

	"spatten/attention"
	"spatten/eval"
)

// Curve is quality over how many times fewer tokens, or heads, a layer has on average.
type Curve struct {
	Model    string  `json:"model"`
	Data     string  `json:"data"`
	Of       string  `json:"of"` // "tokens" or "heads"
	Measure  string  `json:"measure"`
	Examples int     `json:"examples"`
	Points   []Point `json:"points"`
}

// Point is a place on a curve. Relative is the loss or gain against dense, as the paper plots it.
type Point struct {
	Ratio    float64 `json:"ratio"`
	Quality  float64 `json:"quality"`
	Relative float64 `json:"relative"`
}

// What the curves keep on average.
var (
	keptTokens = []float64{1, 0.8, 0.6, 0.45, 0.35, 0.25}
	keptHeads  = []float64{1, 0.9, 0.75, 0.6, 0.5}
)

func pruned(of string, share float64) *attention.Schedule {
	s := &attention.Schedule{Name: fmt.Sprintf("%g of the %s", share, of), Protect: attention.Protect{First: 1}}
	switch {
	case share == 1:
	case of == "tokens":
		s.Average = &attention.Average{Tokens: share}
	default:
		s.Average = &attention.Average{Heads: share}
	}
	return s
}

// curve measures quality at every share.
func curve(c Curve, shares []float64, quality func(*attention.Schedule) (float64, error)) (Curve, error) {
	for _, share := range shares {
		q, err := quality(pruned(c.Of, share))
		if err != nil {
			return c, fmt.Errorf("%s with %g of the %s: %w", c.Model, share, c.Of, err)
		}
		p := Point{Ratio: 1 / share, Quality: q}
		if len(c.Points) > 0 {
			p.Relative = q/c.Points[0].Quality - 1
		}
		c.Points = append(c.Points, p)
	}
	return c, nil
}

// accuracy is the share of examples that a classifier is right about.
func (s *subject) accuracy(ctx context.Context, examples []eval.Example) func(*attention.Schedule) (float64, error) {
	return func(schedule *attention.Schedule) (float64, error) {
		right := 0.0
		for _, e := range examples {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			ids, types, _ := s.encode(e.Text, e.Pair)
			out, err := s.pass(ids, types, schedule, nil)
			if err != nil {
				return 0, err
			}
			best := 0
			for i := range out {
				if out[i] > out[best] {
					best = i
				}
			}
			if best == e.Label {
				right++
			}
		}
		return right / float64(len(examples)), nil
	}
}

// similarity is Spearman's correlation of cosines with people's scores.
func (s *subject) similarity(ctx context.Context, examples []eval.Example) func(*attention.Schedule) (float64, error) {
	return func(schedule *attention.Schedule) (float64, error) {
		var scores, cosines []float64
		for _, e := range examples {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			var v [2][]float32
			for i, t := range []string{e.Text, *e.Pair} {
				ids, types, _ := s.encode(t, nil)
				var err error
				if v[i], err = s.pass(ids, types, schedule, nil); err != nil {
					return 0, err
				}
			}
			scores, cosines = append(scores, e.Score), append(cosines, cosine(v[0], v[1]))
		}
		return eval.Spearman(scores, cosines), nil
	}
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+float64(a[i])*float64(b[i]), aa+float64(a[i])*float64(a[i]), bb+float64(b[i])*float64(b[i])
	}
	return ab / math.Sqrt(max(aa*bb, 1e-30))
}

// likelihood is perplexity on excerpts of a text, with the paper's importance and with that of the last 64 queries. Prompts are
// read in full, so that they are read once for all.
func (s *subject) likelihood(ctx context.Context, path string) ([]Curve, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	cut := eval.Excerpts{Prompt: 512, Continue: 48, K: 2}
	scorer, err := s.Scorer([]eval.Text{{Name: "PTB test", Text: string(b)}}, cut)
	if err != nil {
		return nil, err
	}
	var curves []Curve
	var schedules []*attention.Schedule
	for _, policy := range []attention.Policy{{}, {Policy: "window", Window: 64}} {
		c := Curve{Model: "SmolLM2-135M", Data: "PTB test", Of: "tokens", Measure: perplexity, Examples: cut.K}
		if policy.Policy != "" {
			c.Model += ", last 64 queries"
		}
		curves = append(curves, c)
		for _, share := range keptTokens {
			schedule := pruned("tokens", share)
			schedule.Prompt, schedule.Importance = attention.PromptDense, policy
			schedules = append(schedules, schedule)
		}
	}
	scores, err := scorer.ScoreAll(ctx, schedules...)
	if err != nil {
		return nil, err
	}
	for i, p := range scores {
		c := &curves[i/len(keptTokens)]
		c.Points = append(c.Points, Point{1 / keptTokens[i%len(keptTokens)], p.Perplexity, 1/p.Ratio - 1})
	}
	return curves, nil
}
