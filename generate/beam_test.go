package generate_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"spatten/attention"
	"spatten/generate"
	"spatten/model"
)

// score is the log probability of a continuation, computed from a dense pass over all of it.
func score(t testing.TB, g *generate.Generator, prompt, ids []int32) float64 {
	t.Helper()
	seq, err := attention.NewSequence(g.Model.Info().Shape(), nil, attention.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := append(slices.Clone(prompt), ids...)
	vocab := g.Model.Info().Vocab
	logits := make([]float32, len(all)*vocab)
	var b model.Batch
	if err := g.Model.Forward(g.CPU, &b, []model.Chunk{{Seq: seq, Tokens: all, Last: true, Want: model.AllLogits, Out: logits}}); err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for i, id := range ids {
		row := logits[(len(prompt)+i-1)*vocab:][:vocab]
		sum := 0.0
		for _, v := range row {
			sum += math.Exp(float64(v))
		}
		total += float64(row[id]) - math.Log(sum)
	}
	return total
}

// TestBeamsExhaustive follows as many beams as there are tokens: two steps of that see every text of two tokens but
// those behind an end, so the result is the likeliest of all.
func TestBeamsExhaustive(t *testing.T) {
	g := generator(t)
	ids := encode(g, "Once")
	vocab := g.Model.Info().Vocab
	r, err := g.Run(context.Background(), ids, generate.Options{MaxTokens: 2, IgnoreEnd: true, Beams: vocab}, nil)
	if err != nil {
		t.Fatal(err)
	}
	best, top := []int32(nil), math.Inf(-1)
	for a := range int32(vocab) {
		first := score(t, g, ids, []int32{a})
		next := greedy(t, g, nil, append(slices.Clone(ids), a), 1)[0]
		if s := first + score(t, g, append(slices.Clone(ids), a), []int32{next}); s > top {
			best, top = []int32{a, next}, s
		}
	}
	if !slices.Equal(r.IDs, best) {
		t.Errorf("beams find %v (%.4f), the likeliest text is %v (%.4f)", r.IDs, score(t, g, ids, r.IDs), best, top)
	}
}

// TestBeams compares more beams with fewer, and one with the plain loop.
func TestBeams(t *testing.T) {
	g := generator(t)
	ids := encode(g, prompt)
	run := func(beams int, s *attention.Schedule) *generate.Result {
		r, err := g.Run(context.Background(), ids, generate.Options{MaxTokens: 8, IgnoreEnd: true, Beams: beams, Schedule: s}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.IDs) != 8 || r.Text != g.Tokenizer.Decode(r.IDs, true) {
			t.Fatalf("%d beams: %+v", beams, r)
		}
		return r
	}
	one, eight := run(1, nil), run(8, nil)
	if a, b := score(t, g, ids, one.IDs), score(t, g, ids, eight.IDs); b < a {
		t.Errorf("eight beams find a text of %.4f, the best token again and again gives %.4f", b, a)
	}
	pruned := schedule(t, "{tokens: [1, 0.5, 0.3], heads: [1, 0.75, 0.5]}")
	if a, b := run(4, pruned), run(4, pruned); !slices.Equal(a.IDs, b.IDs) || a.Live[2] > 17 {
		t.Errorf("pruned beams: %v and %v, %v tokens live", a.IDs, b.IDs, a.Live)
	}
	if r := run(4, nil); r.Cost.Spatten != r.Cost.DenseFP32 || r.Cost.Spatten.KVBytes <= 3*one.Cost.Spatten.KVBytes || r.Cost.Spatten.KVBytes > 4*one.Cost.Spatten.KVBytes {
		t.Errorf("four beams read %+v, one %+v", r.Cost.Spatten, one.Cost.Spatten)
	}
	by := schedule(t, "{tokens: [1, 0.5, 0.3], granularity: head}")
	if _, err := g.Run(context.Background(), ids, generate.Options{Beams: 2, Schedule: by}, nil); err == nil || !strings.Contains(err.Error(), "granularity") {
		t.Errorf("rankings before each head with beams: error %v", err)
	}
}

// TestFollow passes forks together: what the first prunes, all prune.
func TestFollow(t *testing.T) {
	g := generator(t)
	shape := g.Model.Info().Shape()
	first, err := attention.NewSequence(shape, schedule(t, "{tokens: [1, 0.5, 0.3], heads: [1, 0.75, 0.5]}"), attention.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b model.Batch
	ids := encode(g, prompt)
	out := func() []float32 { return make([]float32, g.Model.Info().Vocab) }
	if err := g.Model.Forward(g.CPU, &b, []model.Chunk{{Seq: first, Tokens: ids, Last: true, Want: model.Logits, Out: out()}}); err != nil {
		t.Fatal(err)
	}
	second := first.Fork()
	for i := range int32(12) {
		chunks := []model.Chunk{
			{Seq: first, Tokens: []int32{i}, Last: true, Want: model.Logits, Out: out()},
			{Seq: second, Tokens: []int32{90 - i}, Last: true, Want: model.Logits, Out: out(), Leader: first},
		}
		if err := g.Model.Forward(g.CPU, &b, chunks); err != nil {
			t.Fatal(err)
		}
		for l := range shape.Layers {
			if !slices.Equal(first.Live(l), second.Live(l)) || !slices.Equal(first.LiveHeads(l), second.LiveHeads(l)) {
				t.Fatalf("step %d, layer %d: %v and %v live, heads %v and %v", i, l, first.Live(l), second.Live(l), first.LiveHeads(l), second.LiveHeads(l))
			}
		}
		if slices.Equal(chunks[0].Out, chunks[1].Out) {
			t.Fatal("two beams have the same logits")
		}
	}
	alone := model.Chunk{Seq: second, Tokens: []int32{1}, Last: true, Want: model.Logits, Out: out(), Leader: first}
	if err := g.Model.Forward(g.CPU, &b, []model.Chunk{alone}); err == nil {
		t.Error("a beam whose leader is not in the batch passes")
	}
}
