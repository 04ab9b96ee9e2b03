package eval_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"spatten/eval"
	"spatten/model"
)

// TestRetrieve: the same seed hides the same facts, an unpruned schedule answers as dense does, and what cannot be hidden is
// said. Whether a real model finds them is for the command to measure.
func TestRetrieve(t *testing.T) {
	r := languageModel(t)
	hay := eval.Text{Name: "hay", Text: strings.Repeat(words, 3)}
	n := eval.Needles{Lengths: []int{180, 200}, Depths: 3, Repeats: 2, Seed: 5}
	retrieve := func(n eval.Needles, text string) *eval.Retrieval {
		t.Helper()
		out, err := r.Retrieve(context.Background(), hay, n, schedule(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	same := retrieve(n, "{prompt: dense}")
	if len(same.ByNeedle) != 12 || same.Found != same.DenseFound || same.P != 1 {
		t.Errorf("%+v", same)
	}
	depths := map[float64]int{}
	for _, e := range same.ByNeedle {
		if e.Answer != e.Dense || len(e.Secret) != 5 {
			t.Errorf("%+v", e)
		}
		depths[e.Depth]++
	}
	if !reflect.DeepEqual(depths, map[float64]int{0: 4, 0.5: 4, 1: 4}) {
		t.Errorf("depths %v", depths)
	}
	pruned := retrieve(n, "{values: 0.05, prompt: dense}")
	if again := retrieve(n, "{values: 0.05, prompt: dense}"); !reflect.DeepEqual(pruned, again) {
		t.Error("the same seed gives another result")
	}
	differ := false
	for i, e := range pruned.ByNeedle {
		differ = differ || e.Answer != e.Dense
		if e.Secret != same.ByNeedle[i].Secret {
			t.Error("the same seed hides another fact")
		}
	}
	if !differ {
		t.Error("a schedule that leaves out nearly all values answers as dense does")
	}
	for want, n := range map[string]eval.Needles{
		"the fact and its question take": {Lengths: []int{10}, Depths: 1, Repeats: 1},
		"at least one of each":           {Lengths: []int{100}, Depths: 0, Repeats: 1},
	} {
		if _, err := r.Retrieve(context.Background(), hay, n, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := r.Retrieve(context.Background(), hay, eval.Needles{Lengths: []int{1 << 20}, Depths: 1, Repeats: 1}, nil); !errors.Is(err, model.ErrContext) {
		t.Errorf("%v", err)
	}
	if _, err := r.Retrieve(context.Background(), eval.Text{Name: "short", Text: "x"}, eval.Needles{Lengths: []int{200}, Depths: 1, Repeats: 1}, nil); err == nil {
		t.Error("too short a text")
	}
}
