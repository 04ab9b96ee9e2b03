package attention

import (
	"slices"

	"spatten/attention/kernel"
	"spatten/attention/quant"
	"spatten/attention/record"
)

// Choice says who chooses which values, and with ask: key which keys' least significant bits, a generated token fetches.
type Choice string

// ByQueryHead lets every head choose its own, as the paper does. ByGroup lets the query heads that share a key/value head
// choose together, by the sum of their probabilities: a row that one of them fetches costs the others nothing, and the rows
// that are read are exactly as many as the schedule says, not the union of what each head wanted.
const (
	ByQueryHead Choice = "head"
	ByGroup     Choice = "group"
)

// chooseGroup is choose for all heads of a group together.
func (w *work) chooseGroup(t *worker, group int) {
	s, g, layer := w.s, &w.step, w.s.pass.layer
	first, last := g.first[group], g.first[group+1]
	keys := w.l.keys[w.l.groups[group]]
	byKey := s.schedule.Key.Ask == AskKey && s.schedule.Key.LSB.At(layer) > 0
	for i := first; i < last; i++ {
		c, q := &g.perHead[i], &w.perHead[w.heads[i]].queries[0]
		*q = record.Query{Keys: int32(w.n)}
		if !byKey {
			w.progress(t, c, q, i, int(w.heads[i]))
		}
		q.MaxProb = c.max
	}
	if byKey {
		w.progressGroup(t, keys, first, last)
	}
	if s.wants.Probabilities || w.counted() || !w.chosen() {
		for i := first; i < last; i++ {
			w.normalize(&g.perHead[i], i)
		}
	}
	w.cutGroup(t, first, last)
}

// progressGroup fetches the least significant bits of the keys that the heads together found the most probable.
func (w *work) progressGroup(t *worker, keys *quant.Rows, first, last int) {
	g, k, layer := &w.step, &w.s.schedule.Key, w.s.pass.layer
	w.together(t, first, last)
	t.chosen = w.pick(t, k.Share.At(layer), k.Mass.At(layer), last-first)
	coded, _ := slices.BinarySearch(t.chosen, int32(keys.Coded())) // what waits for its block is read in full anyway
	var fresh []float32
	if coded > 0 {
		fresh = w.refetch(t, keys, t.chosen[:coded], first, last)
	}
	for i := first; i < last; i++ {
		c, head := &g.perHead[i], w.heads[i]
		if i == first {
			c.lsbs = append(c.lsbs[:0], t.chosen[:coded]...)
		}
		c.lsbs = g.perHead[first].lsbs // one list for all
		w.perHead[head].queries[0].LSBs = int32(coded)
		w.listRows(&w.perHead[head].lsbs, c.lsbs, 0)
	}
	w.renew(t, first, last, fresh)
}

// cutGroup chooses the values of a group.
func (w *work) cutGroup(t *worker, first, last int) {
	s, g, layer := w.s, &w.step, w.s.pass.layer
	if !w.chosen() {
		for i := first; i < last; i++ {
			g.perHead[i].values = g.perHead[i].values[:0]
			w.perHead[w.heads[i]].queries[0].Values = int32(w.n)
		}
		return
	}
	w.together(t, first, last)
	t.chosen = w.pick(t, s.schedule.Values.At(layer), s.schedule.Mass.At(layer), last-first)
	for i := first; i < last; i++ {
		c := &g.perHead[i]
		if i == first {
			c.values = append(c.values[:0], t.chosen...)
		}
		c.values = g.perHead[first].values // one list for all
		w.perHead[w.heads[i]].queries[0].Values = int32(len(c.values))
		w.listRows(&w.perHead[w.heads[i]].values, c.values, 0)
	}
}

// together sums the probabilities of a group's heads in t.sums.
func (w *work) together(t *worker, first, last int) {
	g := &w.step
	t.factor = t.factor[:0]
	for i := first; i < last; i++ {
		t.factor = append(t.factor, g.perHead[i].norm)
	}
	t.sums = room(t.sums, g.ld)
	kernel.Mix(t.sums, g.probs[first*g.ld:], g.ld, t.factor, w.cpu)
}

// pick returns, ascending, the rows with the largest of t.sums: a share of them, or fewer where fewer hold the mass of the
// probability, which is 1 for every head.
func (w *work) pick(t *worker, share, mass float64, heads int) []int32 {
	rows := t.top.Select(t.chosen[:0], t.sums[:w.n], min(w.n, max(1, floor(w.n, share))))
	if mass >= 1 {
		return rows
	}
	return t.top.Mass(rows, t.sums, mass*float64(heads))
}
