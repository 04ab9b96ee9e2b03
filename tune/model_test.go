package tune_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spatten/checkpoint"
	"spatten/eval"
	"spatten/internal/tiny"
	"spatten/model"
	"spatten/tensor"
	"spatten/tokenizer"
	"spatten/tune"
)

// runner evaluates the model of a checkpoint.
func runner(t testing.TB, c *checkpoint.Checkpoint, threads int) *eval.Runner {
	t.Helper()
	m, err := model.Load(c)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.FromCheckpoint(c)
	if err != nil {
		t.Fatal(err)
	}
	cpu := tensor.NewCPU(threads, tensor.F32)
	t.Cleanup(cpu.Close)
	return &eval.Runner{Model: m, CPU: cpu, Tokenizer: tok}
}

// prober reads excerpts with a small model.
func prober(t testing.TB, threads int) (tune.Texts, tune.Space) {
	t.Helper()
	config, arrays := tiny.Llama(nil)
	c := tiny.Open(t, "tiny-llama", tiny.WithTokenizer(tiny.Files(config, arrays, 7)))
	r := runner(t, c, threads)
	words := strings.Repeat("It was the best of times, it was the worst of times, it was the age of wisdom; ", 4)
	s, err := r.Scorer([]eval.Text{{Name: "one", Text: words}}, eval.Excerpts{Prompt: 200, Continue: 24, K: 2})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Probe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return tune.Texts{Probe: p}, tune.Rungs{Layers: r.Model.Info().Layers, Ladder: tune.Ladder()}
}

// result is what a search of a model ends with, as bytes: all points, the front, the report.
func result(t testing.TB, points []tune.Point, o tune.Options) string {
	t.Helper()
	r := tune.Report{Model: "tiny", Texts: []string{"one"}, Goal: o.Goal, Seed: o.Seed, Points: points, Front: tune.Front(points)}
	if r.Best = o.Goal.Choose(r.Front); r.Best == nil {
		t.Fatal("no schedule reached the goal")
	}
	r.Schedule = o.Space.Schedule("found", r.Best.Levels).YAML()
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(points); err != nil {
		t.Fatal(err)
	}
	if err := r.Markdown(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestSameSeedSameBytes: a search of a model ends with the same bytes again, on any number of threads, and where it was
// killed in the middle of a measurement or of a line of its log.
func TestSameSeedSameBytes(t *testing.T) {
	probe, space := prober(t, 0)
	o := tune.Options{Space: space, Goal: tune.Goal{Ratio: 6}, Mutation: 12, Seed: 5}
	file := filepath.Join(t.TempDir(), "state")
	search := func(ctx context.Context, probe tune.Judge, file string, o tune.Options) ([]tune.Point, error) {
		state, err := tune.OpenState(file, "tiny")
		if err != nil {
			t.Fatal(err)
		}
		defer state.Close()
		return tune.Run(ctx, probe, state, o)
	}
	points, err := search(context.Background(), probe, file, o)
	if err != nil {
		t.Fatal(err)
	}
	want := result(t, points, o)
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	one, _ := prober(t, 1)
	points, err = search(context.Background(), one, filepath.Join(t.TempDir(), "one"), o)
	if err != nil || result(t, points, o) != want {
		t.Errorf("one thread: %v, or another result", err)
	}

	for _, after := range []int{1, 10, 20} {
		ctx, kill := context.WithCancel(context.Background())
		killed, measured := o, 0
		killed.Progress = func(string, *tune.Point) {
			if measured++; measured == after {
				kill() // the next one stops between two tokens
			}
		}
		file := filepath.Join(t.TempDir(), "state")
		if _, err := search(ctx, probe, file, killed); !errors.Is(err, context.Canceled) {
			t.Fatalf("killed after %d: %v", after, err)
		}
		half, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(log, half) {
			t.Fatalf("%v, or another log", err)
		}
		if err := os.WriteFile(file, log[:len(half)+17], 0o644); err != nil { // a line torn
			t.Fatal(err)
		}
		points, err := search(context.Background(), probe, file, o)
		if err != nil || result(t, points, o) != want {
			t.Errorf("resumed after %d: %v, or another result", after, err)
		}
		if whole, err := os.ReadFile(file); err != nil || !bytes.Equal(whole, log) {
			t.Errorf("resumed after %d: %v, or another log", after, err)
		}
	}
	o.Seed = 6
	points, err = search(context.Background(), probe, filepath.Join(t.TempDir(), "other"), o)
	if err != nil || result(t, points, o) == want {
		t.Errorf("another seed: %v, or the same mutations", err)
	}
}
