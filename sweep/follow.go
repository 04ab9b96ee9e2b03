package sweep

import (
	"cmp"
	"errors"
	"iter"
	"math"
	"slices"

	"spatten/attention"
	"spatten/attention/quant"
	"spatten/attention/record"
	"spatten/paper"
	"spatten/trace"
)

// followed resolves a schedule for so many layers, if what it keeps follows from numbers alone. Where the data decide,
// there is no trace without a run.
func followed(s *attention.Schedule, layers int) (*attention.Schedule, error) {
	switch {
	case len(s.Mass)+len(s.Key.Mass) > 0:
		return nil, errors.New("what it keeps depends on the data (mass); record a run with it and sweep over the trace")
	case s.Granularity == attention.ByHead, s.Length != nil:
		return nil, errors.New("granularity: head and length cannot be followed without a run; record one and sweep over the trace")
	}
	return s.For(layers)
}

// follow writes the trace that a schedule leaves of a benchmark: how many tokens, heads and values stay and how wide they
// are follows from the schedule; which ones does not, they are spread over the sequence. As many queries ask for LSBs as
// were published (lsbs, a share), or what the schedule says where keys ask.
func follow(b *paper.Benchmark, s *attention.Schedule, lsbs float64, first, steps int) iter.Seq2[trace.Record, error] {
	return func(yield func(trace.Record, error) bool) {
		m, emitted := b.Model, uint64(0)
		f := follower{b: b, s: s, lsbs: lsbs, order: scattered(b.Tokens + b.Generated)}
		f.emit = func(r trace.Record) bool { emitted++; return yield(r, nil) }
		if !f.emit(&record.Run{Model: m.Name, Architecture: m.Family, Layers: m.Layers, Heads: m.Heads, KVHeads: m.Heads, HeadDim: m.HeadDim,
			ModelDim: m.Heads * m.HeadDim, Causal: b.Generated > 0, Precision: "synthetic", Schedule: s.YAML(), ScheduleHash: s.Hash()}) {
			return
		}
		if b.Generated == 0 {
			if !f.pass(&record.Pass{Stage: record.Summarization, Tokens: b.Tokens}) {
				return
			}
		}
		for i := range steps {
			if !f.pass(&record.Pass{Stage: record.Generation, Index: i, First: b.Tokens + first + i, Tokens: 1}) {
				return
			}
		}
		f.emit(&trace.End{Records: emitted + 1})
	}
}

type follower struct {
	b     *paper.Benchmark
	s     *attention.Schedule
	emit  func(trace.Record) bool
	lsbs  float64 // share of the queries that ask for LSBs
	owed  float64 // of those, what has not been asked for yet
	order []int32 // positions in the order in which they survive
}

// share is ⌊n·share⌋, at least 1.
func share(n int, of float64) int { return max(1, int(math.Floor(float64(n)*of+1e-9))) }

func (f *follower) pass(p *record.Pass) bool {
	if !f.emit(p) {
		return false
	}
	n, layers := p.First+p.Tokens, f.b.Model.Layers
	for l := range layers {
		layer := record.Layer{Index: l, Keys: f.live(n, share(n, f.s.Tokens.At(l))), Bits: f.bits(l), Threshold: f.s.Key.Threshold.At(l)}
		layer.Queries = layer.Keys
		if p.Stage == record.Generation {
			layer.Queries = []int32{int32(p.First)}
		}
		for h := range share(f.b.Model.Heads, f.s.Heads.At(l)) {
			layer.Heads = append(layer.Heads, int32(h))
		}
		if !f.emit(&layer) {
			return false
		}
		for _, h := range layer.Heads {
			if !f.head(p, &layer, int(h)) {
				return false
			}
		}
		if l+1 < layers && !f.rank(&layer, n) {
			return false
		}
	}
	return true
}

// live gives the positions below n that stay, the newest always among them.
func (f *follower) live(n, keep int) []int32 {
	out := []int32{int32(n - 1)}
	for _, p := range f.order {
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

// bits are the stored widths of a layer.
func (f *follower) bits(l int) record.Bits {
	width := func(b int) int { return cmp.Or(b, 32) }
	key := quant.Format{MSB: width(f.s.Key.MSB.At(l)), LSB: f.s.Key.LSB.At(l), PerChannel: f.s.Key.Scale == attention.ByChannel}
	value := quant.Format{MSB: width(f.s.Value.Bits.At(l))}
	dim := f.b.Model.HeadDim
	return record.Bits{Query: uint8(width(f.s.Query.Bits.At(l))), KeyMSB: uint8(key.MSB), KeyLSB: uint8(key.LSB), Value: uint8(value.MSB),
		KeyScale: uint8(key.ScaleBits(dim)), ValScale: uint8(value.ScaleBits(dim))}
}

func (f *follower) head(p *record.Pass, layer *record.Layer, h int) bool {
	head := record.Head{Head: h, Group: h, Queries: make([]record.Query, len(layer.Queries))}
	keys := int32(len(layer.Keys))
	for i := range head.Queries {
		q := record.Query{Keys: keys, Values: int32(share(int(keys), f.s.Values.At(layer.Index))), MaxProb: 1}
		switch {
		case layer.Bits.KeyLSB == 0:
		case f.s.Key.Ask == attention.AskKey:
			q.LSBs = int32(share(int(keys), f.s.Key.Share.At(layer.Index)))
		default:
			if f.owed += f.lsbs; f.owed >= 1 {
				f.owed--
				q.LSBs, q.MaxProb = keys, layer.Threshold/2
			}
		}
		head.Queries[i] = q
	}
	if !f.emit(&head) {
		return false
	}
	if p.Stage != record.Generation {
		return true
	}
	q := head.Queries[0]
	g := &record.Group{Group: h, Keys: keys, LSBs: q.LSBs, Values: q.Values}
	g.Bytes = trace.KVBytes(g, f.b.Model.HeadDim, layer.Bits)
	return f.emit(g)
}

// rank emits the rankings that lead to the next layer.
func (f *follower) rank(layer *record.Layer, n int) bool {
	next := layer.Index + 1
	if keep := share(n, f.s.Tokens.At(next)); keep < len(layer.Keys) {
		if !f.emit(&record.Rank{Kind: record.RankTokens, Candidates: len(layer.Keys), Keep: keep}) {
			return false
		}
	}
	if keep := share(f.b.Model.Heads, f.s.Heads.At(next)); keep < len(layer.Heads) {
		return f.emit(&record.Rank{Kind: record.RankHeads, Candidates: len(layer.Heads), Keep: keep})
	}
	return true
}

// scattered is the positions spread over the sequence by multiplicative hashing.
func scattered(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	slices.SortStableFunc(out, func(a, b int32) int { return cmp.Compare(uint32(a)*2654435761, uint32(b)*2654435761) })
	return out
}
