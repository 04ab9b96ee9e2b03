package attention

import (
	"spatten/attention/kernel"
	"spatten/attention/quant"
	"spatten/attention/record"
	"spatten/tensor"
)

// generation is the memory of one generated token's attention: every key and value is read once, from where it lies.
type generation struct {
	ld       int       // keys, padded
	scores   []float32 // heads × ld
	probs    []float32 // heads × ld: probabilities
	q        []float32 // heads × D
	integers []int8    // heads × D: 8-bit queries; with a scale for each channel blocks × heads × D of each group after another
	factors  []float32 // of those; with a scale for each channel blocks × fours of each group
	offsets  []float32
	segments []segment
	parts    []part
	ready    []ready   // of each group
	first    []int     // of each group: the place of its first head among heads, and the number of heads at the end
	slots    []int     // the same with heads of each group counted in whole fours
	blocks   int       // of values
	partial  []float32 // blocks × heads × D, padded: sums of values
	kept     []float32 // blocks × heads: sums of the exponentials of the values that were chosen
	perHead  []chosen
}

// chosen is what one head chose.
type chosen struct {
	values []int32
	lsbs   []int32
	again  bool    // all LSBs
	top    float32 // the largest score of the first round
	max    float32 // and its probability
	norm   float32 // what turns the row of exponentials into probabilities
}

// segment is a run of keys that one thread scores in one go.
type segment struct {
	first, last int // rows
	block       int // first block, where scales are by channel
}

// segmentBlocks is the number of blocks with a scale for each channel in a segment.
const segmentBlocks = 16

// generate attends with the one query of every head.
func (w *work) generate(cpu *tensor.CPU) {
	s, g := w.s, &w.step
	d := s.shape.HeadDim
	w.release()
	g.ld = kernel.Pad(w.n)
	g.scores, g.probs = room(g.scores, len(w.heads)*g.ld), room(g.probs, len(w.heads)*g.ld)
	for len(g.perHead) < len(w.heads) {
		g.perHead = append(g.perHead, chosen{})
	}
	g.first = g.first[:0]
	for i, h := range w.heads {
		if i == 0 || s.shape.group(int(h)) != s.shape.group(int(w.heads[i-1])) {
			g.first = append(g.first, i)
		}
	}
	g.first = append(g.first, len(w.heads))
	g.slots = append(g.slots[:0], 0)
	for i, first := range g.first[1:] {
		g.slots = append(g.slots, g.slots[i]+(first-g.first[i]+kernel.Fours-1)/kernel.Fours*kernel.Fours)
	}
	w.cutSegments()
	w.stepQueries()
	g.blocks = w.valueBlocks()
	g.partial, g.kept = room(g.partial, g.blocks*len(w.heads)*kernel.Pad(d)), room(g.kept, g.blocks*len(w.heads))
	w.cutParts(cpu.Threads())
	for i := range w.workers {
		w.workers[i].top.Ahead = cpu
	}
	w.do(cpu, jobStep, len(g.parts))
	if !s.seen.want.None {
		w.sums = cleared(w.sums, g.ld)
	}
	for i, h := range w.heads {
		w.collect(i, int(h))
	}
	w.countStep()
}

// release gives back the memory that only a prompt needs.
func (w *work) release() {
	if len(w.items) == 0 {
		return
	}
	w.items = nil
	clear(w.panels)
	for i := range w.workers {
		w.workers[i].scores, w.workers[i].full = nil, nil
	}
}

// cutSegments cuts the keys into segments.
func (w *work) cutSegments() {
	g, keys := &w.step, w.l.keys[w.l.groups[0]]
	g.segments = g.segments[:0]
	at := 0
	if w.rawKeys && keys.Format().PerChannel {
		for b := 0; b < len(keys.Blocks()); b += segmentBlocks {
			next := at
			for _, n := range keys.Blocks()[b:min(b+segmentBlocks, len(keys.Blocks()))] {
				next += int(n)
			}
			g.segments = append(g.segments, segment{at, next, b})
			at = next
		}
	}
	for ; at < w.n; at += blockKeys {
		g.segments = append(g.segments, segment{at, min(at+blockKeys, w.n), -1})
	}
}

// stepQueries copies the queries, as 8-bit integers too where keys enter as codes.
func (w *work) stepQueries() {
	s, g, d := w.s, &w.step, w.s.shape.HeadDim
	keys := w.l.keys[w.l.groups[0]]
	g.q = room(g.q, len(w.heads)*d)
	perChannel := keys.Format().PerChannel
	switch sets := len(keys.Blocks()); {
	case w.rawKeys && perChannel:
		g.integers = room(g.integers, sets*len(w.heads)*d)
		slots := sets*g.slots[len(g.slots)-1] + kernel.Fours // fours are read from any place on
		g.factors, g.offsets = cleared(g.factors, slots), cleared(g.offsets, slots)
	case w.rawKeys:
		g.integers = room(g.integers, len(w.heads)*d)
		g.factors, g.offsets = room(g.factors, len(w.heads)), room(g.offsets, len(w.heads))
	}
	for i, h := range w.heads {
		q := g.q[i*d : (i+1)*d]
		copy(q, w.q[int(h)*d:])
		quantizeQuery(q, s.schedule.Query.Bits.At(s.pass.layer))
		if w.rawKeys && !perChannel {
			g.factors[i], g.offsets[i] = integers(g.integers[i*d:(i+1)*d], q)
		}
	}
}

// segmentScores scores a segment of a group's keys with the queries of all its heads.
func (w *work) segmentScores(t *worker, group, i int) {
	g := &w.step
	seg := g.segments[i]
	keys := w.l.keys[w.l.groups[group]]
	first, last := g.first[group], g.first[group+1]
	switch {
	case w.rawKeys && seg.block >= 0:
		w.channelScores(t, keys, seg, group)
	case w.rawKeys && !keys.Format().PerChannel:
		w.tokenScores(t, keys, seg, first, last)
	default:
		w.floatScores(t, keys, seg, first, last, false, g.scores[first*g.ld:])
	}
}

// tokenScores scores keys with a scale a row, codes against 8-bit queries.
func (w *work) tokenScores(t *worker, keys *quant.Rows, seg segment, first, last int) {
	g, d, f := &w.step, w.s.shape.HeadDim, keys.Format()
	up := float32(uint32(1) << f.LSB)
	offset := f.Offset(f.LSB == 0) / up
	n := seg.last - seg.first
	m := last - first
	t.offset, t.factor = room(t.offset, m), room(t.factor, m)
	for h := range m {
		t.offset[h], t.factor[h] = offset*g.offsets[first+h], 1
	}
	keys.Panels().Products(g.scores[first*g.ld+seg.first:], g.ld, g.integers[first*d:last*d], m, seg.first, n, t.offset, t.factor, &t.tile)
	for i := first; i < last; i++ {
		at := i*g.ld + seg.first
		kernel.Rescale(g.scores[at:at+n], 0, keys.Scales()[seg.first:], g.factors[i]*up)
	}
}

// channelScores scores keys with scales for each channel: the scales of a block go into the queries, which are then
// quantized for the block.
func (w *work) channelScores(t *worker, keys *quant.Rows, seg segment, group int) {
	g, d, f := &w.step, w.s.shape.HeadDim, keys.Format()
	first, m, slots, sets := g.first[group], g.first[group+1]-g.first[group], g.slots[group+1]-g.slots[group], len(keys.Blocks())
	blocks, full := 0, true
	for n := seg.last - seg.first; n > 0; blocks++ {
		rows := int(keys.Blocks()[seg.block+blocks])
		n -= rows
		full = full && rows == quant.BlockRows
	}
	queries := g.integers[(sets*first+seg.block*m)*d:][:blocks*m*d]
	at := sets*g.slots[group] + seg.block*slots
	factors, offsets := g.factors[at:at+blocks*slots], g.offsets[at:at+blocks*slots]
	t.q, t.offset, t.factor = room(t.q, d), room(t.offset, len(offsets)), room(t.factor, len(factors))
	kernel.Fold(queries, m*d, t.q, g.q[first*d:], m, keys.Scales()[seg.block*d:(seg.block+blocks)*d], factors, offsets, slots, w.cpu)
	up := float32(uint32(1) << f.LSB)
	root, offset := rootOf(d)/127, f.Offset(f.LSB == 0)/up
	for i := range factors {
		factors[i] *= root
		t.offset[i], t.factor[i] = offset*offsets[i], factors[i]*up
	}
	scores := g.scores[first*g.ld:]
	if full && keys.Panels().SetProducts(scores[seg.first:], g.ld, queries, m, m*d, seg.first, seg.last-seg.first, t.offset, t.factor, slots) {
		return
	}
	row := seg.first
	for b := range blocks {
		n := int(keys.Blocks()[seg.block+b])
		keys.Panels().Products(scores[row:], g.ld, queries[b*m*d:][:m*d], m, row, n, t.offset[b*slots:][:m], t.factor[b*slots:][:m], &t.tile)
		row += n
	}
}

// floatScores scores keys as fp32, 16 rows at a time, into dst, rows of which are ld apart.
func (w *work) floatScores(t *worker, keys *quant.Rows, seg segment, first, last int, lsb bool, dst []float32) {
	g, d := &w.step, w.s.shape.HeadDim
	floats := keys.Floats()
	t.panel, t.rows = room(t.panel, kernel.Lanes*d), room(t.rows, kernel.Lanes*d)
	for at := seg.first; at < seg.last; at += kernel.Lanes {
		n := min(kernel.Lanes, seg.last-at)
		rows := t.rows
		if floats != nil && n == kernel.Lanes {
			rows = floats[at*d:]
		} else {
			clear(rows[n*d:])
			keys.Read(rows[:n*d], &t.scratch, nil, at, lsb, false)
		}
		kernel.Transpose(t.panel, rows, d)
		if n == kernel.Lanes {
			kernel.Tile(dst[at:], g.ld, g.q[first*d:], d, last-first, t.panel, kernel.Lanes, d, false)
			continue
		}
		t.tile = room(t.tile, (last-first)*kernel.Lanes)
		kernel.Tile(t.tile, kernel.Lanes, g.q[first*d:], d, last-first, t.panel, kernel.Lanes, d, false)
		for i := range last - first {
			copy(dst[i*g.ld+at:i*g.ld+seg.last], t.tile[i*kernel.Lanes:])
		}
	}
	for i := range last - first {
		kernel.Scale(dst[i*g.ld+seg.first:i*g.ld+seg.last], rootOf(d))
	}
}

// choose makes one head's probabilities and chooses its values.
func (w *work) choose(t *worker, i int) {
	s, g, c := w.s, &w.step, &w.step.perHead[i]
	head := int(w.heads[i])
	probs := g.probs[i*g.ld : (i+1)*g.ld]
	q := &w.perHead[head].queries[0]
	*q = record.Query{Keys: int32(w.n)}
	w.progress(t, c, q, i, head)
	w.normalize(c, i)
	q.MaxProb = c.max
	keep := max(1, floor(w.n, s.schedule.Values.At(s.pass.layer)))
	if q.Values = int32(min(keep, w.n)); keep >= w.n {
		c.values = c.values[:0]
		return
	}
	c.values = t.top.Select(c.values[:0], probs[:w.n], keep)
	w.listRows(&w.perHead[head].values, c.values, 0)
}

// first makes a head's exponentials from the most significant bits.
func (w *work) first(c *chosen, i int) {
	g, head := &w.step, w.heads[i]
	scores := g.scores[i*g.ld : (i+1)*g.ld]
	for j := w.n; j < g.ld; j++ {
		scores[j] = -inf
	}
	if w.s.wants.Scores {
		copy(w.perHead[head].scores, scores[:w.n])
	}
	w.exponentials(c, i)
	c.max, c.again, c.lsbs = c.norm, false, c.lsbs[:0]
}

// exponentials makes all of a head's exponentials from its scores.
func (w *work) exponentials(c *chosen, i int) {
	g := &w.step
	scores := g.scores[i*g.ld : (i+1)*g.ld]
	c.top = kernel.Max(scores)
	c.norm = 1 / kernel.ExpAhead(g.probs[i*g.ld:], scores, c.top, w.cpu)
}

// normalize turns a head's exponentials into probabilities.
func (w *work) normalize(c *chosen, i int) {
	g := &w.step
	probs := g.probs[i*g.ld : (i+1)*g.ld]
	kernel.Scale(probs, c.norm)
	c.norm = 1
	if w.s.wants.Probabilities {
		copy(w.perHead[w.heads[i]].probs, probs[:w.n])
	}
}

// counted reports whether the probabilities of a generated token count for importance.
func (w *work) counted() bool { return !w.s.seen.want.None && w.s.counts(w.s.pass.rows[0]) }

// chosen reports whether heads leave values out.
func (w *work) chosen() bool {
	layer := w.s.pass.layer
	return w.s.schedule.Mass.At(layer) < 1 || max(1, floor(w.n, w.s.schedule.Values.At(layer))) < w.n
}

// collect adds up one head's partial sums in the order of blocks, and its importance.
func (w *work) collect(i, head int) {
	s, g, d := w.s, &w.step, w.s.shape.HeadDim
	wide := kernel.Pad(d)
	out := w.out[head*d : (head+1)*d]
	clear(out)
	for b := range g.blocks {
		kernel.Add(out, g.partial[(b*len(w.heads)+i)*wide:])
	}
	if w.chosen() {
		kept := float32(0)
		for b := range g.blocks {
			kept += g.kept[b*len(w.heads)+i]
		}
		factor := g.perHead[i].norm
		rest := max(0, 1-kept*factor)
		if s.schedule.Renormalize && kept > 0 {
			factor = 1 / kept
		}
		kernel.Scale(out, factor)
		w.l.addRest(out, s.shape.group(head), rest)
	}
	if w.counted() {
		kernel.Add(w.sums, g.probs[i*g.ld:(i+1)*g.ld])
	}
	if s.prunesHeads {
		s.headScores[head] += magnitude(out)
	}
}
