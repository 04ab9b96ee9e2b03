package attention

import (
	"slices"

	"spatten/attention/record"
	"spatten/attention/topk"
)

// ranking is the memory of rankings.
type ranking struct {
	top        topk.Selector
	candidates Candidates
	scores     []float32
	kept       []int32
	live       []int32
	heads      []int32
	rows       []int32
	passed     []int32
}

// pruneHeads keeps, entering a layer, the heads with the largest accumulated output (III-B).
func (s *Sequence) pruneHeads(to int) {
	from, next := &s.layers[to-1], &s.layers[to]
	// What has fallen in an earlier layer or an earlier step is gone.
	if len(from.heads) == s.shape.Heads && len(next.heads) == s.shape.Heads && s.schedule.Heads.At(to) == 1 {
		return
	}
	r := &s.work.rank
	r.heads = intersect(r.heads[:0], from.heads, next.heads)
	candidates := r.heads
	keep := max(1, floor(s.shape.Heads, s.schedule.Heads.At(to)))
	if keep < len(candidates) {
		r.scores = r.scores[:0]
		for _, h := range candidates {
			r.scores = append(r.scores, s.headScores[h])
		}
		r.kept = r.top.Select(r.kept[:0], r.scores, keep)
		s.recordRank(record.RankHeads, r.scores, len(candidates), keep)
		for i, k := range r.kept {
			candidates[i] = candidates[k]
		}
		candidates = candidates[:len(r.kept)]
	}
	if len(candidates) < len(next.heads) {
		s.leaveHeads(to, candidates)
	}
}

// pruneTokens decides which positions live entering a layer and drops the others from its cache (III-A). The candidates are the
// tokens that live in the layer before and have not fallen here in an earlier step.
func (s *Sequence) pruneTokens(to int) []int32 {
	from, next := &s.layers[to-1], &s.layers[to]
	r := &s.work.rank
	first := int32(s.pass.first)
	// Candidates: T of the layer before, cut with what this layer still holds; this pass's tokens are new to it.
	passed := s.survivors(from)
	old, _ := slices.BinarySearch(passed, first)
	if !s.schedule.prunesTokens() {
		return passed
	}
	r.live = intersect(r.live[:0], passed[:old], next.positions)
	r.live = append(r.live, passed[old:]...)
	if keep := max(s.schedule.keep(to, s.length), 1); keep < len(r.live) {
		s.rankTokens(to, keep)
	}
	s.drop(to, r.live)
	return r.live
}

// survivors returns the positions that live after a layer's last head.
func (s *Sequence) survivors(l *layer) []int32 {
	if l.until == nil {
		return l.positions
	}
	r := &s.work.rank
	r.passed = r.passed[:0]
	for i, p := range l.positions {
		if int(l.until[i]) == s.shape.Heads {
			r.passed = append(r.passed, p)
		}
	}
	return r.passed
}

// rankTokens cuts the candidates in work.rank.live to the keep most important.
func (s *Sequence) rankTokens(to, keep int) {
	r := &s.work.rank
	r.scores = slices.Grow(r.scores[:0], len(r.live))[:len(r.live)]
	c := &r.candidates
	c.Layer, c.Length, c.Keep, c.Positions = to-1, s.length, keep, r.live
	c.Sums, c.Queries = c.Sums[:0], c.Queries[:0]
	if !s.seen.want.None {
		scope := s.seen.scope(to - 1)
		sums, queries := s.seen.sums[scope], s.seen.queries[scope]
		for _, p := range r.live {
			c.Sums = append(c.Sums, sums[p])
			c.Queries = append(c.Queries, queries[p])
		}
	}
	s.importance.Score(r.scores, c)
	s.cost.ImportanceBytes += 4 * int64(len(r.live))
	s.recordRank(record.RankTokens, r.scores, len(r.live), keep)
	// The protected stay whatever their score, and count against the budget.
	protected := 0
	for i, p := range r.live {
		if s.protected(p) {
			r.scores[i] = inf
			protected++
		}
	}
	r.kept = r.top.Select(r.kept[:0], r.scores, max(keep, protected))
	for i, k := range r.kept {
		r.live[i] = r.live[k]
	}
	r.live = r.live[:len(r.kept)]
}

// protected reports whether a position must survive.
func (s *Sequence) protected(p int32) bool {
	g, at := &s.schedule.Protect, int(p)
	return at < g.First || at >= s.length-g.Recent || at < s.promptEnd && at >= s.promptEnd-g.Last ||
		s.shape.Causal && at == s.length-1 || slices.Contains(s.pass.protect, p)
}

// drop removes from a layer's cache every position that is not in live.
func (s *Sequence) drop(to int, live []int32) {
	next, r := &s.layers[to], &s.work.rank
	r.rows = r.rows[:0]
	at := 0
	for i, p := range next.positions {
		for at < len(live) && live[at] < p {
			at++
		}
		if at < len(live) && live[at] == p {
			r.rows = append(r.rows, int32(i))
		}
	}
	if len(r.rows) == len(next.positions) {
		return
	}
	for _, g := range next.groups {
		next.keys[g].Keep(r.rows)
		next.values[g].Keep(r.rows)
	}
	for i, row := range r.rows {
		next.positions[i] = next.positions[row]
		if next.until != nil {
			next.until[i] = next.until[row]
		}
	}
	if next.until != nil {
		next.until = next.until[:len(r.rows)]
	}
	next.positions = next.positions[:len(r.rows)]
}

func (s *Sequence) recordRank(kind record.RankKind, scores []float32, candidates, keep int) {
	if s.recorder == nil {
		return
	}
	rank := record.Rank{Kind: kind, Candidates: candidates, Keep: keep}
	if s.wants.Scores {
		rank.Scores = scores
	}
	s.recorder.Rank(&rank)
}

// intersect appends to dst what two ascending lists share.
func intersect(dst, a, b []int32) []int32 {
	j := 0
	for _, v := range a {
		for j < len(b) && b[j] < v {
			j++
		}
		if j < len(b) && b[j] == v {
			dst = append(dst, v)
		}
	}
	return dst
}
