package attention

import (
	"slices"

	"spatten/attention/record"
)

// listsRows reports whether row indices are listed: memory is addressed by position in generation.
func (s *Sequence) listsRows() bool {
	return s.recorder != nil && (s.pass.stage == record.Generation || s.wants.Positions)
}

// listRows keeps the indices that a query chose, for its head's record.
func (w *work) listRows(lists *[][]int32, chosen []int32, row int) {
	if !w.s.listsRows() {
		return
	}
	list := (*lists)[row][:0]
	for _, i := range chosen {
		list = append(list, i)
	}
	(*lists)[row] = list
}

// list keeps a query's row of probabilities or scores at its place among those of its head.
func (w *work) list(all *[]float32, values []float32, row int) {
	at := 0
	for _, n := range w.see[:row] {
		at += int(n)
	}
	copy((*all)[at:], values)
}

// ready makes room for the lists of a head's queries.
func (w *work) ready(h *headWork, rows int) {
	s := w.s
	if s.listsRows() {
		h.values, h.lsbs = emptied(h.values, rows), emptied(h.lsbs, rows)
	}
	if !s.wants.Probabilities && !s.wants.Scores {
		return
	}
	total := 0
	for _, n := range w.see {
		total += int(n)
	}
	if s.wants.Probabilities {
		h.probs = cleared(h.probs, total)
	}
	if s.wants.Scores {
		h.scores = cleared(h.scores, total)
	}
}

func emptied(lists [][]int32, n int) [][]int32 {
	for len(lists) < n {
		lists = append(lists, nil)
	}
	lists = lists[:n]
	for i := range lists {
		lists[i] = lists[i][:0]
	}
	return lists
}

// settle counts and records the heads that have just run over the keys at the given positions. own is the head's own
// live set, where the schedule prunes by head.
func (s *Sequence) settle(heads []int32, positions []int32, own bool) {
	progressive := s.schedule.Key.LSB.At(s.pass.layer) > 0
	for _, h := range heads {
		hw := &s.work.perHead[h]
		s.countQueries(hw.queries, progressive)
		if s.recorder == nil {
			continue
		}
		rec := record.Head{Head: int(h), Group: s.shape.group(int(h)), Queries: hw.queries}
		if own {
			rec.Keys = positions
		}
		if s.listsRows() {
			rec.ValuePositions, rec.LSBPositions = flatten(hw.values, positions), flatten(hw.lsbs, positions)
		}
		if s.wants.Probabilities {
			rec.Probabilities = hw.probs
		}
		if s.wants.Scores {
			rec.Scores = hw.scores
		}
		s.recorder.Head(&rec)
	}
}

// flatten joins lists of row indices as positions.
func flatten(lists [][]int32, positions []int32) []int32 {
	total := 0
	for _, l := range lists {
		total += len(l)
	}
	out := make([]int32, 0, total)
	for _, l := range lists {
		for _, i := range l {
			out = append(out, positions[i])
		}
	}
	return out
}

// union adds what the heads that have just run read to the counts of their groups.
func (s *Sequence) union(heads []int32, n int) {
	w := &s.work
	for i := 0; i < len(heads); {
		g := s.shape.group(int(heads[i]))
		last := i
		for last < len(heads) && s.shape.group(int(heads[last])) == g {
			last++
		}
		items := w.items[i*w.blocks : last*w.blocks]
		r := &w.reads[g]
		r.Keys = max(r.Keys, int32(n))
		if s.schedule.Values.At(s.pass.layer) < 1 {
			r.Values = max(r.Values, w.marked(items, n, func(it *item) []bool { return it.values }))
		} else {
			r.Values = max(r.Values, int32(n))
		}
		switch {
		case s.schedule.Key.Ask == AskKey:
			r.LSBs = max(r.LSBs, w.marked(items, n, func(it *item) []bool { return it.lsbs }))
		case slices.ContainsFunc(items, func(it item) bool { return it.anyLSB }):
			r.LSBs = max(r.LSBs, int32(n))
		}
		i = last
	}
}

// marked counts the rows that any of the items marked.
func (w *work) marked(items []item, n int, marks func(*item) []bool) int32 {
	w.mark = clearedBools(w.mark, n)
	count := int32(0)
	for i := range items {
		for k, m := range marks(&items[i])[:n] {
			if m && !w.mark[k] {
				w.mark[k] = true
				count++
			}
		}
	}
	return count
}

// finish counts and records what the layer read for each key/value head.
func (s *Sequence) finish(l *layer) {
	for _, g := range l.groups {
		r := &s.work.reads[g]
		r.Group = int(g)
		key, value := l.keys[g], l.values[g]
		r.Bytes = (key.ReadBits(int(r.Keys), int(r.LSBs))+7)/8 + (value.ReadBits(int(r.Values), 0)+7)/8
		s.countGroup(*r, len(l.positions))
		if s.recorder != nil && s.pass.stage == record.Generation {
			s.recorder.Group(r)
		}
		*r = record.Group{}
	}
}
