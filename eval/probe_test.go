package eval_test

import (
	"context"
	"math"
	"testing"

	"spatten/eval"
)

// TestProbe: refitted prompts give what reading them anew gives, at the same cost, and nothing pruned diverges by nothing.
func TestProbe(t *testing.T) {
	r := languageModel(t)
	scorer, err := r.Scorer([]eval.Text{{Name: "one", Text: words}}, eval.Excerpts{Prompt: 40, Continue: 12, K: 2})
	if err != nil {
		t.Fatal(err)
	}
	p, err := scorer.Probe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"{prompt: dense}", "{prompt: dense, values: 0.3, key: {msb: 3}, value: {bits: 3}}"} {
		s := schedule(t, text)
		got, err := p.Score(context.Background(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := scorer.Score(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range want.ByExcerpt {
			if d := got[i]; math.Abs(d.LogRatio-(e.LogLoss-e.DenseLogLoss)) > 1e-4 || d.KVBytes != e.KVBytes || d.DenseKV != e.DenseKVBytes {
				t.Errorf("%s: %+v, read anew %+v", text, d, e)
			}
			if dense := got[i].KL < 1e-6; dense != (text == "{prompt: dense}") || got[i].KL < -1e-6 {
				t.Errorf("%s: diverges by %g", text, got[i].KL)
			}
		}
	}
	var asked []int
	d, err := p.Score(context.Background(), schedule(t, "{values: 0.1}"), func(step int, kl float64) bool {
		asked = append(asked, step)
		return kl > 0
	})
	if err != nil || len(asked) != 1 || asked[0] != 8 || d[0].KL <= 0 {
		t.Errorf("hopeless was asked at %v, %v", asked, err)
	}
}
