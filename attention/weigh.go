package attention

import (
	"spatten/attention/kernel"
	"spatten/attention/quant"
)

// valueBlocks returns the number of blocks into which a group's values are cut: runs of the lists of those that are chosen, of all rows
// where none is left out.
func (w *work) valueBlocks() int {
	return blocks(min(w.n, max(1, floor(w.n, w.s.schedule.Values.At(w.s.pass.layer)))))
}

// blockValues sums a block of a group's values, weighted by each of its heads.
func (w *work) blockValues(t *worker, group, b int) {
	g, d := &w.step, w.s.shape.HeadDim
	wide := kernel.Pad(d)
	values := w.l.values[w.l.groups[group]]
	first, last := g.first[group], g.first[group+1]
	partial := g.partial[(b*len(w.heads)+first)*wide:]
	if w.chosen() {
		heads := 1
		if w.s.schedule.Choose == ByGroup {
			heads = last - first // one list for all
		}
		for h := first; h < last; h += heads {
			w.weighRows(t, values, b, h, heads, partial[(h-first)*wide:])
		}
		return
	}
	from, to := b*blockKeys, min((b+1)*blockKeys, w.n)
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
	w.weighCodes(t, values, from, n, last-first, partial)
}

// weighCodes writes the sums of n rows from the first on for m heads, whose weights are in t.weights.
func (w *work) weighCodes(t *worker, values *quant.Rows, first, n, m int, partial []float32) {
	d, ld := w.s.shape.HeadDim, kernel.Pad(n)
	clear(partial[:m*d])
	kernel.Weigh(partial, d, t.weights, ld, m, values.High().Codes(t.scratch.Bytes(), nil, first, n), d, n)
	offset := values.Format().Offset(true)
	for h := range m {
		kernel.Affine(partial[h*d:(h+1)*d], offset*kernel.Sum(t.weights[h*ld:(h+1)*ld]), 1)
	}
}

// weighRows writes the sums of a block of the rows that some heads have chosen, the first of them h, each times its exponential, and the
// sums of those.
func (w *work) weighRows(t *worker, values *quant.Rows, b, h, heads int, out []float32) {
	g, d := &w.step, w.s.shape.HeadDim
	wide := kernel.Pad(d)
	list := g.perHead[h].values
	from := min(b*blockKeys, len(list))
	list = list[from:] // what comes after the block is fetched before its turn
	n := min(blockKeys, len(list))
	kept := g.kept[b*len(w.heads)+h:][:heads]
	if w.rawValues {
		t.sums = room(t.sums, 2*heads)
		values.High().Chosen(out, d, t.sums, g.probs[h*g.ld:], g.ld, heads, values.Scales(), list, n, &t.scratch)
		for i := range kept {
			kernel.Affine(out[i*d:(i+1)*d], values.Format().Offset(true)*t.sums[2*i], 1)
			kept[i] = t.sums[2*i+1]
		}
		return
	}
	clear(out[:heads*wide])
	clear(kept)
	if n == 0 {
		return
	}
	t.rows, t.weights = room(t.rows, n*wide), room(t.weights, kernel.Pad(n))
	w.readWide(t, t.rows, values, list[:n], 0, n)
	clear(t.weights[n:])
	for i := range kept {
		kernel.Gather(t.weights[:n], g.probs[(h+i)*g.ld:], list[:n])
		kept[i] = kernel.Sum(t.weights)
		for c := 0; c < wide; c += kernel.Lanes {
			kernel.Tile(out[i*wide+c:], wide, t.weights, n, 1, t.rows[c:], wide, n, false)
		}
	}
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
