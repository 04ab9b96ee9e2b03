package eval

import (
	"context"
	"fmt"
	"math"

	"spatten/attention"
	"spatten/generate/sample"
	"spatten/model"
)

// part is some excerpts that pass together, with what a model makes of them densely.
type part struct {
	s        *Scorer
	excerpts []Excerpt
	prompts  []*attention.Sequence // that have read the prompts, with nothing pruned
	first    [][]float32           // logits after the prompts
	next     [][]float32           // logits of the continuations, Continue × Vocab
	sums     [][]float64           // of those: logarithms of the sums of their exponentials
}

// dense reads excerpts with nothing pruned. Its numbers do not depend on how the tokens are cut into passes, so that a
// continuation passes at once.
func (s *Scorer) dense(ctx context.Context, excerpts []Excerpt, advance func()) (*part, error) {
	p := &part{s: s, excerpts: excerpts}
	vocab := s.r.Model.Info().Vocab
	for i := range excerpts {
		prompt, rest := excerpts[i].ids[:s.cut.Prompt], excerpts[i].ids[s.cut.Prompt:]
		next, sums := make([]float32, len(rest)*vocab), make([]float64, len(rest))
		seq, err := s.r.read(ctx, prompt, nil, next[:vocab])
		if err != nil {
			return nil, err
		}
		if len(rest) > 1 {
			fork := seq.Fork()
			err := s.r.pass(ctx, model.Chunk{Seq: fork, Tokens: rest[:len(rest)-1], Last: true, Want: model.AllLogits, Out: next[vocab:]})
			fork.Close()
			if err != nil {
				return nil, err
			}
		}
		for j := range sums {
			sums[j] = sample.LogSum(next[j*vocab : (j+1)*vocab])
		}
		p.prompts, p.first = append(p.prompts, seq), append(p.first, next[:vocab])
		p.next, p.sums = append(p.next, next), append(p.sums, sums)
		advance()
	}
	return p, nil
}

// begin returns a sequence that has read an excerpt's prompt under a schedule, and writes the logits after it.
func (p *part) begin(ctx context.Context, i int, schedule *attention.Schedule, logits []float32) (*attention.Sequence, error) {
	if schedule != nil && !p.s.r.shares(schedule) {
		return p.s.r.read(ctx, p.excerpts[i].ids[:p.s.cut.Prompt], schedule, logits)
	}
	copy(logits, p.first[i])
	if schedule == nil {
		return p.prompts[i].Fork(), nil
	}
	seq, err := p.prompts[i].Refit(schedule)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	return seq, nil
}

// score feeds all continuations back under a schedule, one token a step, and returns the excerpts with what was measured.
// hopeless, which may be nil, is asked every eight tokens whether the mean divergence so far is too much to go on.
func (p *part) score(ctx context.Context, schedule *attention.Schedule, hopeless func(step int, kl float64) bool) ([]Excerpt, error) {
	out := append([]Excerpt(nil), p.excerpts...)
	vocab := p.s.r.Model.Info().Vocab
	chunks := make([]model.Chunk, len(out))
	for i := range out {
		logits := make([]float32, vocab)
		seq, err := p.begin(ctx, i, schedule, logits)
		if err != nil {
			return nil, err
		}
		defer seq.Close()
		chunks[i] = model.Chunk{Seq: seq, Last: true, Want: model.Logits, Out: logits}
	}
	steps := 0
	for {
		var kl float64
		for i := range out {
			e, row := &out[i], p.next[i][steps*vocab:(steps+1)*vocab]
			e.step(e.ids[p.s.cut.Prompt+steps], chunks[i].Out, row, p.sums[i][steps])
			chunks[i].Tokens = e.ids[p.s.cut.Prompt+steps:][:1]
			kl += e.KL / float64(len(out)*(steps+1))
		}
		steps++
		if steps == p.s.cut.Continue || hopeless != nil && steps%8 == 0 && hopeless(steps, kl) {
			break
		}
		if err := p.s.r.pass(ctx, chunks...); err != nil {
			return nil, err
		}
	}
	for i := range out {
		c := chunks[i].Seq.Cost()
		out[i].settle(steps, c.Spatten.KVBytes, c.DenseFP32.KVBytes)
	}
	return out, nil
}

// step adds what predictions of one token cost: logits pruned and dense, the logarithm of the latter's sum.
func (e *Excerpt) step(id int32, logits, dense []float32, denseSum float64) {
	sum := sample.LogSum(logits)
	for c, v := range dense {
		log := float64(v) - denseSum
		e.KL += math.Exp(log) * (log - float64(logits[c]) + sum)
	}
	e.LogLoss += sum - float64(logits[id])
	e.DenseLogLoss += denseSum - float64(dense[id])
}

// settle turns sums over steps into means.
func (e *Excerpt) settle(steps int, bytes, dense int64) {
	e.KL /= float64(steps)
	e.LogLoss /= float64(steps)
	e.DenseLogLoss /= float64(steps)
	e.Perplexity, e.DensePerplexity = math.Exp(e.LogLoss), math.Exp(e.DenseLogLoss)
	e.KVBytes, e.DenseKVBytes = bytes, dense
}

// close frees the sequences.
func (p *part) close() {
	for _, seq := range p.prompts {
		seq.Close()
	}
}
