package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"spatten/attention"
	"spatten/model"
	"spatten/tokenizer"
)

// Text is a text to be continued.
type Text struct {
	Name string
	Text string
}

// Excerpts says which parts of the texts are scored: of each text K excerpts of Prompt tokens that are read and Continue
// tokens that are predicted. Excerpt i of K starts at token ⌊i·(T − Prompt − Continue)/K⌋ of the T tokens of its text, which is
// read without tokens around it.
type Excerpts struct {
	Prompt   int `json:"prompt"`
	Continue int `json:"continue"`
	K        int `json:"excerpts_a_text"`
}

// Excerpt is one part of a text with what a model makes of it. The perplexities are of its continuation.
type Excerpt struct {
	Text            string  `json:"text"`
	Start           int     `json:"start"`
	Perplexity      float64 `json:"perplexity"`
	DensePerplexity float64 `json:"dense_perplexity"`
	LogLoss         float64 `json:"log_loss"`       // mean negative log-likelihood a token, natural
	DenseLogLoss    float64 `json:"dense_log_loss"` //
	KL              float64 `json:"kl"`             // mean Kullback-Leibler divergence of dense from pruned predictions a token, natural
	KVBytes         int64   `json:"kv_bytes"`       // that the decode steps read
	DenseKVBytes    int64   `json:"dense_fp32_kv_bytes"`
	ids             []int32
}

// LogRatio is the logarithm of the ratio of the perplexities, pruned to dense.
func (e *Excerpt) LogRatio() float64 { return e.LogLoss - e.DenseLogLoss }

// Perplexity is how well a model predicts texts, pruned beside dense: one token a step, the right one fed back each time.
type Perplexity struct {
	Perplexity      float64   `json:"perplexity"`
	DensePerplexity float64   `json:"dense_perplexity"`
	Ratio           float64   `json:"ratio"`
	Ratio95         *Interval `json:"ratio_95,omitempty"`  // over excerpts, of at least two
	P               *float64  `json:"p_value,omitempty"`   // of a ratio at least so far from 1 by chance, by a paired t-test over excerpts
	KL              float64   `json:"kl"`                  // mean over excerpts
	KVRatioFP32     float64   `json:"kv_bytes_ratio_fp32"` // bytes that dense fp32 would read for each byte read
	KVRatioFP16     float64   `json:"kv_bytes_ratio_fp16"`
	Count           int       `json:"excerpts"`
	Precision       string    `json:"precision"`
	Model           string    `json:"model"`
	Schedule        string    `json:"schedule"`
	ScheduleHash    string    `json:"schedule_hash"`
	ByExcerpt       []Excerpt `json:"by_excerpt"`
	Excerpts
}

// Scorer scores excerpts under schedules.
type Scorer struct {
	r        *Runner
	cut      Excerpts
	excerpts []Excerpt
}

// Scorer cuts texts into excerpts.
func (r *Runner) Scorer(texts []Text, cut Excerpts) (*Scorer, error) {
	info := r.Model.Info()
	switch {
	case !info.Causal:
		return nil, fmt.Errorf("eval: %s is an encoder; perplexity is of language models", info.Name)
	case cut.Prompt < 1 || cut.Continue < 1 || cut.K < 1:
		return nil, errors.New("eval: prompt, continuation and number of excerpts are at least 1")
	case cut.Prompt+cut.Continue > info.MaxPositions:
		return nil, fmt.Errorf("eval: %w: a prompt of %d and a continuation of %d tokens, the model has %d positions", model.ErrContext, cut.Prompt, cut.Continue, info.MaxPositions)
	case len(texts) == 0:
		return nil, errors.New("eval: no text")
	}
	s := &Scorer{r: r, cut: cut}
	for _, t := range texts {
		ids := tokenizer.IDs(r.Tokenizer.Encode(t.Text, tokenizer.Options{}))
		room := len(ids) - cut.Prompt - cut.Continue
		if room < 0 {
			return nil, fmt.Errorf("eval: %s has %d tokens, an excerpt takes %d", t.Name, len(ids), cut.Prompt+cut.Continue)
		}
		for i := range cut.K {
			start := i * room / cut.K
			s.excerpts = append(s.excerpts, Excerpt{Text: t.Name, Start: start, ids: ids[start : start+cut.Prompt+cut.Continue]})
		}
	}
	return s, nil
}

// Score reads and predicts every excerpt under a schedule; nil is dense.
func (s *Scorer) Score(ctx context.Context, schedule *attention.Schedule) (*Perplexity, error) {
	all, err := s.ScoreAll(ctx, schedule)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// ScoreAll scores several schedules on the same excerpts. The dense side is computed once, and a prompt that is read in full
// is read once for all schedules that read it so.
func (s *Scorer) ScoreAll(ctx context.Context, schedules ...*attention.Schedule) ([]*Perplexity, error) {
	out := make([]*Perplexity, len(schedules))
	for i, schedule := range schedules {
		out[i] = &Perplexity{
			Count: len(s.excerpts), Precision: precision(s.r.CPU, s.r.Numerics), Model: s.r.Model.Info().Name,
			Excerpts: s.cut, Schedule: "dense",
		}
		if schedule != nil {
			out[i].Schedule, out[i].ScheduleHash = schedule.Name, schedule.Hash()
		}
	}
	done, total := 0, (1+len(schedules))*len(s.excerpts)
	advance := func(n int) { done += n; s.r.progress(done, total) }
	for excerpts := range slices.Chunk(s.excerpts, s.r.size()) {
		p, err := s.dense(ctx, excerpts, func() { advance(1) })
		if err != nil {
			return nil, err
		}
		for i, schedule := range schedules {
			scored, err := p.score(ctx, schedule, nil)
			if err != nil {
				return nil, err
			}
			out[i].ByExcerpt = append(out[i].ByExcerpt, scored...)
			advance(len(scored))
		}
		p.close()
	}
	for _, p := range out {
		p.sum()
	}
	return out, nil
}

// sum makes the figures of all excerpts together.
func (p *Perplexity) sum() {
	var loss, dense float64
	var bytes, denseBytes int64
	var ratios []float64 // logarithms
	for i := range p.ByExcerpt {
		e := &p.ByExcerpt[i]
		ratios = append(ratios, e.LogRatio())
		p.KL += e.KL / float64(p.Count)
		loss += e.LogLoss / float64(p.Count)
		dense += e.DenseLogLoss / float64(p.Count)
		bytes += e.KVBytes
		denseBytes += e.DenseKVBytes
	}
	p.Perplexity, p.DensePerplexity, p.Ratio = math.Exp(loss), math.Exp(dense), math.Exp(loss-dense)
	if len(ratios) > 1 {
		i, chance := meanInterval(ratios)
		p.Ratio95, p.P = &Interval{math.Exp(i.Low), math.Exp(i.High)}, &chance
	}
	if bytes > 0 {
		p.KVRatioFP32 = float64(denseBytes) / float64(bytes)
		p.KVRatioFP16 = p.KVRatioFP32 / 2
	}
}
