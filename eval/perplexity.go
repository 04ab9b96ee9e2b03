package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"spatten/attention"
	"spatten/generate"
	"spatten/generate/sample"
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
	KVBytes         int64   `json:"kv_bytes"`       // that the decode steps read
	DenseKVBytes    int64   `json:"dense_fp32_kv_bytes"`
	ids             []int32
}

// Perplexity is how well a model predicts texts, pruned beside dense: one token a step, the right one fed back each time.
type Perplexity struct {
	Perplexity      float64   `json:"perplexity"`
	DensePerplexity float64   `json:"dense_perplexity"`
	Ratio           float64   `json:"ratio"`
	Ratio95         *Interval `json:"ratio_95,omitempty"`  // over excerpts, of at least two
	P               *float64  `json:"p_value,omitempty"`   // of a ratio at least so far from 1 by chance, by a paired t-test over excerpts
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

// Scorer scores excerpts under one schedule after another; the dense side is computed once.
type Scorer struct {
	r        *Runner
	cut      Excerpts
	excerpts []Excerpt
	dense    bool // has been scored
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
	total := 2 * len(s.excerpts)
	if s.dense {
		total = len(s.excerpts)
	}
	done := 0
	advance := func(n int) { done += n; s.r.progress(done, total) }
	if !s.dense {
		if err := s.scoreDense(ctx, advance); err != nil {
			return nil, err
		}
		s.dense = true
	}
	p := &Perplexity{
		Count: len(s.excerpts), Precision: precision(s.r.CPU, s.r.Numerics), Model: s.r.Model.Info().Name,
		Excerpts: s.cut, ByExcerpt: append([]Excerpt(nil), s.excerpts...), Schedule: "dense",
	}
	if schedule != nil {
		p.Schedule, p.ScheduleHash = schedule.Name, schedule.Hash()
	}
	for from := 0; from < len(p.ByExcerpt); from += s.r.size() {
		part := p.ByExcerpt[from:min(from+s.r.size(), len(p.ByExcerpt))]
		if err := s.scorePruned(ctx, part, schedule); err != nil {
			return nil, err
		}
		advance(len(part))
	}
	p.sum()
	return p, nil
}

// sum makes the figures of all excerpts together.
func (p *Perplexity) sum() {
	var loss, dense float64
	var bytes, denseBytes int64
	var ratios []float64 // logarithms
	for i := range p.ByExcerpt {
		e := &p.ByExcerpt[i]
		e.Perplexity, e.DensePerplexity = math.Exp(e.LogLoss), math.Exp(e.DenseLogLoss)
		ratios = append(ratios, e.LogLoss-e.DenseLogLoss)
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

// scoreDense scores the continuations with nothing pruned. Its numbers do not depend on how the tokens are cut into
// passes, so that a continuation passes at once.
func (s *Scorer) scoreDense(ctx context.Context, advance func(int)) error {
	vocab := s.r.Model.Info().Vocab
	logits := make([]float32, s.cut.Continue*vocab)
	for i := range s.excerpts {
		e := &s.excerpts[i]
		seq, err := s.r.sequence(nil)
		if err != nil {
			return fmt.Errorf("eval: %w", err)
		}
		read := e.ids[:s.cut.Prompt-1]
		for len(read) > 0 && err == nil {
			n := min(generate.DefaultChunk, len(read))
			err = s.pass(ctx, []model.Chunk{{Seq: seq, Tokens: read[:n]}})
			read = read[n:]
		}
		if err == nil {
			err = s.pass(ctx, []model.Chunk{{Seq: seq, Tokens: e.ids[s.cut.Prompt-1 : len(e.ids)-1], Last: true, Want: model.AllLogits, Out: logits}})
		}
		seq.Close()
		if err != nil {
			return err
		}
		e.DenseLogLoss = 0
		for j, id := range e.ids[s.cut.Prompt:] {
			e.DenseLogLoss += loss(logits[j*vocab:(j+1)*vocab], id) / float64(s.cut.Continue)
		}
		advance(1)
	}
	return nil
}

// scorePruned reads the prompts and then feeds the continuations back one token a step, several excerpts in a batch.
func (s *Scorer) scorePruned(ctx context.Context, part []Excerpt, schedule *attention.Schedule) error {
	vocab := s.r.Model.Info().Vocab
	o := generate.Options{Schedule: schedule}
	steps := make([]model.Chunk, len(part))
	for i := range part {
		seq, err := s.r.sequence(schedule)
		if err != nil {
			return fmt.Errorf("eval: %w", err)
		}
		defer seq.Close()
		steps[i] = model.Chunk{Seq: seq, Last: true, Want: model.Logits, Out: make([]float32, vocab)}
		for _, c := range o.Chunks(part[i].ids[:s.cut.Prompt]) {
			chunk := model.Chunk{Seq: seq, Tokens: c}
			if seq.Length()+len(c) == s.cut.Prompt {
				chunk = steps[i]
				chunk.Tokens = c
			}
			if err := s.pass(ctx, []model.Chunk{chunk}); err != nil {
				return err
			}
		}
	}
	for j := range s.cut.Continue {
		for i := range part {
			id := part[i].ids[s.cut.Prompt+j]
			part[i].LogLoss += loss(steps[i].Out, id) / float64(s.cut.Continue)
			steps[i].Tokens = part[i].ids[s.cut.Prompt+j:][:1]
		}
		if j == s.cut.Continue-1 {
			break
		}
		if err := s.pass(ctx, steps); err != nil {
			return err
		}
	}
	for i := range part {
		c := steps[i].Seq.Cost()
		part[i].KVBytes, part[i].DenseKVBytes = c.Spatten.KVBytes, c.DenseFP32.KVBytes
	}
	return nil
}

func (s *Scorer) pass(ctx context.Context, chunks []model.Chunk) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	if err := s.r.Model.Forward(s.r.CPU, &s.r.batch, chunks); err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	return nil
}

// loss is the negative log-likelihood of a token.
func loss(logits []float32, id int32) float64 {
	return sample.LogSum(logits) - float64(logits[id])
}
