package live

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"spatten/accel"
	"spatten/accel/config"
	"spatten/attention"
	"spatten/attention/record"
	"spatten/model"
	"spatten/tokenizer"
	"spatten/trace"
)

// Run is one model on one data set under one schedule: what was kept, what the machine made of the real trace, and what it
// did to the answers.
type Run struct {
	Model    string  `json:"model"`
	Data     string  `json:"data"`
	Schedule string  `json:"schedule"`
	Tuned    bool    `json:"fine_tuned"` // with pruning in the loop
	Texts    int     `json:"texts"`
	Tokens   float64 `json:"tokens"` // mean of a text; of generation those after the prompt

	Rows    float64 `json:"token_and_value_reduction"`
	Heads   float64 `json:"head_reduction"`
	DRAM    float64 `json:"dram_reduction"` // simulated, to dense fp32 on the same machine
	Compute float64 `json:"compute_reduction"`
	LSBs    float64 `json:"lsb_fetch_share"`
	TFLOPS  float64 `json:"tflops"`
	Seconds float64 `json:"seconds"` // of a text, or a generated token
	Joules  float64 `json:"joules"`

	Measure  string  `json:"measure"` // of quality
	Quality  float64 `json:"quality"`
	Dense    float64 `json:"dense_quality"`
	Examples int     `json:"examples"` // that quality was measured on
}

// Average is over data sets, by family.
type Average struct {
	Of      string  `json:"of"`
	Runs    int     `json:"runs"`
	Rows    float64 `json:"token_and_value_reduction"`
	Heads   float64 `json:"head_reduction"`
	DRAM    float64 `json:"dram_reduction"`
	Compute float64 `json:"compute_reduction"`
}

// replays are what a machine made of traces.
type replays struct {
	tally                    tally
	texts                    int
	seconds, joules          float64
	ops, denseOps            float64
	bytes, denseBytes, steps float64
}

// replay simulates a trace, pruned and dense.
func (r *replays) replay(ctx context.Context, encoded []byte, m config.Machine) error {
	records := func() (iter.Seq2[trace.Record, error], error) {
		t, err := trace.NewReader(bytes.NewReader(encoded))
		if err != nil {
			return nil, err
		}
		return t.Records(), nil
	}
	pruned, err := records()
	if err != nil {
		return err
	}
	a, err := accel.Simulate(ctx, pruned, m, accel.Options{})
	if err != nil {
		return err
	}
	whole, err := records()
	if err != nil {
		return err
	}
	b, err := accel.Simulate(ctx, accel.Dense(whole, 32), m, accel.Options{})
	if err != nil {
		return err
	}
	r.texts++
	r.seconds += a.Seconds
	for _, unit := range slices.Sorted(maps.Keys(a.EnergyJ)) {
		r.joules += a.EnergyJ[unit]
	}
	r.ops, r.denseOps = r.ops+float64(a.Operations), r.denseOps+float64(b.Operations)
	r.bytes, r.denseBytes = r.bytes+float64(a.DRAMBytes), r.denseBytes+float64(b.DRAMBytes)
	return nil
}

// run is the figures of all replays.
func (r *replays) run(model, data string, s *attention.Schedule) Run {
	per := float64(r.texts)
	if r.steps > 0 {
		per = r.steps
	}
	return Run{Model: model, Data: data, Schedule: s.Name, Texts: r.texts, Tokens: r.tally.tokens / float64(r.texts),
		Rows: r.tally.denseRows / r.tally.rows, Heads: r.tally.denseHeads / r.tally.heads, DRAM: r.denseBytes / r.bytes, Compute: r.denseOps / r.ops,
		LSBs: r.tally.asked / max(1, r.tally.queries), TFLOPS: r.ops / r.seconds / 1e12, Seconds: r.seconds / per, Joules: r.joules / per}
}

// sequence starts one with a recorder, which may be nil.
func (s *subject) sequence(schedule *attention.Schedule, rec record.Recorder) (*attention.Sequence, error) {
	info := s.Model.Info()
	return attention.NewSequence(info.Shape(), schedule, attention.Options{Recorder: rec,
		Run: record.Run{Model: info.Name, Architecture: info.Architecture, ModelDim: info.Dim, Precision: s.CPU.Precision().String()}})
}

// encode cuts a text, or a pair, into tokens.
func (s *subject) encode(text string, pair *string) (ids, types []int32, tokens []tokenizer.Token) {
	o := s.Tokenizer.DefaultOptions()
	o.ParseSpecial, o.Pair = false, pair
	if n := s.Model.Info().MaxPositions; o.MaxTokens == 0 || o.MaxTokens > n {
		o.MaxTokens = n
	}
	tokens = s.Tokenizer.Encode(text, o)
	types = make([]int32, len(tokens))
	for i, t := range tokens {
		types[i] = int32(t.Segment)
	}
	return tokenizer.IDs(tokens), types, tokens
}

// pass sends one text through an encoder.
func (s *subject) pass(ids, types []int32, schedule *attention.Schedule, rec record.Recorder) ([]float32, error) {
	seq, err := s.sequence(schedule, rec)
	if err != nil {
		return nil, err
	}
	defer seq.Close()
	want := model.Logits
	if len(s.Model.Info().Labels) == 0 {
		want = model.Embedding
	}
	out := make([]float32, s.Model.Info().Size(want, len(ids)))
	var batch model.Batch
	err = s.Model.Forward(s.CPU, &batch, []model.Chunk{{Seq: seq, Tokens: ids, TypeIDs: types, Last: true, Want: want, Out: out}})
	return out, err
}

// encoder replays texts that pass through an encoder.
func (s *subject) encoder(ctx context.Context, texts []text, schedule *attention.Schedule) (*replays, error) {
	m, err := config.Load("spatten", nil)
	if err != nil {
		return nil, err
	}
	r := new(replays)
	for _, t := range texts {
		var encoded bytes.Buffer
		w, err := trace.NewWriter(&encoded, record.Wants{})
		if err != nil {
			return nil, err
		}
		o := &observer{to: w}
		ids, types, _ := s.encode(t.text, t.pair)
		if _, err := s.pass(ids, types, schedule, o); err != nil {
			return nil, fmt.Errorf("a pass of %s: %w", s.Model.Info().Name, err)
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		r.tally.add(&o.tally)
		if err := r.replay(ctx, encoded.Bytes(), m); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// The paper's setting of generation: tokens in and out. The middle ones of the generated tokens stand for all on the machine;
// more are scored, since 32 say little of quality.
const (
	promptTokens    = 992
	generatedTokens = 32
	replayedTokens  = 4
	scoredTokens    = 96
)

// generation reads a prompt, is told the tokens that follow, and gives the mean negative log-likelihood that it had predicted
// them with. A nil observer is a dense run.
func (s *subject) generation(ctx context.Context, ids []int32, schedule *attention.Schedule, o *observer) (float64, error) {
	var rec record.Recorder
	if o != nil {
		rec = o
	}
	seq, err := s.sequence(schedule, rec)
	if err != nil {
		return 0, err
	}
	defer seq.Close()
	var batch model.Batch
	const chunk = 512
	for from := 0; from < promptTokens; from += chunk {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		to := min(from+chunk, promptTokens)
		c := model.Chunk{Seq: seq, Tokens: ids[from:to], Last: to == promptTokens, Want: model.Nothing}
		if err := s.Model.Forward(s.CPU, &batch, []model.Chunk{c}); err != nil {
			return 0, err
		}
	}
	out := make([]float32, s.Model.Info().Size(model.Logits, 1))
	loss := 0.0
	for i := range scoredTokens {
		at := promptTokens + i
		c := model.Chunk{Seq: seq, Tokens: ids[at : at+1], Last: true, Want: model.Logits, Out: out}
		if err := s.Model.Forward(s.CPU, &batch, []model.Chunk{c}); err != nil {
			return 0, err
		}
		loss += surprise(out, ids[at+1]) / scoredTokens
	}
	return loss, nil
}

// surprise is the negative logarithm of a token's probability.
func surprise(logits []float32, id int32) float64 {
	top := float64(slices.Max(logits))
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x) - top)
	}
	return math.Log(sum) + top - float64(logits[id])
}

// average adds the averages over runs.
func (l *Live) average() {
	for _, of := range []struct {
		name string
		in   func(*Run) bool
	}{
		{"encoders", func(r *Run) bool { return r.Measure != perplexity }},
		{"generation", func(r *Run) bool { return r.Measure == perplexity }},
		{"all", func(*Run) bool { return true }},
	} {
		a := Average{Of: of.name}
		for i := range l.Runs {
			if r := &l.Runs[i]; of.in(r) {
				a.Runs++
				a.Rows, a.Heads, a.DRAM, a.Compute = a.Rows+r.Rows, a.Heads+r.Heads, a.DRAM+r.DRAM, a.Compute+r.Compute
			}
		}
		if n := float64(a.Runs); n > 0 {
			a.Rows, a.Heads, a.DRAM, a.Compute = a.Rows/n, a.Heads/n, a.DRAM/n, a.Compute/n
			l.Averages = append(l.Averages, a)
		}
	}
}
