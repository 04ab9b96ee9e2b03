package generate

import (
	"fmt"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/generate/sample"
	"spatten/model"
	"spatten/tensor"
)

// Sampler chooses a token from the logits of all; it may change them. Package sample has one.
type Sampler interface {
	Next(logits []float32) int32
}

// Options say how a text is continued.
type Options struct {
	Schedule  *attention.Schedule // nil is dense
	CacheBits int                 // of keys and values that the schedule leaves unquantized: 32 (0 too), 16 or 8
	Numerics  attention.Numerics  // of attention; float where it is empty
	Recorder  record.Recorder     // of the trace, or nil
	Seed      uint64              // is written into the trace; the sampler has its own

	MaxTokens   int          // to generate at most; 0 is what the model's context has room for
	Stop        []string     // texts that end the text, and are no part of it
	IgnoreEnd   bool         // go on after the token that ends a text
	LogProbs    bool         // fill in Token.LogProb
	TopLogProbs int          // fill in Token.Top with so many of the likeliest tokens
	Sampler     Sampler      // nil takes the best token
	Cache       *PromptCache // of the prompt's state between runs; nil keeps none
	Beams       int          // texts that are followed at once; 0 and 1 are one
	Chunk       int          // tokens a pass of the prompt where the schedule does not say; 0 is DefaultChunk
}

// DefaultChunk is the number of tokens a pass of a prompt. Its memory stays the same however long the prompt is.
const DefaultChunk = 512

// chunk returns the tokens a pass of a prompt. Where something of it is pruned the chunk is the schedule's, and 0 stands for
// the whole prompt, since what falls depends on it.
func (o *Options) chunk(prompt int) int {
	switch s := o.Schedule; {
	case s != nil && s.Chunk > 0:
		return s.Chunk
	case !s.ChunksFreely():
		return prompt
	}
	if o.Chunk > 0 {
		return o.Chunk
	}
	return DefaultChunk
}

// Chunks cuts a prompt into the passes that the options ask for. A lone last token would pass for a generated one, and
// goes with those before it.
func (o *Options) Chunks(prompt []int32) [][]int32 {
	var chunks [][]int32
	for size := o.chunk(len(prompt)); len(prompt) > 0; {
		n := min(size, len(prompt))
		if n == len(prompt)-1 {
			n++
		}
		chunks = append(chunks, prompt[:n])
		prompt = prompt[n:]
	}
	return chunks
}

// limit returns how many tokens to generate.
func (o *Options) limit(info *model.Info, prompt int) int {
	room := info.MaxPositions - prompt + 1 // the last token needs no position: nothing follows it
	if o.MaxTokens > 0 {
		return min(o.MaxTokens, room)
	}
	return room
}

func (o *Options) check(info *model.Info, prompt int) error {
	switch {
	case !info.Causal:
		return fmt.Errorf("generate: %s is an encoder; only language models continue a text", info.Name)
	case prompt == 0:
		return ErrPrompt
	case prompt > info.MaxPositions:
		return fmt.Errorf("generate: %w: a prompt of %d tokens, the model has %d positions; shorten it", model.ErrContext, prompt, info.MaxPositions)
	case o.MaxTokens < 0 || o.Beams < 0 || o.Chunk < 0:
		return fmt.Errorf("generate: %d tokens, %d beams, chunks of %d: none can be negative", o.MaxTokens, o.Beams, o.Chunk)
	}
	return nil
}

// attention returns what a new sequence is told.
func (o *Options) attention(info *model.Info, p tensor.Precision) attention.Options {
	return attention.Options{
		Recorder: o.Recorder, CacheBits: o.CacheBits, Numerics: o.Numerics,
		Run: record.Run{Model: info.Name, Architecture: info.Architecture, ModelDim: info.Dim, Precision: p.String(), Seed: o.Seed},
	}
}

// Greedy takes the token with the largest logit, the first of equals.
type Greedy struct{}

// Next implements Sampler.
func (Greedy) Next(logits []float32) int32 {
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	return int32(best)
}

// logProb returns the natural logarithm of a token's probability.
func logProb(logits []float32, id int32) float64 {
	return float64(logits[id]) - sample.LogSum(logits)
}
