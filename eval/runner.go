package eval

import (
	"context"
	"fmt"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/model"
	"spatten/tensor"
	"spatten/tokenizer"
)

// Runner is a model that is being judged. One goroutine uses it at a time.
type Runner struct {
	Model     model.Model
	CPU       *tensor.CPU
	Tokenizer *tokenizer.Tokenizer
	CacheBits int                   // of keys and values that a schedule leaves unquantized: 32 (0 too), 16 or 8
	Numerics  attention.Numerics    // of the pruned side; dense is float
	Batch     int                   // sequences that pass together; 0 is 16 for encoders and 4 for language models
	Progress  func(done, total int) // nil: none
	batch     model.Batch
}

// size returns how many sequences pass together.
func (r *Runner) size() int {
	switch {
	case r.Batch > 0:
		return r.Batch
	case r.Model.Info().Causal:
		return 4
	}
	return 16
}

func (r *Runner) progress(done, total int) {
	if r.Progress != nil {
		r.Progress(done, total)
	}
}

func (r *Runner) sequence(s *attention.Schedule) (*attention.Sequence, error) {
	info := r.Model.Info()
	numerics := r.Numerics
	if s == nil {
		numerics = attention.Float
	}
	return attention.NewSequence(info.Shape(), s, attention.Options{
		CacheBits: r.CacheBits, Numerics: numerics,
		Run: record.Run{Model: info.Name, Architecture: info.Architecture, ModelDim: info.Dim, Precision: precision(r.CPU, numerics)},
	})
}

// encode cuts a text, or a pair of texts, into tokens, at most as many as the model has positions.
func (r *Runner) encode(text string, pair *string) ([]int32, []int32) {
	o := r.Tokenizer.DefaultOptions()
	o.ParseSpecial = false // data sets are plain text
	o.Pair = pair
	if n := r.Model.Info().MaxPositions; o.MaxTokens == 0 || o.MaxTokens > n {
		o.MaxTokens = n
	}
	tokens := r.Tokenizer.Encode(text, o)
	types := make([]int32, len(tokens))
	for i, t := range tokens {
		types[i] = int32(t.Segment)
	}
	return tokenizer.IDs(tokens), types
}

// text is one input of an encoder.
type text struct{ ids, types []int32 }

// answers passes texts through an encoder, some at a time, and calls each with what it says of every one, in order.
func (r *Runner) answers(ctx context.Context, texts []text, s *attention.Schedule, want model.Want, each func(i int, out []float32, cost attention.Cost)) error {
	size := r.Model.Info().Size(want, 1)
	out := make([]float32, r.size()*size)
	for from := 0; from < len(texts); from += r.size() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("eval: %w", err)
		}
		part := texts[from:min(from+r.size(), len(texts))]
		chunks := make([]model.Chunk, 0, len(part))
		for i, t := range part {
			seq, err := r.sequence(s)
			if err != nil {
				return fmt.Errorf("eval: %w", err)
			}
			defer seq.Close()
			chunks = append(chunks, model.Chunk{Seq: seq, Tokens: t.ids, TypeIDs: t.types, Last: true, Want: want, Out: out[i*size : (i+1)*size]})
		}
		if err := r.Model.Forward(r.CPU, &r.batch, chunks); err != nil {
			return fmt.Errorf("eval: %w", err)
		}
		for i := range chunks {
			each(from+i, chunks[i].Out, chunks[i].Seq.Cost())
			chunks[i].Seq.Close()
		}
		r.progress(min(from+r.size(), len(texts)), len(texts))
	}
	return nil
}

// Kept says how much of a dense run a pruned one did, as shares of it.
type Kept struct {
	TokenLayers float64 `json:"token_layers"` // tokens that passed a layer
	HeadLayers  float64 `json:"head_layers"`
	KVBytes     float64 `json:"kv_bytes"` // against dense fp32
	Operations  float64 `json:"operations"`
}

// sums adds up the costs of many sequences.
type sums struct{ tokens, denseTokens, heads, denseHeads, bytes, denseBytes, operations, denseOperations int64 }

func (s *sums) add(c attention.Cost) {
	s.tokens += c.TokenLayers
	s.denseTokens += c.DenseTokens
	s.heads += c.HeadLayers
	s.denseHeads += c.DenseHeads
	s.bytes += c.Spatten.KVBytes
	s.denseBytes += c.DenseFP32.KVBytes
	s.operations += c.Spatten.Operations
	s.denseOperations += c.DenseFP32.Operations
}

func (s *sums) kept() Kept {
	share := func(a, b int64) float64 {
		if b == 0 {
			return 0
		}
		return float64(a) / float64(b)
	}
	return Kept{share(s.tokens, s.denseTokens), share(s.heads, s.denseHeads), share(s.bytes, s.denseBytes), share(s.operations, s.denseOperations)}
}
