package eval_test

import (
	"context"
	"math"
	"reflect"
	"testing"

	"spatten/eval"
	"spatten/tokenizer"
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
		for _, e := range got {
			ids := tokenizer.IDs(r.Tokenizer.Encode(words[e.Start:e.Start+52], tokenizer.Options{}))
			if want := byHand(t, r, s, ids, 40); math.Abs(e.LogLoss-want) > 1e-6 {
				t.Errorf("%s: log loss %.6f, with the prompt read anew %.6f", text, e.LogLoss, want)
			}
			if dense := e.KL < 1e-6; dense != (text == "{prompt: dense}") || e.KL < -1e-6 {
				t.Errorf("%s: diverges by %g", text, e.KL)
			}
		}
		all, err := scorer.Score(context.Background(), s)
		if err != nil || !reflect.DeepEqual(all.ByExcerpt, got) {
			t.Errorf("%s: %v: %+v, in parts %+v", text, err, got, all.ByExcerpt)
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
