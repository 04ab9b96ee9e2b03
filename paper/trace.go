package paper

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"spatten/attention/record"
	"spatten/trace"
)

// Switches say which of the paper's techniques a trace uses.
type Switches struct {
	Tokens, Heads, Values bool
	Static                bool // 12-bit data; without it and without Progressive, fp32
	Progressive           bool // the rule's bits: MSBs first, LSBs on demand
}

// All is the whole of SpAtten.
var All = Switches{true, true, true, true, true}

// Trace writes the synthetic run of a benchmark under the rule: of generation the steps from first on, of an
// encoder the whole sentence.
func (b *Benchmark) Trace(r *Rule, on Switches, first, steps int) iter.Seq2[trace.Record, error] {
	return func(yield func(trace.Record, error) bool) {
		n := b.Tokens + b.Generated
		w := &writer{b: b, bits: r.bits(b.Model.Family), values: 1, order: scattered(n)}
		emitted := uint64(0)
		w.emit = func(rec trace.Record) bool { emitted++; return yield(rec, nil) }
		if on.Values {
			w.values = r.ValuesOfKeys[b.Model.Family]
		}
		tokens, heads := 1.0, 1.0
		if on.Tokens {
			// Half of a dense run's rows are keys, half values; tokens fall alike whether values are pruned too or not.
			tokens = math.Min(1, 2/(1+r.ValuesOfKeys[b.Model.Family])/r.RowsReduction[b.Model.Family])
		}
		if on.Heads {
			heads = 1 / r.HeadsReduction
		}
		switch {
		case on.Progressive:
			w.lsbs, w.threshold = r.LSBShare[b.Model.Family], r.Threshold
		case on.Static:
			w.bits = record.Bits{Query: 12, KeyMSB: 12, Value: 12}
		default:
			w.bits = record.Bits{Query: 32, KeyMSB: 32, Value: 32}
		}
		w.tokens, w.heads = decay(b.Model.Layers, tokens), decay(b.Model.Layers, heads)
		m := b.Model
		if !w.emit(&record.Run{Model: m.Name, Architecture: m.Family, Layers: m.Layers, Heads: m.Heads, KVHeads: m.Heads, HeadDim: m.HeadDim,
			ModelDim: m.Heads * m.HeadDim, Causal: b.Generated > 0, Precision: "synthetic"}) {
			return
		}
		if b.Generated == 0 {
			steps = 1
		}
		for i := range steps {
			p := record.Pass{Stage: record.Summarization, Tokens: b.Tokens}
			if b.Generated > 0 {
				p = record.Pass{Stage: record.Generation, Index: i, First: b.Tokens + first + i, Tokens: 1}
			}
			if !w.pass(&p) {
				return
			}
		}
		w.emit(&trace.End{Records: emitted + 1})
	}
}

// decay gives each layer's share so that shares fall exponentially from 1 and their mean is given.
func decay(layers int, mean float64) []float64 {
	at := func(rate float64) (shares []float64, sum float64) {
		for l := range layers {
			s := math.Exp(-rate * float64(l) / float64(layers))
			shares, sum = append(shares, s), sum+s
		}
		return shares, sum
	}
	lo, hi := 0.0, 50.0
	for range 60 {
		mid := (lo + hi) / 2
		if _, sum := at(mid); sum > mean*float64(layers) {
			lo = mid
		} else {
			hi = mid
		}
	}
	shares, _ := at((lo + hi) / 2)
	return shares
}

// scattered is the positions in the order in which they survive: spread over the sequence by multiplicative hashing.
func scattered(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	slices.SortStableFunc(out, func(a, b int32) int {
		return cmp.Compare(uint32(a)*2654435761, uint32(b)*2654435761)
	})
	return out
}

type writer struct {
	b             *Benchmark
	emit          func(trace.Record) bool
	bits          record.Bits
	values        float64
	lsbs, owed    float64
	threshold     float32
	tokens, heads []float64 // shares by layer
	order         []int32
}

// live gives the positions below n that a layer keeps, the newest always among them.
func (w *writer) live(n, keep int) []int32 {
	out := []int32{int32(n - 1)}
	for _, p := range w.order {
		if len(out) == keep {
			break
		}
		if int(p) < n-1 {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

func kept(n int, share float64) int { return max(1, int(math.Round(float64(n)*share))) }

func (w *writer) pass(p *record.Pass) bool {
	if !w.emit(p) {
		return false
	}
	m, n := &w.b.Model, p.First+p.Tokens
	for l := range m.Layers {
		layer := record.Layer{Index: l, Keys: w.live(n, kept(n, w.tokens[l])), Bits: w.bits, Threshold: w.threshold}
		layer.Queries = layer.Keys
		if p.Stage == record.Generation {
			layer.Queries = []int32{int32(p.First)}
		}
		heads := kept(m.Heads, w.heads[l])
		for h := range heads {
			layer.Heads = append(layer.Heads, int32(h))
		}
		if !w.emit(&layer) {
			return false
		}
		for h := range heads {
			if !w.head(p, &layer, h) {
				return false
			}
		}
		if l+1 < m.Layers && !w.rank(&layer, n, l) {
			return false
		}
	}
	return true
}

func (w *writer) head(p *record.Pass, layer *record.Layer, h int) bool {
	head := record.Head{Head: h, Group: h, Queries: make([]record.Query, len(layer.Queries))}
	keys := int32(len(layer.Keys))
	values := int32(kept(int(keys), w.values))
	for i := range head.Queries {
		q := record.Query{Keys: keys, Values: values, MaxProb: 1}
		if w.owed += w.lsbs; w.owed >= 1 {
			w.owed--
			q.LSBs, q.MaxProb = keys, w.threshold/2
		}
		head.Queries[i] = q
	}
	if !w.emit(&head) || p.Stage != record.Generation {
		return p.Stage != record.Generation
	}
	g := &record.Group{Group: h, Keys: keys, LSBs: head.Queries[0].LSBs, Values: values}
	g.Bytes = trace.KVBytes(g, w.b.Model.HeadDim, layer.Bits)
	return w.emit(g)
}

func (w *writer) rank(layer *record.Layer, n, l int) bool {
	if k := kept(n, w.tokens[l+1]); w.tokens[l+1] < 1 {
		if !w.emit(&record.Rank{Kind: record.RankTokens, Candidates: len(layer.Keys), Keep: min(k, len(layer.Keys))}) {
			return false
		}
	}
	if k := kept(w.b.Model.Heads, w.heads[l+1]); w.heads[l+1] < 1 {
		return w.emit(&record.Rank{Kind: record.RankHeads, Candidates: len(layer.Heads), Keep: min(k, len(layer.Heads))})
	}
	return true
}
