package attention

import "slices"

// Follow is Next for a beam beside another: it enters the next layer with the tokens and heads that leader, a pass of a
// fork of the same prompt at the same length, has just entered it with. What is pruned for one beam is pruned for all
// (III-A). Rankings before each head (granularity head) cannot be followed.
func (p *Pass) Follow(leader *Pass) []int32 {
	s, to := p.seq, p.layer+1
	if to >= len(s.layers) {
		return p.Next()
	}
	p.layer++
	p.opened = false
	p.kept = p.kept[:0]
	with := &leader.seq.layers[to]
	if len(with.heads) < len(s.layers[to].heads) {
		s.leaveHeads(to, with.heads)
	}
	r := &s.work.rank
	r.live = append(r.live[:0], with.positions...)
	for _, row := range leader.rows {
		r.live = append(r.live, int32(leader.first)+row)
	}
	s.drop(to, r.live)
	return p.enter(r.live)
}

// leaveHeads enters a layer with the given query heads; the caches of groups without any are emptied.
func (s *Sequence) leaveHeads(to int, heads []int32) {
	next := &s.layers[to]
	next.heads, next.groups = slices.Clone(heads), nil
	for _, h := range heads {
		if g := int32(s.shape.group(int(h))); len(next.groups) == 0 || next.groups[len(next.groups)-1] != g {
			next.groups = append(next.groups, g)
		}
	}
	for g := range next.keys {
		if !slices.Contains(next.groups, int32(g)) {
			next.keys[g].Keep(nil)
			next.values[g].Keep(nil)
		}
	}
}
