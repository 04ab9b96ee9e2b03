// Package eval is part of stage 9, results to people: it reads texts with what is known of them and writes how well a model
// does on them, pruned beside dense.
package eval

import (
	"fmt"
	"math"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/model"
	"spatten/tensor"
	"spatten/tokenizer"
	"spatten/trace"
)

// Outcome is what a model says of a text: its class, the token it expects next, or its embedding.
type Outcome struct {
	Label       string    `json:"label,omitempty"`
	Probability float64   `json:"probability,omitempty"`
	Embedding   []float32 `json:"-"`
}

// Once is one forward pass of a text, pruned beside dense.
type Once struct {
	Outcome
	Dense  Outcome           `json:"dense"`
	Cosine float64           `json:"cosine,omitempty"` // of the two embeddings, for a model without a head
	Layers []trace.LiveLayer `json:"layers"`
	Cost   attention.Cost    `json:"cost"`
}

// Forward passes a text through a model with a schedule and without one. The recorder, which may be nil, sees the pruned
// pass.
func Forward(m model.Model, cpu *tensor.CPU, t *tokenizer.Tokenizer, tokens []tokenizer.Token, s *attention.Schedule, n attention.Numerics, seed uint64, r record.Recorder) (*Once, error) {
	live := &trace.Live{Next: r}
	once := &Once{}
	var err error
	if once.Outcome, once.Cost, err = outcome(m, cpu, t, tokens, s, n, seed, live); err != nil {
		return nil, err
	}
	once.Layers = live.Layers
	if once.Dense, _, err = outcome(m, cpu, t, tokens, nil, attention.Float, seed, nil); err != nil {
		return nil, err
	}
	if once.Embedding != nil {
		once.Cosine = cosine(once.Embedding, once.Dense.Embedding)
	}
	return once, nil
}

// outcome runs one pass.
func outcome(m model.Model, cpu *tensor.CPU, t *tokenizer.Tokenizer, tokens []tokenizer.Token, s *attention.Schedule, n attention.Numerics, seed uint64, r record.Recorder) (Outcome, attention.Cost, error) {
	info := m.Info()
	seq, err := attention.NewSequence(info.Shape(), s, attention.Options{
		Recorder: r, Numerics: n,
		Run: record.Run{Model: info.Name, Architecture: info.Architecture, ModelDim: info.Dim, Precision: precision(cpu, n), Seed: seed},
	})
	if err != nil {
		return Outcome{}, attention.Cost{}, err
	}
	defer seq.Close()
	want := model.Logits
	if !info.Causal && len(info.Labels) == 0 {
		want = model.Embedding
	}
	out := make([]float32, info.Size(want, len(tokens)))
	var batch model.Batch
	chunk := model.Chunk{Seq: seq, Tokens: tokenizer.IDs(tokens), Last: true, Want: want, Out: out}
	if err := m.Forward(cpu, &batch, []model.Chunk{chunk}); err != nil {
		return Outcome{}, attention.Cost{}, fmt.Errorf("forward pass: %w", err)
	}
	if want == model.Embedding {
		return Outcome{Embedding: out}, seq.Cost(), nil
	}
	tensor.Softmax(out)
	best := 0
	for i, p := range out {
		if p > out[best] {
			best = i
		}
	}
	o := Outcome{Probability: float64(out[best])}
	if info.Causal {
		o.Label = t.Decode([]int32{int32(best)}, false)
	} else {
		o.Label = info.Labels[best]
	}
	return o, seq.Cost(), nil
}

// cosine returns the cosine of the angle between two vectors.
func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// precision names the arithmetic of a pass, as records and results state it.
func precision(cpu *tensor.CPU, n attention.Numerics) string {
	if n == attention.Hardware {
		return string(attention.Hardware)
	}
	return cpu.Precision().String()
}
