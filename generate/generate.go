// Package generate is stage 5 continued, layers to text: it reads a prompt's tokens and writes the tokens that a
// language model continues it with, one at a time: prefill in chunks, decoding with the cache, sampling, stop strings,
// beams.
package generate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"spatten/attention"
	"spatten/generate/sample"
	"spatten/model"
	"spatten/tensor"
	"spatten/tokenizer"
)

// Generator continues texts with one model. It is used by one goroutine at a time.
type Generator struct {
	Model     model.Model
	Tokenizer *tokenizer.Tokenizer
	CPU       *tensor.CPU
	batch     model.Batch
}

// Finish says why a text ended.
type Finish string

// Why a text ended: the model or a stop string ended it; it reached its length or the model's context; or its caller
// did not want more.
const (
	Stopped   Finish = "stop"
	Length    Finish = "length"
	Cancelled Finish = "cancelled"
)

// Token is one generated token.
type Token struct {
	ID       int32            `json:"id"`
	Text     string           `json:"text"`     // what it adds to the text; empty while a character or a stop string is incomplete
	Position int              `json:"position"` // in the sequence, the prompt's first token being 0
	Top      []sample.LogProb `json:"-"`        // the likeliest tokens, where asked for
	LogProb  float64          `json:"logprob"`  // of the token among all, before sampling changes the odds; 0 unless asked for
}

// Result is a finished text and what it took.
type Result struct {
	Text           string         `json:"text"`
	IDs            []int32        `json:"ids"` // without the token that ended the text
	Finish         Finish         `json:"finish"`
	PromptTokens   int            `json:"prompt_tokens"`
	PrefillSeconds float64        `json:"prefill_seconds"` // up to the first token's logits
	DecodeSeconds  float64        `json:"decode_seconds"`
	Steps          int            `json:"decode_steps"` // passes of one token
	Cost           attention.Cost `json:"cost"`
	CacheBytes     int64          `json:"cache_bytes"`
	Live           []int          `json:"live_tokens"` // in each layer at the end
}

// Run continues a prompt and calls each, which may be nil, with every token as it comes. It returns what there is of the
// text with the error where ctx ends or each returns one.
func (g *Generator) Run(ctx context.Context, prompt []int32, o Options, each func(Token) error) (*Result, error) {
	if o.Beams > 1 {
		return g.search(ctx, prompt, o, each)
	}
	begin := time.Now()
	s, err := g.begin(prompt, o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := g.save(s); err != nil {
		return nil, err
	}
	var prefill, decode time.Duration
	for {
		if err := ctx.Err(); err != nil {
			return s.result(prefill, decode, Cancelled), fmt.Errorf("generate: %w", err)
		}
		if !s.pending { // the state of the whole prompt was loaded with its logits
			chunk, ok := s.Chunk()
			if !ok {
				return s.result(prefill, decode, s.finish), nil
			}
			if err := g.Model.Forward(g.CPU, &g.batch, []model.Chunk{chunk}); err != nil {
				return nil, fmt.Errorf("generate: %w", err)
			}
			if err := g.save(s); err != nil {
				return nil, err
			}
		}
		if s.steps == 0 {
			prefill = time.Since(begin)
		} else {
			decode = time.Since(begin) - prefill
		}
		if err := s.traceError(); err != nil {
			return s.result(prefill, decode, Cancelled), err
		}
		token, ok := s.Take()
		if !ok || each == nil {
			continue
		}
		if err := each(token); err != nil {
			return s.result(prefill, decode, Cancelled), err
		}
	}
}

// ErrPrompt is returned for a prompt without tokens.
var ErrPrompt = errors.New("generate: the prompt is empty")
