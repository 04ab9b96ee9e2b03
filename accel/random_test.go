package accel

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spatten/attention/record"
	"spatten/trace"
)

// drawRun draws a run of odd shapes: any D, grouped queries, both stages, long and empty rows, partial refetches, rankings.
func drawRun(t *rapid.T) (out []trace.Record, queries int) {
	groups := rapid.IntRange(1, 3).Draw(t, "groups")
	per := rapid.IntRange(1, 3).Draw(t, "heads a group")
	dim := rapid.SampledFrom([]int{8, 16, 48, 64, 80, 128, 512}).Draw(t, "dim")
	out = append(out, &record.Run{Model: "random", Layers: 2, Heads: groups * per, KVHeads: groups, HeadDim: dim, ModelDim: dim, Causal: true})
	n := rapid.IntRange(1, 300).Draw(t, "tokens")
	if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
		n *= 8
	}
	for pass := range rapid.IntRange(1, 3).Draw(t, "passes") {
		stage := record.Stage(rapid.IntRange(0, 1).Draw(t, "stage"))
		tokens := 1
		if stage == record.Summarization {
			tokens = rapid.IntRange(1, min(n, 20)).Draw(t, "chunk")
		}
		out = append(out, &record.Pass{Stage: stage, Index: pass, First: n - tokens, Tokens: tokens})
		for l := range 2 {
			var keys []int32
			step := rapid.IntRange(1, 3).Draw(t, "step")
			for p := 0; p < n; p += step {
				keys = append(keys, int32(p))
			}
			layer := &record.Layer{Index: l, Keys: keys, Queries: keys[len(keys)-1:], Bits: record.Bits{Query: 16,
				KeyMSB: uint8(rapid.SampledFrom([]int{4, 6, 8, 12, 32}).Draw(t, "msb")), KeyLSB: uint8(rapid.SampledFrom([]int{0, 4}).Draw(t, "lsb")),
				Value: uint8(rapid.SampledFrom([]int{6, 8, 32}).Draw(t, "value"))}}
			if rapid.Bool().Draw(t, "threshold") {
				layer.Threshold = 0.1
			}
			out = append(out, layer, &record.FC{Kind: record.FCUp, Rows: tokens, In: dim, Out: 3 * dim})
			for h := range groups * per {
				if rapid.IntRange(0, 4).Draw(t, "pruned") == 0 {
					continue
				}
				head := &record.Head{Head: h, Group: h / per}
				for range tokens {
					q := record.Query{Keys: int32(rapid.IntRange(0, len(keys)).Draw(t, "keys"))}
					q.Values = int32(rapid.IntRange(0, int(q.Keys)).Draw(t, "values"))
					q.LSBs = int32(rapid.SampledFrom([]int{0, int(q.Keys) / 2, int(q.Keys)}).Draw(t, "lsbs"))
					head.Queries = append(head.Queries, q)
					queries++
				}
				out = append(out, head)
			}
			if rapid.Bool().Draw(t, "rank") {
				out = append(out, &record.Rank{Kind: record.RankKind(l), Candidates: len(keys), Keep: rapid.IntRange(0, len(keys)).Draw(t, "keep")})
			}
		}
	}
	return append(out, &trace.End{}), queries
}

// Whatever the trace, the simulation ends, every query is answered, and what was asked for was moved.
func TestAnyTraceEnds(t *testing.T) {
	names := []string{"spatten", "spatten-e2e", "spatten-eighth"}
	rapid.Check(t, func(rt *rapid.T) {
		records, queries := drawRun(rt)
		m := machine(t, rapid.SampledFrom(names).Draw(rt, "machine"))
		m.Control.GQAReuse = rapid.Bool().Draw(rt, "reuse")
		m.DRAM.Standard = rapid.SampledFrom([]string{"hbm2", "ideal"}).Draw(rt, "standard")
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		var w tracks
		r, err := Simulate(ctx, func(yield func(trace.Record, error) bool) {
			for _, rec := range records {
				if !yield(rec, nil) {
					return
				}
			}
		}, m, Options{Rows: true, Observer: &w})
		if err != nil {
			rt.Fatal(err)
		}
		if len(r.Rows) != queries {
			rt.Fatalf("%d queries answered of %d", len(r.Rows), queries)
		}
		var channels int64
		for _, n := range r.Counters.Memory.ChannelBursts {
			channels += n
		}
		if channels != r.DRAMReads+r.DRAMWrites {
			rt.Fatalf("%d bursts asked for, %d moved", r.DRAMReads+r.DRAMWrites, channels)
		}
		if m.DRAM.Standard == "hbm2" && (r.Counters.DRAM.Reads != r.DRAMReads || r.Counters.DRAM.Writes != r.DRAMWrites) {
			rt.Fatalf("%d read and %d written, the DRAM says %d and %d", r.DRAMReads, r.DRAMWrites, r.Counters.DRAM.Reads, r.Counters.DRAM.Writes)
		}
		if track, bad := w.overlap(); bad != nil {
			rt.Fatalf("%v: slices %v overlap", track, bad)
		}
		for _, row := range r.Rows {
			if row.Response < row.Accept || row.Response > r.Cycles {
				rt.Fatalf("row %+v in a run of %d cycles", row, r.Cycles)
			}
		}
	})
}
