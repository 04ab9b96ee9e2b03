package attention

import (
	"slices"

	"spatten/attention/kernel"
	"spatten/attention/quant"
	"spatten/attention/record"
)

// progress is progressive for the one query of a generated token: it reads least significant bits from their own plane and
// adds what they change to the scores.
func (w *work) progress(t *worker, c *chosen, q *record.Query, i, head int) {
	g, s, layer := &w.step, w.s, w.s.pass.layer
	k, keys := &s.schedule.Key, w.l.keys[s.shape.group(head)]
	threshold := k.Threshold.At(layer)
	var fresh []float32
	switch {
	case k.LSB.At(layer) == 0:
		return
	case k.Ask == AskKey:
		if threshold > 0 && c.max >= threshold {
			return
		}
		c.lsbs = t.top.Select(c.lsbs, g.scores[i*g.ld:i*g.ld+w.n], max(1, floor(w.n, k.Share.At(layer))))
		n, _ := slices.BinarySearch(c.lsbs, int32(keys.Coded())) // what waits for its block is read in full anyway
		c.lsbs = c.lsbs[:n]
		if n > 0 {
			fresh, _ = w.refetch(t, keys, c.lsbs, i, i+1)
		}
		q.LSBs = int32(n)
		w.listRows(&w.perHead[head].lsbs, c.lsbs, 0)
	case c.max < threshold:
		w.refetch(t, keys, nil, i, i+1)
		c.again = true
		q.LSBs = int32(keys.Coded())
	default:
		return
	}
	w.renew(t, c, i, fresh)
}

// renew makes a head's exponentials again from its corrected scores: where some keys were asked for, of those alone, whose scores are
// in fresh where they have been listed.
func (w *work) renew(t *worker, c *chosen, i int, fresh []float32) {
	g, head := &w.step, w.heads[i]
	scores, probs := g.scores[i*g.ld:(i+1)*g.ld], g.probs[i*g.ld:(i+1)*g.ld]
	if w.s.wants.Scores {
		copy(w.perHead[head].scores, scores[:w.n])
	}
	if c.again {
		for j := w.n; j < g.ld; j++ {
			scores[j] = -inf
		}
		w.exponentials(c, i)
		return
	}
	n := len(c.lsbs)
	if fresh == nil {
		t.tile = room(t.tile, kernel.Pad(n))
		fresh = t.tile
		kernel.Gather(fresh, scores, c.lsbs)
	}
	fresh = fresh[:kernel.Pad(n)]
	for j := n; j < len(fresh); j++ {
		fresh[j] = -inf
	}
	const far = 40 // of exponents that keep the other exponentials exact
	if n == 0 || !(kernel.Max(fresh) < c.top+far) {
		w.exponentials(c, i)
		return
	}
	kernel.Exp(fresh, fresh, c.top)
	for j, row := range c.lsbs {
		probs[row] = fresh[j]
	}
	c.norm = 1 / kernel.Sum(probs)
}

// refetch corrects some heads' scores of the listed keys, or of all, by their least significant bits. It may return the listed ones, a
// head's stride elements after those of the one before.
func (w *work) refetch(t *worker, keys *quant.Rows, list []int32, first, last int) (fresh []float32, stride int) {
	switch {
	case !w.rawKeys && list == nil:
		for i := first; i < last; i++ {
			w.floatScores(t, keys, segment{0, w.n, -1}, i, i+1, true, w.step.scores[i*w.step.ld:])
		}
	case !w.rawKeys:
		w.floatRefetch(t, keys, list, first, last)
	case !keys.Format().PerChannel:
		w.tokenRefetch(t, keys, list, first, last)
	default:
		return w.channelRefetch(t, keys, list, first, last)
	}
	return nil, 0
}

// floatRefetch scores the listed keys anew as fp32.
func (w *work) floatRefetch(t *worker, keys *quant.Rows, list []int32, first, last int) {
	d, m := w.s.shape.HeadDim, last-first
	q := w.step.q[first*d : last*d]
	t.panel, t.rows, t.tile = room(t.panel, kernel.Lanes*d), room(t.rows, kernel.Lanes*d), room(t.tile, m*kernel.Lanes)
	for len(list) > 0 {
		n := min(kernel.Lanes, len(list))
		clear(t.rows[n*d:])
		keys.Read(t.rows[:n*d], &t.scratch, list[:n], 0, true, false)
		kernel.Transpose(t.panel, t.rows, d)
		kernel.Tile(t.tile, kernel.Lanes, q, d, m, t.panel, kernel.Lanes, d, false)
		for i := range m {
			scores := w.step.scores[(first+i)*w.step.ld:]
			for j, row := range list[:n] {
				scores[row] = t.tile[i*kernel.Lanes+j] * rootOf(d)
			}
		}
		list = list[n:]
	}
}

// tokenRefetch adds to scores what the low codes add to integer products, with a scale a row.
func (w *work) tokenRefetch(t *worker, keys *quant.Rows, list []int32, first, last int) {
	g, d, m := &w.step, w.s.shape.HeadDim, last-first
	if list == nil {
		list = w.all(t, w.n)
	}
	t.sets = cleared(t.sets, len(list))
	ld := kernel.Pad(len(list))
	t.tile = room(t.tile, m*ld)
	keys.Low().Listed(t.tile, ld, g.integers[first*d:last*d], m, 0, list, t.sets, &t.scratch)
	for h := range m {
		scores, middle, factor := g.scores[(first+h)*g.ld:], -keys.Format().Middle()*g.offsets[first+h], g.factors[first+h]
		for j, row := range list {
			scores[row] += (t.tile[h*ld+j] + middle) * (quant.BFloat(keys.Scales()[row]) * factor)
		}
	}
}

// channelRefetch is tokenRefetch with the queries of every block.
func (w *work) channelRefetch(t *worker, keys *quant.Rows, list []int32, first, last int) (fresh []float32, stride int) {
	g, d, m := &w.step, w.s.shape.HeadDim, last-first
	if list == nil {
		list = w.all(t, keys.Coded())
	}
	if len(list) == 0 {
		return nil, 0 // all keys wait for their block
	}
	t.sets = room(t.sets, len(list))
	at, end := 0, int32(0)
	for b, rows := range keys.Blocks() {
		end += rows
		for at < len(list) && list[at] < end {
			t.sets[at] = int32(b)
			at++
		}
	}
	ld, sets := kernel.Pad(len(list)), len(w.heads)
	t.tile = room(t.tile, m*ld)
	keys.Low().Refine(g.scores[first*g.ld:], g.ld, t.tile, ld, g.integers[first*d:], m, sets*d, list, t.sets,
		g.offsets[first:], g.factors[first:], sets, -keys.Format().Middle(), &t.scratch)
	return t.tile, ld
}

// all lists the first n rows.
func (w *work) all(t *worker, n int) []int32 {
	t.every = room(t.every, n)
	for i := range t.every {
		t.every[i] = int32(i)
	}
	return t.every
}
