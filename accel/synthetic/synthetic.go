// Package synthetic makes traces of runs that never happened: the shapes of published models with a given number of
// tokens and shares kept. It reads a Shape and writes records, for measuring machines where no run is at hand.
package synthetic

import (
	"iter"

	"spatten/attention/record"
	"spatten/trace"
)

// Shape is a model's size.
type Shape struct {
	Name                   string
	Architecture           string
	Layers, Heads, HeadDim int
	FeedForward            int
}

// The shapes of the paper's four models.
var (
	BERTBase   = Shape{"bert-base", "bert", 12, 12, 64, 3072}
	BERTLarge  = Shape{"bert-large", "bert", 24, 16, 64, 4096}
	GPT2Small  = Shape{"gpt2-small", "gpt2", 12, 12, 64, 3072}
	GPT2Medium = Shape{"gpt2-medium", "gpt2", 24, 16, 64, 4096}
)

// Setting is what the attention of a synthetic run keeps.
type Setting struct {
	Bits   record.Bits
	Values float64 // share of the scored keys whose values are multiplied; 1 keeps all
	FC     bool    // write the layers' FC work too
}

// Static12 is 12-bit data without anything pruned.
var Static12 = Setting{Bits: record.Bits{Query: 12, KeyMSB: 12, Value: 12}, Values: 1}

// Sentence is one whole sentence through an encoder: a single pass of summarization.
func Sentence(s Shape, tokens int, set Setting) iter.Seq2[trace.Record, error] {
	return s.run(set, func(emit func(trace.Record) bool) bool {
		return s.pass(emit, set, record.Pass{Stage: record.Summarization, Tokens: tokens})
	})
}

// Generation is generated tokens after a context that is there already, as the paper measures GPT-2 (992 in, 32 out).
func Generation(s Shape, context, tokens int, set Setting) iter.Seq2[trace.Record, error] {
	return s.run(set, func(emit func(trace.Record) bool) bool {
		for i := range tokens {
			if !s.pass(emit, set, record.Pass{Stage: record.Generation, Index: i, First: context + i, Tokens: 1}) {
				return false
			}
		}
		return true
	})
}

func (s Shape) run(set Setting, passes func(func(trace.Record) bool) bool) iter.Seq2[trace.Record, error] {
	return func(yield func(trace.Record, error) bool) {
		n := uint64(0)
		emit := func(r trace.Record) bool { n++; return yield(r, nil) }
		run := &record.Run{Model: s.Name, Architecture: s.Architecture, Layers: s.Layers, Heads: s.Heads, KVHeads: s.Heads,
			HeadDim: s.HeadDim, ModelDim: s.Heads * s.HeadDim, Causal: s.Architecture != "bert", Precision: "synthetic"}
		if emit(run) && passes(emit) {
			emit(&trace.End{Records: n + 1})
		}
	}
}

// pass emits one pass through all layers. A causal pass of many tokens lets each see those before it.
func (s Shape) pass(emit func(trace.Record) bool, set Setting, p record.Pass) bool {
	if !emit(&p) {
		return false
	}
	live := sequence(0, p.First+p.Tokens)
	for l := range s.Layers {
		layer := record.Layer{Index: l, Keys: live, Queries: live[p.First:], Heads: sequence(0, s.Heads), Bits: set.Bits}
		if !emit(&layer) || !s.fc(emit, set, p.Tokens, record.FCQuery, record.FCKey, record.FCValue) {
			return false
		}
		for h := range s.Heads {
			head := record.Head{Head: h, Group: h, Queries: make([]record.Query, p.Tokens)}
			for i := range head.Queries {
				n := len(live)
				if s.Architecture != "bert" {
					n = p.First + i + 1
				}
				values := max(1, int(float64(n)*set.Values))
				head.Queries[i] = record.Query{Keys: int32(n), Values: int32(values), MaxProb: 1}
			}
			if !emit(&head) {
				return false
			}
			if p.Stage == record.Generation {
				q := head.Queries[0]
				g := &record.Group{Group: h, Keys: q.Keys, Values: q.Values}
				g.Bytes = trace.KVBytes(g, s.HeadDim, set.Bits)
				if !emit(g) {
					return false
				}
			}
		}
		if !s.fc(emit, set, p.Tokens, record.FCOutput, record.FCUp, record.FCDown) {
			return false
		}
	}
	return true
}

func (s Shape) fc(emit func(trace.Record) bool, set Setting, rows int, kinds ...record.FCKind) bool {
	if !set.FC {
		return true
	}
	dim := s.Heads * s.HeadDim
	for _, k := range kinds {
		f := &record.FC{Kind: k, Rows: rows, In: dim, Out: dim, WeightBits: 32}
		switch k {
		case record.FCUp:
			f.Out = s.FeedForward
		case record.FCDown:
			f.In = s.FeedForward
		}
		if !emit(f) {
			return false
		}
	}
	return true
}

func sequence(from, to int) []int32 {
	out := make([]int32, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, int32(i))
	}
	return out
}
