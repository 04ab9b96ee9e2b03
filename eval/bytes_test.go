package eval_test

import (
	"bytes"
	"context"
	"math"
	"testing"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/eval"
	"spatten/generate"
	"spatten/model"
	"spatten/tokenizer"
	"spatten/trace"
)

// TestBytesAgree counts the bytes that decode steps read in three ways: as eval does, from a run's cost, and from its
// trace.
func TestBytesAgree(t *testing.T) {
	r := languageModel(t)
	cut := eval.Excerpts{Prompt: 90, Continue: 12, K: 1}
	scorer, err := r.Scorer([]eval.Text{{Name: "words", Text: words}}, cut)
	if err != nil {
		t.Fatal(err)
	}
	ids := tokenizer.IDs(r.Tokenizer.Encode(words, tokenizer.Options{}))[:102]
	for name, s := range map[string]*attention.Schedule{
		"dense":                      nil,
		"tokens":                     schedule(t, "tokens: [1, 0.5, 0.3]"),
		"heads":                      schedule(t, "heads: [1, 0.5, 0.25]"),
		"values":                     schedule(t, "{values: 0.3, renormalize: true}"),
		"progressive":                schedule(t, "{key: {msb: 6, lsb: 4, threshold: 0.2}, value: {bits: 6}}"),
		"channel":                    schedule(t, "{key: {msb: 4, lsb: 4, ask: key, share: 0.2, scale: channel}, value: {bits: 6}, values: 0.5}"),
		"all":                        schedule(t, "{tokens: [1, 0.6, 0.4], heads: [1, 0.75, 0.5], values: 0.4, key: {msb: 6, lsb: 4, threshold: 0.2}, value: {bits: 6}, protect: {first: 2, recent: 8}}"),
		"dense prompt":               schedule(t, "{prompt: dense, choose: group, renormalize: true, key: {msb: 3, lsb: 4, ask: key, share: 0.2, scale: channel, center: true}, value: {bits: 6}, values: 0.5}"),
		"heads after a dense prompt": schedule(t, "{prompt: dense, heads: [1, 0.5, 0.25]}"),
		"by head":                    schedule(t, "{tokens: [1, 0.6, 0.4], granularity: head, key: {msb: 8}, value: {bits: 8}}"),
	} {
		p, err := scorer.Score(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		w, err := trace.NewWriter(&file, record.Wants{})
		if err != nil {
			t.Fatal(err)
		}
		cost := traced(t, r, s, ids, cut.Prompt, w)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		reader, err := trace.NewReader(&file)
		if err != nil {
			t.Fatal(err)
		}
		sums, err := trace.Summarize(reader.Records())
		if err != nil || len(sums) != 1 {
			t.Fatalf("%s: %d runs, error %v", name, len(sums), err)
		}
		e, in := p.ByExcerpt[0], sums[0]
		if e.KVBytes == 0 || e.KVBytes != cost.Spatten.KVBytes || e.KVBytes != in.KVBytes {
			t.Errorf("%s: eval counts %d bytes, the run %d, its trace %d", name, e.KVBytes, cost.Spatten.KVBytes, in.KVBytes)
		}
		if e.DenseKVBytes != cost.DenseFP32.KVBytes || e.DenseKVBytes != in.DenseFP32KVBytes {
			t.Errorf("%s: dense, eval counts %d bytes, the run %d, its trace %d", name, e.DenseKVBytes, cost.DenseFP32.KVBytes, in.DenseFP32KVBytes)
		}
		if got := in.FCOperations + in.AttentionOps; got != cost.Spatten.Operations {
			t.Errorf("%s: the run counts %d operations, its trace %d", name, cost.Spatten.Operations, got)
		}
		if q := cost.Technique; q.Tokens+q.Heads+q.Values+q.Bits != cost.DenseFP32.KVBytes-cost.Spatten.KVBytes {
			t.Errorf("%s: the techniques spare %+v, in all %d bytes are spared", name, q, cost.DenseFP32.KVBytes-cost.Spatten.KVBytes)
		}
	}
}

// traced feeds a prompt and what follows it, one token a step, to a recorder.
func traced(t *testing.T, r *eval.Runner, s *attention.Schedule, ids []int32, prompt int, rec record.Recorder) attention.Cost {
	t.Helper()
	seq, err := attention.NewSequence(r.Model.Info().Shape(), s, attention.Options{Recorder: rec})
	if err != nil {
		t.Fatal(err)
	}
	defer seq.Close()
	var b model.Batch
	out := make([]float32, r.Model.Info().Vocab)
	o := generate.Options{Schedule: s}
	passes := o.Chunks(ids[:prompt])
	for i := prompt; i < len(ids)-1; i++ {
		passes = append(passes, ids[i:i+1])
	}
	for _, p := range passes {
		if err := r.Model.Forward(r.CPU, &b, []model.Chunk{{Seq: seq, Tokens: p, Last: true, Want: model.Logits, Out: out}}); err != nil {
			t.Fatal(err)
		}
	}
	return seq.Cost()
}

// TestTop and its kin read single texts.
func TestTop(t *testing.T) {
	r := languageModel(t)
	ids := tokenizer.IDs(r.Tokenizer.Encode(words, tokenizer.Options{}))[:150]
	tops, err := r.Top(context.Background(), ids, 10)
	if err != nil || len(tops) != len(ids) {
		t.Fatalf("%d positions, error %v", len(tops), err)
	}
	seq, err := attention.NewSequence(r.Model.Info().Shape(), nil, attention.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b model.Batch
	vocab := r.Model.Info().Vocab
	all := make([]float32, len(ids)*vocab)
	if err := r.Model.Forward(r.CPU, &b, []model.Chunk{{Seq: seq, Tokens: ids, Last: true, Want: model.AllLogits, Out: all}}); err != nil {
		t.Fatal(err)
	}
	for p, top := range tops {
		row := all[p*vocab : (p+1)*vocab]
		for i, e := range top {
			if row[e.ID] != e.Logit || i > 0 && e.Logit > top[i-1].Logit {
				t.Fatalf("position %d, rank %d: %+v", p, i, e)
			}
		}
		larger := 0
		for _, v := range row {
			if v > top[9].Logit {
				larger++
			}
		}
		if larger > 9 {
			t.Fatalf("position %d: %d logits are larger than the tenth", p, larger)
		}
	}
}

func TestForward(t *testing.T) {
	classifier, embedder := encoder(t, true), encoder(t, false)
	s := schedule(t, "{tokens: [1, 0.5, 0.25]}")
	tokens := classifier.Tokenizer.Encode("It was the best of times", tokenizer.Options{})
	once, err := eval.Forward(classifier.Model, classifier.CPU, classifier.Tokenizer, tokens, s, attention.Float, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	logits, err := classifier.Answer(tokenizer.IDs(tokens), nil, model.Logits)
	if err != nil {
		t.Fatal(err)
	}
	sum, top := 0.0, 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v))
		top = max(top, math.Exp(float64(v)))
	}
	if math.Abs(once.Dense.Probability-top/sum) > 1e-6 || len(once.Layers) != 3 || len(once.Layers[2].Tokens) != 6 {
		t.Errorf("%+v, want dense %.6f", once, top/sum)
	}
	if once, err = eval.Forward(embedder.Model, embedder.CPU, embedder.Tokenizer, tokens, nil, attention.Float, 0, nil); err != nil || math.Abs(once.Cosine-1) > 1e-6 {
		t.Errorf("%+v, error %v", once, err)
	}
}
