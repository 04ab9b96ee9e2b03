package trace

import (
	"slices"

	"spatten/attention/record"
)

// state is what both sides remember of the stream so far, so that sets can be stored as differences.
type state struct {
	run      record.Run
	pass     record.Pass
	previous [][]int32 // layer → its keys at the end of the previous pass
	queries  []int32   // the queries of the previous layer of this pass; before the first layer, all tokens of the pass
	keys     []int32   // the keys of the current layer
	heads    []int32   // the live heads of the previous layer; all of them before the first
	scratch  []int32
	held     int // positions in previous
	layer    int
	lists    lists
}

// begin starts a run.
func (s *state) begin(r *record.Run) {
	s.run = *r
	s.previous = make([][]int32, r.Layers)
	s.held = 0
	s.lists.begin()
}

// enter starts a pass.
func (s *state) enter(p *record.Pass) {
	s.pass = *p
	s.queries = span(s.queries[:0], p.First, p.Tokens)
	s.heads = span(s.heads[:0], 0, s.run.Heads)
}

// keyReference is the set that a layer's keys are stored against: what the layer held before, and this pass's queries.
func (s *state) keyReference(layer int, queries []int32) []int32 {
	s.scratch = merge(s.scratch[:0], s.previous[layer], queries)
	return s.scratch
}

// grown reports whether a layer's keys are what it held before and this pass's queries: no token has fallen.
func (s *state) grown(l *record.Layer) bool {
	held := s.previous[l.Index]
	return len(l.Keys) == len(held)+len(l.Queries) && slices.Equal(l.Keys[:len(held)], held) && slices.Equal(l.Keys[len(held):], l.Queries)
}

// leave remembers a layer's sets for the next layer and the next pass.
func (s *state) leave(l *record.Layer) {
	s.layer = l.Index
	s.lists.enter()
	s.queries = append(s.queries[:0], l.Queries...)
	s.heads = append(s.heads[:0], l.Heads...)
	s.keys = append(s.keys[:0], l.Keys...)
	s.held += len(l.Keys) - len(s.previous[l.Index])
	s.previous[l.Index] = append(s.previous[l.Index][:0], l.Keys...)
}
