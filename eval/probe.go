package eval

import (
	"context"
	"fmt"
	"math"

	"spatten/attention"
	"spatten/generate"
	"spatten/generate/sample"
	"spatten/model"
)

// Probe scores many schedules with prompt: dense on the same excerpts: prompts are read once and refitted to every
// schedule, so that one costs only its decode steps. It holds keys, values and predictions of all excerpts in memory.
type Probe struct {
	s       *Scorer
	prompts []*attention.Sequence
	first   [][]float32 // of every excerpt: the logits after its prompt
	dense   [][]float32 // of every excerpt: dense log-probabilities of its continuation, Continue × Vocab
}

// Divergence is how far a schedule leads a model from what it predicts densely.
type Divergence struct {
	Text     string  `json:"text"`
	Start    int     `json:"start"`
	KL       float64 `json:"kl"`        // mean Kullback-Leibler divergence of dense from pruned a token, natural
	LogRatio float64 `json:"log_ratio"` // of the perplexities
	KVBytes  int64   `json:"kv_bytes"`
	DenseKV  int64   `json:"dense_fp32_kv_bytes"`
}

// Probe reads the prompts of all excerpts and predicts their continuations with nothing pruned.
func (s *Scorer) Probe(ctx context.Context) (*Probe, error) {
	p := &Probe{s: s}
	vocab := s.r.Model.Info().Vocab
	for i := range s.excerpts {
		e := &s.excerpts[i]
		seq, err := s.r.sequence(nil)
		if err != nil {
			return nil, fmt.Errorf("eval: %w", err)
		}
		first := make([]float32, vocab)
		chunks := (&generate.Options{}).Chunks(e.ids[:s.cut.Prompt])
		for j, c := range chunks {
			chunk := model.Chunk{Seq: seq, Tokens: c}
			if j == len(chunks)-1 {
				chunk.Last, chunk.Want, chunk.Out = true, model.Logits, first
			}
			if err := s.pass(ctx, []model.Chunk{chunk}); err != nil {
				return nil, err
			}
		}
		p.prompts, p.first = append(p.prompts, seq), append(p.first, first)
		p.dense = append(p.dense, make([]float32, s.cut.Continue*vocab))
		s.r.progress(i+1, len(s.excerpts))
	}
	err := p.follow(ctx, nil, func(i, step int, logits []float32) {
		row := p.dense[i][step*vocab : (step+1)*vocab]
		sum := float32(sample.LogSum(logits))
		for c, v := range logits {
			row[c] = v - sum
		}
	}, nil)
	return p, err
}

// Score feeds all continuations back under a schedule. hopeless, which may be
// nil, is asked every eight tokens whether the mean divergence so far is too much to go on.
func (p *Probe) Score(ctx context.Context, schedule *attention.Schedule, hopeless func(step int, kl float64) bool) ([]Divergence, error) {
	out := make([]Divergence, len(p.prompts))
	vocab := p.s.r.Model.Info().Vocab
	steps := 0
	stop := func(step int, seqs []*attention.Sequence) bool {
		steps = step
		for i, seq := range seqs {
			c := seq.Cost()
			out[i].KVBytes, out[i].DenseKV = c.Spatten.KVBytes, c.DenseFP32.KVBytes
		}
		if hopeless == nil || step%8 != 0 {
			return false
		}
		var kl float64
		for i := range out {
			kl += out[i].KL / float64(len(out)*step)
		}
		return hopeless(step, kl)
	}
	err := p.follow(ctx, schedule, func(i, step int, logits []float32) {
		e := &p.s.excerpts[i]
		dense := p.dense[i][step*vocab : (step+1)*vocab]
		sum := sample.LogSum(logits)
		var kl float64
		for c, v := range dense {
			kl += math.Exp(float64(v)) * (float64(v) - float64(logits[c]) + sum)
		}
		id := e.ids[p.s.cut.Prompt+step]
		out[i].KL += kl
		out[i].LogRatio += sum - float64(logits[id]) + float64(dense[id])
	}, stop)
	for i := range out {
		out[i].Text, out[i].Start = p.s.excerpts[i].Text, p.s.excerpts[i].Start
		out[i].KL /= float64(max(1, steps))
		out[i].LogRatio /= float64(max(1, steps))
	}
	return out, err
}

// follow feeds continuations back, all excerpts in a batch, and calls each with the logits of every step, and stop after
// every step.
func (p *Probe) follow(ctx context.Context, schedule *attention.Schedule, each func(i, step int, logits []float32), stop func(step int, seqs []*attention.Sequence) bool) error {
	chunks := make([]model.Chunk, len(p.prompts))
	seqs := make([]*attention.Sequence, len(p.prompts))
	for i, prompt := range p.prompts {
		if schedule == nil {
			seqs[i] = prompt.Fork()
		} else {
			var err error
			if seqs[i], err = prompt.Refit(schedule); err != nil {
				return fmt.Errorf("eval: %w", err)
			}
		}
		defer seqs[i].Close()
		chunks[i] = model.Chunk{Seq: seqs[i], Last: true, Want: model.Logits, Out: append([]float32(nil), p.first[i]...)}
	}
	for step := range p.s.cut.Continue {
		for i := range chunks {
			each(i, step, chunks[i].Out)
			chunks[i].Tokens = p.s.excerpts[i].ids[p.s.cut.Prompt+step:][:1]
		}
		if stop != nil && stop(step+1, seqs) || step == p.s.cut.Continue-1 {
			break
		}
		if err := p.s.pass(ctx, chunks); err != nil {
			return err
		}
	}
	return nil
}
