package eval_test

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"spatten/attention"
	"spatten/eval"
	"spatten/internal/shared"
	"spatten/internal/tiny"
	"spatten/model"
	"spatten/tensor"
	"spatten/tokenizer"
)

func runner(t testing.TB, name string, files fstest.MapFS) *eval.Runner {
	t.Helper()
	c := tiny.Open(t, name, tiny.WithTokenizer(files))
	m, err := model.Load(c)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.FromCheckpoint(c)
	if err != nil {
		t.Fatal(err)
	}
	cpu := tensor.NewCPU(0, tensor.F32)
	t.Cleanup(cpu.Close)
	return &eval.Runner{Model: m, CPU: cpu, Tokenizer: tok}
}

func languageModel(t testing.TB) *eval.Runner {
	config, arrays := tiny.Llama(nil)
	return runner(t, "tiny-llama", tiny.Files(config, arrays, 7))
}

func encoder(t testing.TB, labels bool) *eval.Runner {
	config, arrays := tiny.BERT("", labels)
	return runner(t, "tiny-bert", tiny.Files(config, arrays, 7))
}

func schedule(t testing.TB, text string) *attention.Schedule {
	t.Helper()
	s, err := attention.ParseSchedule(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var words = strings.Repeat("It was the best of times, it was the worst of times, it was the age of wisdom; ", 6)

// TestPerplexity predicts excerpts one token at a time by hand and compares.
func TestPerplexity(t *testing.T) {
	r := languageModel(t)
	cut := eval.Excerpts{Prompt: 40, Continue: 9, K: 3}
	scorer, err := r.Scorer([]eval.Text{{Name: "one", Text: words}, {Name: "two", Text: strings.ToUpper(words[7:300])}}, cut)
	if err != nil {
		t.Fatal(err)
	}
	pruned := schedule(t, "{name: half, tokens: [1, 0.5, 0.3], values: 0.5, key: {msb: 6}, value: {bits: 6}}")
	for name, s := range map[string]*attention.Schedule{"dense": nil, "pruned": pruned, "chunked": schedule(t, "{name: chunked, tokens: [1, 0.5, 0.3], chunk: 13}")} {
		p, err := scorer.Score(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		if p.Count != 6 || len(p.ByExcerpt) != 6 || p.Precision != "f32" {
			t.Fatalf("%+v", p)
		}
		mean := 0.0
		for i, e := range p.ByExcerpt {
			text := words
			if i >= 3 {
				text = strings.ToUpper(words[7:300])
			}
			if want := i % 3 * (len(text) - 49) / 3; e.Start != want {
				t.Errorf("%s: excerpt %d starts at %d, want %d", name, i, e.Start, want)
			}
			ids := tokenizer.IDs(r.Tokenizer.Encode(text[e.Start:e.Start+49], tokenizer.Options{}))
			want := byHand(t, r, s, ids, cut.Prompt)
			mean += want / 6
			if math.Abs(e.LogLoss-want) > 1e-6 {
				t.Errorf("%s: excerpt %d has log loss %.6f, want %.6f", name, i, e.LogLoss, want)
			}
			if s == nil && math.Abs(e.DenseLogLoss-want) > 1e-6 {
				t.Errorf("excerpt %d has dense log loss %.6f, want %.6f", i, e.DenseLogLoss, want)
			}
		}
		if math.Abs(p.Perplexity/math.Exp(mean)-1) > 1e-6 || math.Abs(p.Ratio-p.Perplexity/p.DensePerplexity) > 1e-9 {
			t.Errorf("%s: perplexity %.6f of dense %.6f (ratio %.6f), want %.6f", name, p.Perplexity, p.DensePerplexity, p.Ratio, math.Exp(mean))
		}
		if s == nil && (p.KVRatioFP32 != 1 || p.Ratio != 1) || s != nil && !(p.KVRatioFP32 > 1.5) || p.KVRatioFP16 != p.KVRatioFP32/2 {
			t.Errorf("%s: bytes %.3f and %.3f times fewer, ratio %.6f", name, p.KVRatioFP32, p.KVRatioFP16, p.Ratio)
		}
	}
}

// byHand returns the mean log loss of what follows a prompt, one token a step.
func byHand(t testing.TB, r *eval.Runner, s *attention.Schedule, ids []int32, prompt int) float64 {
	t.Helper()
	seq, err := attention.NewSequence(r.Model.Info().Shape(), s, attention.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b model.Batch
	out := make([]float32, r.Model.Info().Vocab)
	pass := func(ids []int32) {
		if err := r.Model.Forward(r.CPU, &b, []model.Chunk{{Seq: seq, Tokens: ids, Last: true, Want: model.Logits, Out: out}}); err != nil {
			t.Fatal(err)
		}
	}
	if s != nil && s.Chunk > 0 {
		pass2 := ids[:prompt]
		for len(pass2) > s.Chunk+1 {
			if err := r.Model.Forward(r.CPU, &b, []model.Chunk{{Seq: seq, Tokens: pass2[:s.Chunk]}}); err != nil {
				t.Fatal(err)
			}
			pass2 = pass2[s.Chunk:]
		}
		pass(pass2)
	} else {
		pass(ids[:prompt])
	}
	total := 0.0
	for i, id := range ids[prompt:] {
		sum := 0.0
		for _, v := range out {
			sum += math.Exp(float64(v))
		}
		total += math.Log(sum) - float64(out[id])
		if i < len(ids)-prompt-1 {
			pass([]int32{id})
		}
	}
	return total / float64(len(ids)-prompt)
}

func TestPerplexityRefuses(t *testing.T) {
	r := languageModel(t)
	text := []eval.Text{{Name: "words", Text: words}}
	for name, cut := range map[string]eval.Excerpts{
		"no prompt": {Prompt: 0, Continue: 1, K: 1}, "no continuation": {Prompt: 1, Continue: 0, K: 1}, "no excerpts": {Prompt: 1, Continue: 1},
		"longer than the text": {Prompt: 480, Continue: 10, K: 1},
	} {
		if _, err := r.Scorer(text, cut); err == nil {
			t.Errorf("%s passes", name)
		}
	}
	if _, err := r.Scorer(text, eval.Excerpts{Prompt: 510, Continue: 3, K: 1}); !errors.Is(err, model.ErrContext) {
		t.Errorf("longer than the context: error %v", err)
	}
	if _, err := encoder(t, true).Scorer(text, eval.Excerpts{Prompt: 4, Continue: 4, K: 1}); err == nil {
		t.Error("an encoder's perplexity passes")
	}
	s, err := r.Scorer(text, eval.Excerpts{Prompt: 4, Continue: 4, K: 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Score(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
}

func examples(t testing.TB) []eval.Example {
	t.Helper()
	e, err := eval.ReadExamples(strings.NewReader("sentence\tlabel\nfine\t1\nnot so fine , really\t0\nwell\t2\n" + words[:60] + "\t1\n"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAccuracy(t *testing.T) {
	r := encoder(t, true)
	r.Batch = 3
	dense, err := r.Accuracy(context.Background(), examples(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if dense.Accuracy != dense.DenseAccuracy || dense.Agreement != 1 || dense.Kept != (eval.Kept{TokenLayers: 1, HeadLayers: 1, KVBytes: 1, Operations: 1}) || dense.Count != 4 {
		t.Errorf("dense %+v", dense)
	}
	s := schedule(t, "{name: half, tokens: [1, 0.5, 0.25], heads: [1, 0.75, 0.5]}")
	pruned, err := r.Accuracy(context.Background(), examples(t), s)
	if err != nil {
		t.Fatal(err)
	}
	if k := pruned.Kept; !(k.TokenLayers > 0.5 && k.TokenLayers < 0.65) || k.HeadLayers != 0.75 || pruned.DenseAccuracy != dense.DenseAccuracy {
		t.Errorf("pruned %+v", pruned)
	}
	r.Batch = 1
	alone, err := r.Accuracy(context.Background(), examples(t), s)
	if err != nil || !slices.Equal(alone.ByExample, pruned.ByExample) {
		t.Errorf("one at a time %v, three %v, error %v", alone.ByExample, pruned.ByExample, err)
	}
	if _, err := encoder(t, false).Accuracy(context.Background(), examples(t), nil); err == nil {
		t.Error("accuracy of a model without classes passes")
	}
	if _, err := r.Accuracy(context.Background(), []eval.Example{{Text: "x", Label: 3}}, nil); err == nil {
		t.Error("a label that the model does not know passes")
	}
}

func TestCorrelation(t *testing.T) {
	set := "a\tb\tc\t1\t4.0\tA man plays a guitar.\tA man plays a violin.\na\tb\tc\t2\t1.5\tThe moon\tRain in the north, later sun\na\tb\tc\t3\t5\tHello\tHello\n"
	e, err := eval.ReadExamples(strings.NewReader(set))
	if err != nil {
		t.Fatal(err)
	}
	c, err := encoder(t, false).Correlation(context.Background(), e, schedule(t, "{name: s, tokens: [1, 0.5, 0.5]}"))
	if err != nil {
		t.Fatal(err)
	}
	if same := c.ByExample[2]; math.Abs(same.Dense-1) > 1e-6 || math.Abs(same.Pruned-1) > 1e-6 {
		t.Errorf("the same text twice: cosines %+v", same)
	}
	if c.ByExample[0].Dense == c.ByExample[0].Pruned || c.Kept.TokenLayers > 0.75 {
		t.Errorf("nothing was pruned: %+v", c)
	}
	if _, err := encoder(t, false).Correlation(context.Background(), examples(t), nil); err == nil {
		t.Error("single texts pass")
	}
}

func TestSpearman(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want float64
	}{
		{[]float64{1, 2, 3, 4}, []float64{10, 100, 1000, 10000}, 1},
		{[]float64{1, 2, 3, 4}, []float64{4, 3, 2, 1}, -1},
		{[]float64{1, 2, 2, 4}, []float64{1, 3, 2, 4}, 0.9486832980505138}, // scipy.stats.spearmanr
	} {
		if got := eval.Spearman(c.x, c.y); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v and %v: %v, want %v", c.x, c.y, got, c.want)
		}
	}
	if got := eval.Spearman([]float64{1, math.NaN()}, []float64{1, 2}); got > 1 || got < -1 {
		t.Errorf("with NaN: %v", got)
	}
}

func TestReadExamples(t *testing.T) {
	for name, want := range map[string]struct {
		n     int
		first eval.Example
		pair  string
	}{
		"sst2/dev.tsv":                 {872, eval.Example{Text: "it 's a charming and often affecting journey . ", Label: 1}, ""},
		"rte/dev.tsv":                  {277, eval.Example{Text: "Dana Reeve, the widow of the actor Christopher Reeve, has died of lung cancer at age 44, according to the Christopher Reeve Foundation.", Label: 1}, "Christopher Reeve had an accident."},
		"cola/in_domain_dev.tsv":       {527, eval.Example{Text: "The sailors rode the breeze clear of the rocks.", Label: 1}, ""},
		"mrpc/msr_paraphrase_test.txt": {1725, eval.Example{Text: "PCCW's chief operating officer, Mike Butcher, and Alex Arena, the chief financial officer, will report directly to Mr So.", Label: 1}, "Current Chief Operating Officer Mike Butcher and Group Chief Financial Officer Alex Arena will report to So."},
		"stsb/sts-dev.csv":             {1500, eval.Example{Text: "A man with a hard hat is dancing.", Score: 5}, "A man wearing a hard hat is dancing."},
	} {
		f, err := os.Open(shared.Path(t, append([]string{"data"}, strings.Split(name, "/")...)...))
		if err != nil {
			t.Fatal(err)
		}
		got, err := eval.ReadExamples(f)
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		first := got[0]
		if len(got) != want.n || first.Text != want.first.Text || first.Label != want.first.Label || first.Score != want.first.Score || (first.Pair != nil) != (want.pair != "") || first.Pair != nil && *first.Pair != want.pair {
			t.Errorf("%s: %d examples, the first %+v", name, len(got), first)
		}
	}
	for _, bad := range []string{"", "one\ttwo\n", "sentence\tlabel\n", "sentence\tlabel\nx\tgood\n", "sentence\tlabel\nx\t-1\n", "sentence\tlabel\nx\n", "a\tb\tc\t1\thigh\tx\ty\n"} {
		if e, err := eval.ReadExamples(strings.NewReader(bad)); err == nil {
			t.Errorf("%q passes: %v", bad, e)
		}
	}
}

func FuzzReadExamples(f *testing.F) {
	f.Add("sentence\tlabel\nfine\t1\n")
	f.Add("\ufeff1\t2\t3\tx\ty\r\n")
	f.Add("a\tb\tc\t1\t4.0\tx\ty\n")
	f.Fuzz(func(t *testing.T, data string) {
		e, err := eval.ReadExamples(strings.NewReader(data))
		if err == nil && len(e) == 0 {
			t.Error("no examples and no error")
		}
	})
}
