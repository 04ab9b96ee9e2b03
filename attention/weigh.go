package attention

import (
	"slices"

	"spatten/attention/kernel"
	"spatten/attention/quant"
)

// blockValues sums a block of a group's values, weighted by each of its heads.
func (w *work) blockValues(t *worker, i int) {
	g, d := &w.step, w.s.shape.HeadDim
	wide := kernel.Pad(d)
	b, group := i%blocks(w.n), i/blocks(w.n)
	values := w.l.values[w.l.groups[group]]
	from, to := b*blockKeys, min((b+1)*blockKeys, w.n)
	first, last := g.first[group], g.first[group+1]
	partial := g.partial[(b*len(w.heads)+first)*wide:]
	w.countBlock(t, group, b, from, to)
	if w.chosen() && w.rawValues && w.s.schedule.Choose == ByGroup {
		w.weighGroup(t, values, from, to, first, last, partial)
		return
	}
	if w.chosen() {
		for h := first; h < last; h++ {
			c := &g.perHead[h]
			lo, _ := slices.BinarySearch(c.values, int32(from))
			hi, _ := slices.BinarySearch(c.values, int32(to))
			w.weighRows(t, values, c.values[lo:hi], c.weights[lo:hi], partial[(h-first)*wide:(h-first)*wide+wide])
		}
		return
	}
	if !w.rawValues {
		rows := values.Floats()
		if rows == nil || wide != d {
			t.rows = room(t.rows, (to-from)*wide)
			w.readWide(t, t.rows, values, nil, from, to-from)
			rows = t.rows
		} else {
			rows = rows[from*d:]
		}
		for c := 0; c < wide; c += kernel.Lanes {
			kernel.Tile(partial[c:], wide, g.probs[first*g.ld+from:], g.ld, last-first, rows[c:], wide, to-from, false)
		}
		return
	}
	w.weighBlock(t, values, from, to, first, last, partial)
}

// weighBlock sums a block of values in codes for all heads of a group at once.
func (w *work) weighBlock(t *worker, values *quant.Rows, from, to, first, last int, partial []float32) {
	g, n := &w.step, to-from
	ld := kernel.Pad(n)
	t.weights = cleared(t.weights, (last-first)*ld)
	for h := range last - first {
		row := t.weights[h*ld : h*ld+n]
		copy(row, g.probs[(first+h)*g.ld+from:])
		kernel.Rescale(row, 0, values.Scales()[from:], 1)
	}
	w.weighCodes(t, values, nil, from, n, last-first, partial)
}

// weighGroup sums the rows of a block that the heads of a group have chosen together.
func (w *work) weighGroup(t *worker, values *quant.Rows, from, to, first, last int, partial []float32) {
	list := w.step.perHead[first].values
	lo, _ := slices.BinarySearch(list, int32(from))
	hi, _ := slices.BinarySearch(list, int32(to))
	ld := kernel.Pad(hi - lo)
	t.weights = cleared(t.weights, (last-first)*ld)
	for h := range last - first {
		copy(t.weights[h*ld:], w.step.perHead[first+h].weights[lo:hi])
	}
	w.weighCodes(t, values, list[lo:hi], 0, hi-lo, last-first, partial)
}

// weighCodes writes the sums of n rows for m heads, whose weights are in t.weights: of the rows listed, or without a list
// from the first on.
func (w *work) weighCodes(t *worker, values *quant.Rows, list []int32, first, n, m int, partial []float32) {
	d, ld := w.s.shape.HeadDim, kernel.Pad(n)
	clear(partial[:m*d])
	if n == 0 {
		return
	}
	kernel.Weigh(partial, d, t.weights, ld, m, values.High().Codes(t.scratch.Bytes(), list, first, n), d, n)
	offset := values.Format().Offset(true)
	for h := range m {
		kernel.Affine(partial[h*d:(h+1)*d], offset*kernel.Sum(t.weights[h*ld:(h+1)*ld]), 1)
	}
}

// weighRows writes Σ weights·rows of the rows listed to out.
func (w *work) weighRows(t *worker, values *quant.Rows, rows []int32, weights, out []float32) {
	d := w.s.shape.HeadDim
	clear(out)
	if len(weights) == 0 {
		return
	}
	if !w.rawValues {
		wide := kernel.Pad(d)
		t.rows = room(t.rows, len(weights)*wide)
		w.readWide(t, t.rows, values, rows, 0, len(weights))
		for c := 0; c < wide; c += kernel.Lanes {
			kernel.Tile(out[c:], wide, weights, len(weights), 1, t.rows[c:], wide, len(weights), false)
		}
		return
	}
	kernel.Weigh(out, d, weights, len(weights), 1, values.High().Codes(t.scratch.Bytes(), rows, 0, len(weights)), d, len(weights))
	t.tile = append(t.tile[:0], weights...)
	for len(t.tile)%kernel.Lanes != 0 {
		t.tile = append(t.tile, 0)
	}
	kernel.Affine(out, values.Format().Offset(true)*kernel.Sum(t.tile), 1)
}

// readWide reads rows into rows of the padded width.
func (w *work) readWide(t *worker, dst []float32, values *quant.Rows, rows []int32, first, n int) {
	d := w.s.shape.HeadDim
	wide := kernel.Pad(d)
	if wide == d {
		values.Read(dst[:n*d], &t.scratch, rows, first, true, false)
		return
	}
	for i := range n {
		var list []int32
		if rows != nil {
			list = rows[i : i+1]
		}
		values.Read(dst[i*wide:i*wide+d], &t.scratch, list, first+i, true, false)
		clear(dst[i*wide+d : (i+1)*wide])
	}
}
