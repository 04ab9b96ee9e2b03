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
	(*lists)[row] = append((*lists)[row][:0], chosen...)
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
	w.starts = w.starts[:0]
	for _, n := range w.see {
		w.starts = append(w.starts, total)
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
		rec := &s.work.record
		*rec = record.Head{Head: int(h), Group: s.shape.group(int(h)), Queries: hw.queries}
		if own {
			rec.Keys = positions
		}
		if s.listsRows() {
			rec.ValuePositions, rec.LSBPositions = flatten(&hw.valueList, hw.values, positions), flatten(&hw.lsbList, hw.lsbs, positions)
		}
		if s.wants.Probabilities {
			rec.Probabilities = hw.probs
		}
		if s.wants.Scores {
			rec.Scores = hw.scores
		}
		s.recorder.Head(rec)
	}
}

// flatten joins lists of row indices as positions, in mem where they are not the one list itself.
func flatten(mem *[]int32, lists [][]int32, positions []int32) []int32 {
	if n := len(positions); len(lists) == 1 && n > 0 && int(positions[n-1]) == n-1 {
		return lists[0] // nothing has fallen: an index is a position
	}
	out := (*mem)[:0]
	for _, l := range lists {
		for _, i := range l {
			out = append(out, positions[i])
		}
	}
	*mem = out
	return out
}

// union marks, in summarization, the rows that the heads that have just run read for their groups.
func (w *work) union() {
	values := w.s.schedule.Values.At(w.s.pass.layer) < 1
	for i, h := range w.heads {
		g := w.s.shape.group(int(h))
		r, u := &w.reads[g], &w.unions[g]
		r.Keys = max(r.Keys, int32(w.n)) // of a group's heads the first sees the most
		for j := range w.items[i*w.spans : (i+1)*w.spans] {
			it := &w.items[i*w.spans+j]
			if values {
				u.values.mark(it.values, w.index, w.n, len(w.l.positions))
			}
			if w.s.schedule.Key.Ask == AskKey {
				u.lsbs.mark(it.lsbs, w.index, w.n, len(w.l.positions))
			} else if it.anyLSB {
				r.LSBs = max(r.LSBs, int32(w.coded(g)))
			}
		}
		if !values {
			r.Values = max(r.Values, int32(w.n))
		} else {
			r.Values = u.values.count
		}
		if w.s.schedule.Key.Ask == AskKey {
			r.LSBs = u.lsbs.count
		}
	}
}

// union is the set of a group's rows that any query of any of its heads has read.
type union struct{ values, lsbs rowSet }

// rowSet is a set of rows of the cache.
type rowSet struct {
	in    []bool
	count int32
}

// mark adds the live rows whose mark is set.
func (u *rowSet) mark(marks []float32, index []int32, n, rows int) {
	if len(u.in) != rows {
		u.in = cleared(u.in, rows)
	}
	for i, m := range marks[:n] {
		at := i
		if index != nil {
			at = int(index[i])
		}
		if m != 0 && !u.in[at] {
			u.in[at] = true
			u.count++
		}
	}
}

func (u *rowSet) clear() { u.in, u.count = u.in[:0], 0 }

// countStep counts, in generation, the distinct rows that the heads of each group read.
func (w *work) countStep() {
	t := &w.workers[0]
	for i, group := range w.l.groups {
		heads := w.step.perHead[w.step.first[i]:w.step.first[i+1]]
		r := &w.reads[group]
		r.Keys, r.Values = int32(w.n), int32(w.n)
		if w.chosen() {
			r.Values = w.distinct(t, heads, func(c *chosen) []int32 { return c.values })
		}
		if slices.ContainsFunc(heads, func(c chosen) bool { return c.again }) {
			r.LSBs = int32(w.coded(int(group)))
		} else {
			r.LSBs = w.distinct(t, heads, func(c *chosen) []int32 { return c.lsbs })
		}
	}
}

// distinct counts the rows that are in any of the heads' lists.
func (w *work) distinct(t *worker, heads []chosen, list func(*chosen) []int32) (count int32) {
	if w.s.schedule.Choose == ByGroup || len(heads) == 1 {
		return int32(len(list(&heads[0]))) // one list for all
	}
	t.mark = cleared(t.mark, w.n)
	for i := range heads {
		for _, row := range list(&heads[i]) {
			count += int32(1 - t.mark[row])
			t.mark[row] = 1
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
		s.work.unions[g].values.clear()
		s.work.unions[g].lsbs.clear()
	}
}
