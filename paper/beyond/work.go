// Package beyond asks what the paper does not: it reads the shape of a model with grouped queries and writes how machines of
// other sizes run its attention, which of them no other beats, and what changes when contexts outgrow the SRAM.
package beyond

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"spatten/attention/record"
	"spatten/trace"
)

// The model: Llama-3.2-1B's attention (16 layers, 32 query and 8 key/value heads of 64). Two layers stand for all.
const (
	layers    = 16
	simulated = 2
	heads     = 32
	groups    = 8
	dim       = 64
)

// Work is the attention of one generated token.
type Work struct {
	Context int     // tokens before it
	Tokens  float64 // share of them that lives
	Values  float64 // share of the live keys whose values are fetched; a group chooses together
	MSB     uint8   // bits of keys that are always read
	LSB     uint8   // bits of keys that are read on demand; 0: none
	Asking  float64 // share of the queries that ask for them
	Value   uint8   // bits of values
}

// Typical is half of the tokens, three tenths of the values, 6 + 4-bit keys that 5.9 % of the queries read whole.
func Typical(context int) Work {
	return Work{Context: context, Tokens: 0.5, Values: 0.3, MSB: 6, LSB: 4, Asking: 0.059, Value: 6}
}

// Trace writes the records of the work.
func (w Work) Trace() iter.Seq2[trace.Record, error] {
	return func(yield func(trace.Record, error) bool) {
		emitted := uint64(0)
		emit := func(r trace.Record) bool { emitted++; return yield(r, nil) }
		run := record.Run{Model: "grouped", Architecture: "llama", Layers: simulated, Heads: heads, KVHeads: groups, HeadDim: dim,
			ModelDim: heads * dim, Causal: true, Precision: "synthetic"}
		pass := record.Pass{Stage: record.Generation, First: w.Context, Tokens: 1}
		if !emit(&run) || !emit(&pass) {
			return
		}
		keys := scattered(w.Context, w.Tokens)
		values := pick(keys, w.Values)
		asked := 0.0
		for l := range simulated {
			layer := record.Layer{Index: l, Keys: keys, Queries: []int32{int32(w.Context)}, Heads: all(heads),
				Bits: record.Bits{Query: 12, KeyMSB: w.MSB, KeyLSB: w.LSB, Value: w.Value}, Threshold: 0.1}
			if !emit(&layer) {
				return
			}
			for g := range groups {
				group := record.Group{Group: g, Keys: int32(len(keys)), Values: int32(len(values))}
				for h := range heads / groups {
					q := record.Query{Keys: int32(len(keys)), Values: int32(len(values)), MaxProb: 1}
					if asked += w.Asking; asked >= 1 && w.LSB > 0 {
						asked--
						q.LSBs, q.MaxProb, group.LSBs = q.Keys, 0, q.Keys
					}
					head := record.Head{Head: g*heads/groups + h, Group: g, Queries: []record.Query{q}}
					if len(values) < len(keys) {
						head.ValuePositions = values
					}
					if !emit(&head) {
						return
					}
				}
				group.Bytes = trace.KVBytes(&group, dim, layer.Bits)
				if !emit(&group) {
					return
				}
			}
			if w.Tokens < 1 && !emit(&record.Rank{Kind: record.RankTokens, Candidates: len(keys), Keep: len(keys)}) {
				return
			}
		}
		emit(&trace.End{Records: emitted + 1})
	}
}

// scattered is a share of the positions below n and n itself, spread by multiplicative hashing, ascending.
func scattered(n int, share float64) []int32 {
	out := all(n)
	slices.SortFunc(out, func(a, b int32) int { return cmp.Compare(uint32(a)*2654435761, uint32(b)*2654435761) })
	out = append(out[:int(math.Round(float64(n)*share))], int32(n))
	slices.Sort(out)
	return out
}

// pick is an evenly spaced share of positions, at least one.
func pick(positions []int32, share float64) []int32 {
	n := max(1, int(math.Round(float64(len(positions))*share)))
	out := make([]int32, n)
	for i := range out {
		out[i] = positions[i*len(positions)/n]
	}
	return out
}

func all(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

// Asking is the share of the queries whose largest probability is under a threshold.
var Asking = []struct{ Threshold, Share float64 }{{0, 0}, {0.05, 0.055}, {0.1, 0.13}, {0.2, 0.32}}

// AskingSource says where Asking comes from.
const AskingSource = "How many queries ask at a threshold was measured once: SmolLM2-135M, 32 tokens after 992 of WikiText-2 and of PTB, 6-bit keys, half of the tokens live. The published 5.9 % is what this model asks for at 0.05."
