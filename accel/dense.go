package accel

import (
	"iter"

	"spatten/attention/record"
	"spatten/trace"
)

// Dense turns the records of a run into those of the same run without pruning: every position and head lives, every
// value is multiplied, no LSBs are asked for, nothing is ranked. Operands are stored at bits (12 for the machine's own
// width, 32 for fp32), queries too.
func Dense(records iter.Seq2[trace.Record, error], bits uint8) iter.Seq2[trace.Record, error] {
	return func(yield func(trace.Record, error) bool) {
		d := dense{bits: bits}
		for rec, err := range records {
			if err != nil {
				yield(nil, err)
				return
			}
			if !d.convert(rec, func(r trace.Record) bool { return yield(r, nil) }) {
				return
			}
		}
	}
}

type dense struct {
	bits  uint8
	run   record.Run
	pass  record.Pass
	layer record.Layer
	head  record.Head
	open  bool // the layer's heads have been given
}

func (d *dense) convert(rec trace.Record, yield func(trace.Record) bool) bool {
	switch r := rec.(type) {
	case *record.Run:
		d.run = *r
		d.run.Schedule, d.run.ScheduleHash = "", ""
		return yield(&d.run)
	case *record.Pass:
		d.pass = *r
		return yield(&d.pass)
	case *record.Layer:
		d.layer = record.Layer{Index: r.Index, Keys: upto(d.layer.Keys, 0, d.pass.First+d.pass.Tokens),
			Queries: upto(d.layer.Queries, d.pass.First, d.pass.First+d.pass.Tokens), Heads: upto(d.layer.Heads, 0, d.run.Heads),
			Bits: record.Bits{Query: d.bits, KeyMSB: d.bits, Value: d.bits}}
		d.open = false
		return yield(&d.layer)
	case *record.FC:
		return yield(d.fc(*r))
	case *record.Head:
		if d.open {
			return true
		}
		d.open = true
		return d.heads(yield)
	case *record.Group, *record.Rank:
		return true
	default:
		return yield(rec)
	}
}

// heads gives all heads of the layer, with all their queries, where the trace gives its first.
func (d *dense) heads(yield func(trace.Record) bool) bool {
	d.head.Queries = d.head.Queries[:0]
	n := len(d.layer.Keys)
	for i := range d.pass.Tokens {
		keys := n
		if d.run.Causal {
			keys = d.pass.First + i + 1
		}
		d.head.Queries = append(d.head.Queries, record.Query{Keys: int32(keys), Values: int32(keys), MaxProb: 1})
	}
	for h := range d.run.Heads {
		d.head.Head, d.head.Group = h, h*d.run.KVHeads/d.run.Heads
		if !yield(&d.head) {
			return false
		}
	}
	if d.pass.Stage == record.Generation {
		for g := range d.run.KVHeads {
			group := record.Group{Group: g, Keys: int32(n), Values: int32(n)}
			group.Bytes = trace.KVBytes(&group, d.run.HeadDim, d.layer.Bits)
			if !yield(&group) {
				return false
			}
		}
	}
	return true
}

// fc gives back the rows and the slices of heads that pruning took away.
func (d *dense) fc(r record.FC) *record.FC {
	if r.Kind != record.FCPooler && r.Kind != record.FCClassifier && r.Kind != record.FCLMHead {
		r.Rows = d.pass.Tokens
	}
	switch r.Kind {
	case record.FCQuery:
		r.Out = d.run.Heads * d.run.HeadDim
	case record.FCKey, record.FCValue:
		r.Out = d.run.KVHeads * d.run.HeadDim
	case record.FCOutput:
		r.In = d.run.Heads * d.run.HeadDim
	}
	return &r
}

func upto(s []int32, from, to int) []int32 {
	s = s[:0]
	for i := from; i < to; i++ {
		s = append(s, int32(i))
	}
	return s
}
