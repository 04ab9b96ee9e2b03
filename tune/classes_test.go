package tune_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"spatten/attention"
	"spatten/checkpoint"
	"spatten/eval"
	"spatten/tune"
)

// sentences are labelled as SST-2 is.
var sentences = []eval.Example{
	{Text: "a wonderful , moving film with great actors", Label: 1},
	{Text: "a dull , stupid waste of time", Label: 0},
	{Text: "not without its charms , though it takes far too long to find them", Label: 0},
	{Text: "the best comedy in years", Label: 1},
	{Text: "i had hoped for more from a director of such talent", Label: 0},
	{Text: "it never bores , and that is more than can be said of the first part", Label: 1},
}

// examples judges by sentences that the embedded classifier answers.
func examples(t testing.TB, threads int) (tune.Examples, tune.Space) {
	t.Helper()
	c, err := checkpoint.OpenNamed("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r := runner(t, c, threads)
	r.Batch = 3
	classes, err := r.Classes(context.Background(), sentences)
	if err != nil {
		t.Fatal(err)
	}
	info := r.Model.Info()
	space := tune.Cascade{
		Layers: info.Layers, Heads: info.Heads, Vary: tune.Vary{Tokens: true, Heads: true},
		Base: attention.Schedule{Protect: attention.Protect{First: 1}},
	}
	return tune.Examples{Classes: classes, Cost: tune.Operations}, space
}

// TestClassifierSameSeedSameBytes: a search on labelled examples ends with the same bytes on any number of threads and after
// it was killed, and what it recommends costs less than dense.
func TestClassifierSameSeedSameBytes(t *testing.T) {
	judge, space := examples(t, 0)
	o := tune.Options{Space: space, Goal: tune.Goal{Ratio: 1.3}, Mutation: 4, Seed: 2}
	points, err := tune.Run(context.Background(), judge, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	want := result(t, points, o)
	if best := o.Goal.Choose(tune.Front(points)); best.Ratio() < 1.3 {
		t.Errorf("%+v", best)
	}

	file := filepath.Join(t.TempDir(), "state")
	state, err := tune.OpenState(file, "sentiment")
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(context.Background())
	killed, measured := o, 0
	killed.Progress = func(string, *tune.Point) {
		if measured++; measured == 12 {
			kill()
		}
	}
	if _, err := tune.Run(ctx, judge, state, killed); !errors.Is(err, context.Canceled) {
		t.Fatalf("killed: %v", err)
	}
	state.Close()
	if state, err = tune.OpenState(file, "sentiment"); err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	one, _ := examples(t, 1)
	if points, err = tune.Run(context.Background(), one, state, o); err != nil || result(t, points, o) != want {
		t.Errorf("resumed on one thread: %v, or another result", err)
	}
}

// TestClassesGivenUp: what is hopeless ends after a batch, and what is dense loses nothing.
func TestClassesGivenUp(t *testing.T) {
	judge, space := examples(t, 0)
	dense, err := judge.Classes.Score(context.Background(), nil, nil)
	if err != nil || dense.KL != 0 || dense.Expected != 0 || dense.Accuracy != dense.DenseAccuracy || dense.Count != len(sentences) {
		t.Errorf("dense: %+v, %v", dense, err)
	}
	starts := space.Starts()
	cheap, err := judge.Classes.Score(context.Background(), space.Schedule("", starts[len(starts)-1].Levels), func(n int, kl float64) bool { return kl > 0 })
	if err != nil || cheap.Count != 3 || cheap.KL <= 0 {
		t.Errorf("cheap: %+v, %v", cheap, err)
	}
	if cheap.Cost.Spatten.Operations >= cheap.Cost.DenseFP32.Operations {
		t.Errorf("the cheap one costs %d operations of %d", cheap.Cost.Spatten.Operations, cheap.Cost.DenseFP32.Operations)
	}
}
