package attention

import (
	"math"

	"spatten/attention/kernel"
	"spatten/attention/quant"
	"spatten/attention/record"
	"spatten/tensor"
)

// panel is one key/value head's rows made ready for tiles: keys as panels of 16, transposed, values row by row.
type panel struct {
	high   []float32 // from their most significant bits
	full   []float32 // from both planes; the same slice where there is one
	v      []float32 // rows of the head's width padded to lanes
	scales []uint16  // of keys as codes
	vscale []uint16  // of values as codes
	mem    [3][]float32
	scale  [2][]uint16
}

// item is what one thread leaves behind of one span of one head.
type item struct {
	sums   []float32 // probability that each key received from counted queries
	output float32   // Σ|O|
	values []float32 // 1 for value rows multiplied
	lsbs   []float32 // 1 for keys fetched again
	anyLSB bool      // of any
}

// summarize attends with many queries at once: keys and values are made ready once for a head and reused by all of them.
func (w *work) summarize(cpu *tensor.CPU) {
	s := w.s
	layer, padded := s.pass.layer, kernel.Pad(w.n)
	key := w.l.keys[w.l.groups[0]].Format()
	if key.PerChannel {
		w.rawKeys = false // a query would be quantized anew for every block
	}
	d, wide := s.shape.HeadDim, kernel.Pad(s.shape.HeadDim)
	lsb := s.schedule.Key.LSB.At(layer) > 0
	w.inTiles = w.rawKeys && w.index == nil && key.InPanels && key.MSB == 8 && key.LSB == 0 && kernel.TilesPanels()
	for _, g := range w.groups() {
		p := &w.panels[g]
		if !w.inTiles {
			p.mem[0] = room(p.mem[0], padded*d)
		}
		p.high, p.full = p.mem[0], p.mem[0]
		if lsb {
			p.mem[1] = room(p.mem[1], padded*d)
			p.full = p.mem[1]
		}
		if p.v = w.l.values[g].Floats(); p.v == nil || w.index != nil || wide != d {
			p.mem[2] = room(p.mem[2], w.n*wide)
			p.v = p.mem[2]
		}
		p.scales, p.vscale = w.scalesOf(&p.scale[0], w.l.keys[g], w.rawKeys), w.scalesOf(&p.scale[1], w.l.values[g], w.rawValues)
	}
	w.do(cpu, jobPanels, len(w.groups())*blocks(w.n))

	count := w.cutSpans()
	w.do(cpu, jobSpan, count)
	w.gather(count)
}

// cutSpans cuts the queries of all heads into spans, an item each, and returns their number.
func (w *work) cutSpans() int {
	s, layer, rows, padded := w.s, w.s.pass.layer, len(w.s.pass.rows), kernel.Pad(w.n)
	w.span = max(4*tileQueries, (rows+mostSpans-1)/mostSpans)
	w.span = (w.span + tileQueries - 1) / tileQueries * tileQueries
	w.spans = (rows + w.span - 1) / w.span
	count := w.spans * len(w.heads)
	for len(w.items) < count {
		w.items = append(w.items, item{})
	}
	for i := range w.items[:count] {
		it := &w.items[i]
		it.output, it.anyLSB = 0, false
		if !s.seen.want.None {
			it.sums = cleared(it.sums, padded)
		}
		if s.schedule.Values.At(layer) < 1 {
			it.values = cleared(it.values, padded)
		}
		if s.schedule.Key.Ask == AskKey {
			it.lsbs = cleared(it.lsbs, padded)
		}
	}
	return count
}

// gather adds up what the items of all spans left behind.
func (w *work) gather(count int) {
	s := w.s
	// Sums are added in the order of heads and spans, whoever computed them.
	w.sums = cleared(w.sums, kernel.Pad(w.n))
	for i := range w.items[:count] {
		if !s.seen.want.None {
			kernel.Add(w.sums, w.items[i].sums)
		}
		s.headScores[w.heads[i/w.spans]] += w.items[i].output
	}
	w.union()
}

// groups are the key/value heads of the heads that run.
func (w *work) groups() []int32 {
	if w.index == nil {
		return w.l.groups
	}
	g := w.s.shape.group(int(w.heads[0]))
	for i, group := range w.l.groups {
		if int(group) == g {
			return w.l.groups[i : i+1]
		}
	}
	return nil
}

func blocks(n int) int { return (n + blockKeys - 1) / blockKeys }

// scalesOf returns the scales of the live rows, in place where all rows live.
func (w *work) scalesOf(mem *[]uint16, r *quant.Rows, raw bool) []uint16 {
	if !raw || w.index == nil {
		return r.Scales()
	}
	*mem = (*mem)[:0]
	for _, i := range w.index {
		*mem = append(*mem, r.Scales()[i])
	}
	return *mem
}

// fill makes a block of a group's rows ready.
func (w *work) fill(t *worker, i int) {
	g := w.groups()[i/blocks(w.n)]
	p, d := &w.panels[g], w.s.shape.HeadDim
	first := i % blocks(w.n) * blockKeys
	last := min(first+blockKeys, w.n)
	t.rows = room(t.rows, kernel.Lanes*d)
	for at := first; at < last && !w.inTiles; at += kernel.Lanes {
		n := min(kernel.Lanes, last-at)
		clear(t.rows[n*d:])
		w.read(t, t.rows[:n*d], w.l.keys[g], at, false, w.rawKeys)
		kernel.Transpose(p.high[at*d:], t.rows, d)
		if len(p.full) > 0 && &p.full[0] != &p.high[0] {
			w.read(t, t.rows[:n*d], w.l.keys[g], at, true, w.rawKeys)
			kernel.Transpose(p.full[at*d:], t.rows, d)
		}
	}
	if len(p.mem[2]) == 0 || &p.v[0] != &p.mem[2][0] {
		return
	}
	wide := kernel.Pad(d)
	if wide == d {
		w.read(t, p.v[first*d:last*d], w.l.values[g], first, true, w.rawValues)
		return
	}
	for at := first; at < last; at++ {
		w.read(t, p.v[at*wide:at*wide+d], w.l.values[g], at, true, w.rawValues)
		clear(p.v[at*wide+d : (at+1)*wide])
	}
}

// read reads live rows from the first on.
func (w *work) read(t *worker, dst []float32, r *quant.Rows, first int, lsb, raw bool) {
	if w.index == nil {
		r.Read(dst, &t.scratch, nil, first, lsb, raw)
		return
	}
	n := len(dst) / w.s.shape.HeadDim
	r.Read(dst, &t.scratch, w.index[first:first+n], 0, lsb, raw)
}

// spanOf attends with some queries of one head.
func (w *work) spanOf(t *worker, i int) {
	head, from := int(w.heads[i/w.spans]), i%w.spans*w.span
	to := min(from+w.span, len(w.see))
	for r := from; r < to; r += tileQueries {
		w.queryTile(t, &w.items[i], head, r, min(r+tileQueries, to))
	}
}

// queryTile is softmax(Q·Kᵀ/√D)·V of neighbouring queries of one head.
func (w *work) queryTile(t *worker, it *item, head, from, to int) {
	s := w.s
	d, wide := s.shape.HeadDim, kernel.Pad(s.shape.HeadDim)
	p, hw := &w.panels[s.shape.group(head)], &w.perHead[head]
	m, most := to-from, 0
	for r := from; r < to; r++ {
		if !w.hidden(r) {
			most = max(most, int(w.see[r]))
		}
	}
	ld := kernel.Pad(most)
	w.loadQueries(t, head, from, to)
	t.scores = room(t.scores, m*ld)
	if w.inTiles {
		w.l.keys[s.shape.group(head)].Panels().Tile(t.scores, ld, t.integers, m, ld)
	} else {
		w.tileScores(t.scores, ld, t.q, m, p.high)
	}
	if s.schedule.Key.Ask == AskKey && s.schedule.Key.LSB.At(s.pass.layer) > 0 {
		t.full = room(t.full, m*ld)
		w.tileScores(t.full, ld, t.q, m, p.full)
	}
	for r := from; r < to; r++ {
		q := &hw.queries[r]
		*q = record.Query{}
		row := t.scores[(r-from)*ld : (r-from+1)*ld]
		n := int(w.see[r])
		if w.hidden(r) || n == 0 {
			clear(row)
			continue
		}
		q.Keys = int32(n)
		w.finishScores(t, row, n, r-from, p, false)
		q.MaxProb = w.progressive(t, it, p, q, row, head, r, r-from)
		if s.counts(s.pass.rows[r]) {
			kernel.Add(it.sums[:kernel.Pad(n)], row)
		}
		if s.wants.Probabilities {
			copy(hw.probs[w.starts[r]:], row[:n])
		}
		w.cutValues(t, it, q, row[:kernel.Pad(n)], n, head, r)
		if w.rawValues {
			kernel.Rescale(row[:n], 0, p.vscale, 1)
		}
		clear(row[n:])
	}
	w.weighTile(t, it, p, head, from, m, ld, most, wide, d)
}

// hidden reports whether a row's token has fallen before the head.
func (w *work) hidden(row int) bool { return len(w.dead) > 0 && w.dead[row] }

// loadQueries copies the queries of one head, scaled, or as 8-bit integers with their factors and sums.
func (w *work) loadQueries(t *worker, head, from, to int) {
	s, d := w.s, w.s.shape.HeadDim
	t.q, t.factor, t.offset = room(t.q, (to-from)*d), room(t.factor, to-from), room(t.offset, to-from)
	if w.rawKeys {
		t.integers = room(t.integers, (to-from)*d)
	}
	for r := from; r < to; r++ {
		at := r*s.shape.Heads*d + head*d
		q := t.q[(r-from)*d : (r-from+1)*d]
		copy(q, w.q[at:at+d])
		quantizeQuery(q, s.schedule.Query.Bits.At(s.pass.layer))
		if w.rawKeys {
			integer := t.integers[(r-from)*d : (r-from+1)*d]
			t.factor[r-from], t.offset[r-from] = integers(integer, q)
			for c := 0; c < d && !w.inTiles; c++ {
				q[c] = float32(integer[c])
			}
		}
	}
}

// integers quantizes a query to 8 bits and returns the factor from integer products to q·k/√D, and the sum of the integers.
func integers(dst []int8, q []float32) (factor, sum float32) {
	scale := kernel.AbsMax(q) / 127
	inverse := float32(0)
	if scale > 0 {
		inverse = 1 / scale
	}
	if inverse > math.MaxFloat32 {
		inverse, scale = 0, 0
	}
	total := kernel.Quantize(dst, q, inverse)
	return scale * rootOf(len(q)), float32(total)
}

// rootOf returns 1/√D.
func rootOf(d int) float32 { return float32(1 / math.Sqrt(float64(d))) }

// tileScores multiplies m queries with all keys of a panel.
func (w *work) tileScores(scores []float32, ld int, q []float32, m int, panel []float32) {
	d := w.s.shape.HeadDim
	for at := 0; at < ld; at += kernel.Lanes {
		kernel.Tile(scores[at:], ld, q, d, m, panel[at*d:], kernel.Lanes, d, false)
	}
}

// finishScores scales the n scores of one query; what is beyond them gets no probability.
func (w *work) finishScores(t *worker, row []float32, n, query int, p *panel, lsb bool) {
	if w.rawKeys {
		f := w.l.keys[w.l.groups[0]].Format()
		kernel.Rescale(row[:n], f.Offset(lsb || f.LSB == 0)*t.offset[query], p.scales, t.factor[query])
	} else {
		kernel.Scale(row[:n], rootOf(w.s.shape.HeadDim))
	}
	for i := n; i < len(row); i++ {
		row[i] = -inf
	}
}

// softmax writes the probabilities of n scores, padded with −∞, to probs, which may be the scores. It returns the largest score and the
// largest probability.
func softmax(probs, scores []float32, n int) (top, largest float32) {
	scores = scores[:kernel.Pad(n)]
	top = kernel.Max(scores)
	largest = 1 / kernel.Exp(probs, scores, top)
	kernel.Scale(probs[:len(scores)], largest)
	return top, largest
}

// weighTile multiplies the probabilities of neighbouring queries with the values, block of keys after block.
func (w *work) weighTile(t *worker, it *item, p *panel, head, from, m, ld, most, wide, d int) {
	s := w.s
	stride := s.shape.Heads * d
	t.tile = room(t.tile, m*wide)
	offset := w.l.values[w.l.groups[0]].Format()
	for r := from; r < from+m; r++ {
		clear(w.out[r*stride+head*d : r*stride+head*d+d])
	}
	for b := 0; b < most; b += blockKeys {
		n := min(blockKeys, most-b)
		for c := 0; c < wide; c += kernel.Lanes {
			kernel.Tile(t.tile[c:], wide, t.scores[b:], ld, m, p.v[b*wide+c:], wide, n, false)
		}
		for i := range m {
			tile := t.tile[i*wide : i*wide+d]
			if w.rawValues {
				row := t.scores[i*ld+b : (i+1)*ld]
				kernel.Affine(tile, offset.Offset(true)*kernel.Sum(row[:kernel.Pad(n)]), 1)
			}
			at := (from+i)*stride + head*d
			kernel.Add(w.out[at:at+d], tile)
		}
	}
	if s.prunesHeads {
		for r := from; r < from+m; r++ {
			it.output += magnitude(w.out[r*stride+head*d : r*stride+head*d+d])
		}
	}
}

// magnitude returns Σ|x| of a head's width: four sums side by side, since one would wait for itself.
func magnitude(x []float32) float32 {
	var a, b, c, d float32
	for ; len(x) >= 4; x = x[4:] {
		a += abs(x[0])
		b += abs(x[1])
		c += abs(x[2])
		d += abs(x[3])
	}
	return a + b + (c + d)
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
