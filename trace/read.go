package trace

import (
	"encoding/binary"
	"math"

	"spatten/attention/record"
)

func (r *Reader) readRun() {
	r.run = record.Run{
		Model: r.text("model"), Architecture: r.text("architecture"), Precision: r.text("precision"),
		Schedule: r.text("schedule"), ScheduleHash: r.text("schedule hash"),
		Layers: r.int("layers", maxLayers), Heads: r.int("heads", maxHeads), KVHeads: r.int("key/value heads", maxHeads),
		HeadDim: r.int("head width", maxPositions), ModelDim: r.int("model width", maxPositions),
		Causal: r.flag("causal"), Seed: r.uint("seed", math.MaxUint64),
	}
	if r.err == nil && (r.run.Layers == 0 || r.run.Heads == 0 || r.run.KVHeads == 0 || r.run.HeadDim == 0 || r.run.Heads%r.run.KVHeads != 0) {
		r.fail("shape of the run", ErrCorrupt)
	}
	if r.err != nil {
		return
	}
	r.inRun, r.inPass, r.inLayer, r.records = true, false, false, 1
	r.state.begin(&r.run)
}

func (r *Reader) readEnd() {
	r.end.Records = r.uint("number of records", math.MaxUint64)
	if r.end.Records != r.records {
		r.fail("number of records", ErrCorrupt)
	}
	r.inRun = false
}

func (r *Reader) readPass() {
	r.pass = record.Pass{
		Stage: record.Stage(r.int("stage", int(record.Generation))), Index: r.int("pass", math.MaxInt32),
		First: r.int("first position", maxPositions), Tokens: r.int("tokens of the pass", maxPositions),
	}
	if r.pass.First+r.pass.Tokens > maxPositions {
		r.fail("tokens of the pass", ErrCorrupt)
	}
	if r.err != nil {
		return
	}
	r.inPass, r.inLayer = true, false
	r.state.enter(&r.pass)
}

func (r *Reader) readLayer() {
	l := &r.layer
	l.Index = r.int("layer", r.run.Layers-1)
	limit := r.pass.First + r.pass.Tokens
	r.queries = r.set("queries of a layer", r.queries, r.state.queries, limit)
	if len(r.queries) > 0 && int(r.queries[0]) < r.pass.First {
		r.fail("queries of a layer", ErrCorrupt)
	}
	if r.err != nil {
		return
	}
	r.keys = r.set("keys of a layer", r.keys, r.state.keyReference(l.Index, r.queries), limit)
	r.heads = r.set("heads of a layer", r.heads, r.state.heads, r.run.Heads)
	l.Queries, l.Keys, l.Heads = r.queries, r.keys, r.heads
	for _, b := range []*uint8{&l.Bits.Query, &l.Bits.KeyMSB, &l.Bits.KeyLSB, &l.Bits.Value, &l.Bits.KeyScale, &l.Bits.ValScale} {
		*b = r.byte("bits")
	}
	l.Threshold = r.float("threshold")
	if r.state.held+len(l.Keys) > maxRemembered {
		r.fail("keys of a layer", ErrCorrupt)
	}
	if r.err != nil {
		return
	}
	r.inLayer = true
	r.state.leave(l)
}

func (r *Reader) readFC() {
	r.fc = record.FC{
		Kind: record.FCKind(r.int("kind of product", int(record.FCLMHead))), Rows: r.int("rows", math.MaxInt32),
		In: r.int("inputs", math.MaxInt32), Out: r.int("outputs", math.MaxInt32), WeightBits: r.float("weight bits"),
	}
}

func (r *Reader) readHead() {
	h := &r.head
	h.Head, h.Group = r.int("head", r.run.Heads-1), r.int("group", r.run.KVHeads-1)
	h.Keys = nil
	if r.flag("own keys") {
		r.headKeys = r.set("keys of a head", r.headKeys, r.state.keys, r.pass.First+r.pass.Tokens)
		h.Keys = r.headKeys
		if h.Keys == nil {
			h.Keys = []int32{}
		}
	}
	n := r.int("queries of a head", len(r.state.queries))
	h.Queries = h.Queries[:0]
	var last int64
	for range n {
		last += r.delta("keys of a query")
		h.Queries = append(h.Queries, record.Query{Keys: r.count("keys of a query", last, int64(len(r.state.keys)))})
	}
	for i := range h.Queries {
		h.Queries[i].LSBs = int32(r.int("keys fetched again", int(h.Queries[i].Keys)))
	}
	last = 0
	for i := range h.Queries {
		last += r.delta("values of a query")
		h.Queries[i].Values = r.count("values of a query", last, int64(h.Queries[i].Keys))
	}
	for i := range h.Queries {
		if b := r.fixed("largest probability", 2); b != nil {
			h.Queries[i].MaxProb = float32(binary.LittleEndian.Uint16(b)) / 65535
		}
	}
	r.values = r.positions("positions of values", r.values, h, values)
	r.lsbs = r.positions("positions of LSBs", r.lsbs, h, lsbs)
	h.ValuePositions, h.LSBPositions = r.values, r.lsbs
	r.probabilities = r.floats("probabilities", r.probabilities, maxListed)
	r.scores = r.floats("scores", r.scores, maxListed)
	h.Probabilities, h.Scores = r.probabilities, r.scores
}

// count checks a number that was stored as a difference.
func (r *Reader) count(field string, v, limit int64) int32 {
	if v < 0 || v > limit {
		r.fail(field, ErrCorrupt)
		return 0
	}
	return int32(v)
}

// positions reads what Writer.positions wrote.
func (r *Reader) positions(field string, dst []int32, h *record.Head, k kind) []int32 {
	total := r.int(field, maxListed)
	dst = dst[:0]
	if total == 0 || r.err != nil {
		return dst
	}
	limit, last := r.pass.First+r.pass.Tokens, r.state.lists.of(place{r.layer.Index, h.Head, k})
	for i := range h.Queries {
		n := k.count(&h.Queries[i])
		if r.err != nil || n >= int(h.Queries[i].Keys) {
			continue
		}
		if len(dst)+n > total {
			r.fail(field, ErrCorrupt)
			return nil
		}
		dst = r.list(field, dst, n, limit, last, k)
	}
	if len(dst) != total {
		r.fail(field, ErrCorrupt)
	}
	return dst
}

func (r *Reader) readGroup() {
	r.group = record.Group{
		Group: r.int("group", r.run.KVHeads-1), Keys: int32(r.int("keys of a group", maxPositions)),
		LSBs: int32(r.int("LSB rows of a group", maxPositions)), Values: int32(r.int("values of a group", maxPositions)),
		Bytes: int64(r.uint("bytes of a group", math.MaxInt64)),
	}
}

func (r *Reader) readRank() {
	r.rank = record.Rank{
		Kind: record.RankKind(r.int("kind of ranking", int(record.RankHeads))), Candidates: r.int("candidates", maxPositions),
		Keep: r.int("kept", maxPositions),
	}
	r.ranked = r.floats("ranked scores", r.ranked, maxPositions)
	r.rank.Scores = r.ranked
}
