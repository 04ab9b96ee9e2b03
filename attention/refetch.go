package attention

import (
	"math"
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
			fresh = w.refetch(t, keys, c.lsbs, i, i+1)
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
	w.renew(t, i, i+1, fresh)
}

// renew makes some heads' exponentials again from their corrected scores: where keys were asked for, the same for all of them, of those alone,
// whose scores are in fresh, as channelRefetch leaves them, where they have been listed.
func (w *work) renew(t *worker, first, last int, fresh []float32) {
	g, list := &w.step, w.step.perHead[first].lsbs
	size := kernel.Pad(kernel.Fours * len(list))
	if w.s.wants.Scores {
		if fresh != nil {
			w.spread(fresh, list, first, last)
		}
		for i := first; i < last; i++ {
			copy(w.perHead[w.heads[i]].scores, g.scores[i*g.ld:i*g.ld+w.n])
		}
	}
	if g.perHead[first].again {
		for i := first; i < last; i++ {
			for j := w.n; j < g.ld; j++ {
				g.scores[i*g.ld+j] = -inf
			}
			w.exponentials(&g.perHead[i], i)
		}
		return
	}
	if len(list) == 0 {
		return
	}
	if fresh == nil {
		fresh = w.gatherFours(t, list, first, last)
	}
	for ; first < last; first += kernel.Fours {
		w.renewFours(t, list, first, min(first+kernel.Fours, last), fresh[:size])
		fresh = fresh[size:]
	}
}

// spread writes listed scores of some heads, four heads together, to where all scores are.
func (w *work) spread(fresh []float32, list []int32, first, last int) {
	g, size := &w.step, kernel.Pad(kernel.Fours*len(list))
	for i := first; i < last; i += kernel.Fours {
		kernel.Spread(g.scores[i*g.ld:], g.ld, fresh[(i-first)/kernel.Fours*size:], min(kernel.Fours, last-i), list)
	}
}

// gatherFours returns the listed scores of some heads, four heads together.
func (w *work) gatherFours(t *worker, list []int32, first, last int) []float32 {
	g, size := &w.step, kernel.Pad(kernel.Fours*len(list))
	t.tile = cleared(t.tile, (last-first+kernel.Fours-1)/kernel.Fours*size)
	for i := range last - first {
		scores, to := g.scores[(first+i)*g.ld:], t.tile[i/kernel.Fours*size+i%kernel.Fours:]
		for j, row := range list {
			to[kernel.Fours*j] = scores[row]
		}
	}
	return t.tile
}

// renewFours is renew for four heads at most.
func (w *work) renewFours(t *worker, list []int32, first, last int, fresh []float32) {
	const far = 40 // of exponents that keep the other exponentials exact
	g := &w.step
	for h := range t.tops {
		t.tops[h] = math.MaxFloat32 // nothing is above it
		if first+h < last {
			t.tops[h] = g.perHead[first+h].top
		}
	}
	for j := kernel.Fours * len(list); j < len(fresh); j++ {
		fresh[j] = -inf
	}
	t.exps = room(t.exps, len(fresh))
	if !(kernel.ExpFours(t.exps, fresh, &t.tops) < far) {
		w.spread(fresh, list, first, last)
		for i := first; i < last; i++ {
			w.exponentials(&g.perHead[i], i)
		}
		return
	}
	kernel.Spread(g.probs[first*g.ld:], g.ld, t.exps, last-first, list)
	for i := first; i < last; i++ {
		g.perHead[i].norm = 1 / kernel.Sum(g.probs[i*g.ld:(i+1)*g.ld])
	}
}

// refetch corrects some heads' scores of the listed keys, or of all, by their least significant bits. It may return listed ones instead, which
// renew or spread takes: four heads together, a number for each of the four, row after row, padded; then the next four heads.
func (w *work) refetch(t *worker, keys *quant.Rows, list []int32, first, last int) []float32 {
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
	return nil
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
func (w *work) channelRefetch(t *worker, keys *quant.Rows, list []int32, first, last int) []float32 {
	g, d := &w.step, w.s.shape.HeadDim
	everything := list == nil
	if everything {
		list = w.all(t, keys.Coded())
	}
	if len(list) == 0 {
		return nil // all keys wait for their block
	}
	w.setsOf(t, keys, list)
	group, _ := slices.BinarySearch(g.first, first+1)
	group-- // that of the heads
	sets, head, m, slots := len(keys.Blocks()), g.first[group], g.first[group+1]-g.first[group], g.slots[group+1]-g.slots[group]
	size := kernel.Pad(kernel.Fours * len(list))
	t.tile = room(t.tile, (last-first+kernel.Fours-1)/kernel.Fours*size)
	for i := first; i < last; i += kernel.Fours {
		slot := sets*g.slots[group] + i - head
		keys.Low().Refine(g.scores[i*g.ld:], g.ld, t.tile[(i-first)/kernel.Fours*size:], g.integers[(sets*head+i-head)*d:], min(kernel.Fours, last-i), m*d, list, t.sets,
			g.offsets[slot:], g.factors[slot:], slots, -keys.Format().Middle(), &t.scratch)
	}
	if everything {
		w.spread(t.tile, list, first, last)
		return nil
	}
	return t.tile
}

// setsOf finds the blocks of listed rows.
func (w *work) setsOf(t *worker, keys *quant.Rows, list []int32) {
	t.sets = room(t.sets, len(list))
	blocks := keys.Blocks()
	if len(blocks)*quant.BlockRows == keys.Coded() { // all of them whole
		for i, row := range list {
			t.sets[i] = int32(uint32(row) / quant.BlockRows)
		}
		return
	}
	at, end := 0, int32(0)
	for b, rows := range blocks {
		end += rows
		for at < len(list) && list[at] < end {
			t.sets[at] = int32(b)
			at++
		}
	}
}

// all lists the first n rows.
func (w *work) all(t *worker, n int) []int32 {
	t.every = room(t.every, n)
	for i := range t.every {
		t.every[i] = int32(i)
	}
	return t.every
}
