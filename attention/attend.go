package attention

import (
	"math"
	"slices"

	"spatten/attention/quant"
	"spatten/attention/record"
	"spatten/attention/topk"
	"spatten/tensor"
)

var inf = float32(math.Inf(1))

// blockQueries is the number of queries of one head that one thread does in one go. It bounds the memory of partial
// sums and does not change a number.
const blockQueries = 128

// work is the memory of one layer's attention, reused from layer to layer.
type work struct {
	rank      ranking
	s         *Sequence
	q, out    []float32
	heads     []int32
	blocks    int
	index     []int32 // rows of the cache that live for the head, with granularity head; nil for all
	see       []int32 // of each row of the batch: how many of the live keys it sees
	panels    []panel // of each group
	workers   []worker
	items     []item
	perHead   []headWork
	building  bool
	sums      []float32
	queries   []float32
	mark      []bool
	positions []int32        // of index
	alive     []float32      // with granularity head: 1 where the row's token lives for the head; empty for all
	reads     []record.Group // of each group
}

// panel is one key/value head's rows as fp32.
type panel struct {
	high []float32 // keys from their most significant bits
	full []float32 // keys from both planes; the same slice where there is one
	v    []float32
	mem  [3][]float32
}

// worker is one thread's memory.
type worker struct {
	q, scores, probs, weights []float32
	chosen, again             []int32
	top                       topk.Selector
	_                         [64]byte // threads do not share cache lines
}

// item is what one thread leaves behind of one block of one head.
type item struct {
	sums   []float32 // probability that each key received from counted queries
	output float32   // Σ|O|
	values []bool    // value rows multiplied
	lsbs   []bool    // keys fetched again
	anyLSB bool      // of any
}

// headWork gathers one head's queries.
type headWork struct {
	queries []record.Query
	values  [][]int32 // row indices of each query's values, where they are listed
	lsbs    [][]int32
	probs   []float32
	scores  []float32
}

// Attend computes softmax(Q·Kᵀ/√D)·V for the live rows and heads of the current layer. Shapes: q and out Rows × Heads·HeadDim, k and
// v Rows × KVHeads·HeadDim, already rotated; what belongs to dead heads is neither read nor written.
func (p *Pass) Attend(cpu *tensor.CPU, q, k, v, out []float32) {
	s := p.seq
	p.open()
	l := &s.layers[p.layer]
	s.append(l, k, v)
	w := &s.work
	w.s, w.q, w.out = s, q, out
	w.prepare(cpu.Threads())
	if s.schedule.Granularity == ByHead {
		s.attendByHead(cpu, l)
	} else {
		w.index = nil
		s.run(cpu, l, l.heads, l.positions)
		s.settle(l.heads, l.positions, false)
	}
	s.countDense()
	s.countLayer(len(l.positions), len(l.groups))
	s.cost.TokenLayers += int64(len(p.rows))
	s.cost.HeadLayers += int64(len(l.heads))
	s.finish(l)
}

// append adds the pass's keys and values to the layer.
func (s *Sequence) append(l *layer, k, v []float32) {
	d := s.shape.HeadDim
	stride := s.shape.KVHeads * d
	for i, row := range s.pass.rows {
		for _, g := range l.groups {
			at := i*stride + int(g)*d
			l.keys[g].Append(k[at : at+d])
			l.values[g].Append(v[at : at+d])
		}
		l.positions = append(l.positions, int32(s.pass.first)+row)
	}
}

// prepare makes the memory of threads and heads.
func (w *work) prepare(threads int) {
	s := w.s
	for len(w.workers) < threads {
		w.workers = append(w.workers, worker{})
	}
	if w.perHead == nil {
		w.perHead = make([]headWork, s.shape.Heads)
		w.panels = make([]panel, s.shape.KVHeads)
		w.reads = make([]record.Group, s.shape.KVHeads)
	}
	for h := range w.perHead {
		w.perHead[h].queries = slices.Grow(w.perHead[h].queries[:0], len(s.pass.rows))[:len(s.pass.rows)]
	}
}

// run attends with the given heads over the keys at the given positions.
func (s *Sequence) run(cpu *tensor.CPU, l *layer, heads []int32, positions []int32) {
	w := &s.work
	rows := s.pass.rows
	w.heads = heads
	w.sight(positions)
	for _, h := range heads {
		w.ready(&w.perHead[h], len(rows))
	}
	n := len(positions)
	w.building = true
	cpu.Do(len(l.groups), w)
	w.building = false
	w.blocks = (len(rows) + blockQueries - 1) / blockQueries
	for len(w.items) < w.blocks*len(heads) {
		w.items = append(w.items, item{})
	}
	for i := range w.items[:w.blocks*len(heads)] {
		it := &w.items[i]
		it.sums = cleared(it.sums, n)
		it.output, it.anyLSB = 0, false
		if s.schedule.Values.At(s.pass.layer) < 1 {
			it.values = clearedBools(it.values, n)
		}
		if s.schedule.Key.Ask == AskKey {
			it.lsbs = clearedBools(it.lsbs, n)
		}
	}
	cpu.Do(w.blocks*len(heads), w)
	// The sums are added in the order of heads and blocks, whoever computed them.
	w.sums = cleared(w.sums, n)
	for i := range w.items[:w.blocks*len(heads)] {
		tensor.Add(w.sums, w.items[i].sums[:n])
		s.headScores[heads[i/w.blocks]] += w.items[i].output
	}
	s.union(heads, n)
	if !s.seen.want.None {
		w.queries = cleared(w.queries, n)
		s.countSight(n)
		if w.index != nil && len(heads) == 1 && heads[0] != l.heads[0] {
			clear(w.queries) // a query counts once a layer, with its first head
		}
		s.seen.add(s.pass.layer, positions, w.sums, w.queries)
	}
}

// sight finds how many of the live keys each row of the batch sees: those up to itself in a causal model.
func (w *work) sight(positions []int32) {
	s := w.s
	w.see = w.see[:0]
	at := 0
	for _, row := range s.pass.rows {
		if !s.shape.Causal {
			w.see = append(w.see, int32(len(positions)))
			continue
		}
		own := int32(s.pass.first) + row
		for at < len(positions) && positions[at] <= own {
			at++
		}
		w.see = append(w.see, int32(at))
	}
}

// countSight writes into work.queries how many counted queries see each of n keys.
func (s *Sequence) countSight(n int) {
	w := &s.work
	counted := float32(0)
	end := n
	for r := len(s.pass.rows) - 1; r >= 0; r-- {
		if !s.counts(s.pass.rows[r]) {
			break // the counted ones are the newest
		}
		for i := int(w.see[r]); i < end; i++ {
			w.queries[i] = counted
		}
		end = min(end, int(w.see[r]))
		counted++
	}
	for i := range end {
		w.queries[i] = counted
	}
}

// counts reports whether a row of the pass counts for importance.
func (s *Sequence) counts(row int32) bool {
	return s.seen.counts(s.pass.first+int(row), s.length, s.pass.stage == record.Summarization)
}

// Run implements tensor.Task: one group's panel, or one block of queries of one head.
func (w *work) Run(thread, i int) {
	if w.building {
		w.build(int(w.s.layers[w.s.pass.layer].groups[i]))
		return
	}
	h, block := w.heads[i/w.blocks], i%w.blocks
	rows := w.s.pass.rows
	for r := block * blockQueries; r < min((block+1)*blockQueries, len(rows)); r++ {
		if len(w.alive) > 0 && w.alive[r] == 0 {
			w.perHead[h].queries[r] = record.Query{}
			continue
		}
		w.query(&w.workers[thread], &w.items[i], int(h), r)
	}
}

// build fills the panel of a group.
func (w *work) build(g int) {
	l, p := &w.s.layers[w.s.pass.layer], &w.panels[g]
	p.high = rowsOf(&p.mem[0], l.keys[g], w.index, false)
	p.full = p.high
	if l.keys[g].Format().LSB > 0 {
		p.full = rowsOf(&p.mem[1], l.keys[g], w.index, true)
	}
	p.v = rowsOf(&p.mem[2], l.values[g], w.index, true)
}

// rowsOf returns rows as contiguous fp32: in place where they are stored so, else in mem.
func rowsOf(mem *[]float32, r *quant.Rows, index []int32, lsb bool) []float32 {
	if floats := r.Floats(); floats != nil && index == nil {
		return floats
	}
	d := r.Dim()
	n := r.Len()
	if index != nil {
		n = len(index)
	}
	*mem = slices.Grow((*mem)[:0], n*d)[:n*d]
	for i := range n {
		at := i
		if index != nil {
			at = int(index[i])
		}
		r.Row((*mem)[i*d:(i+1)*d], at, lsb)
	}
	return *mem
}

func cleared(s []float32, n int) []float32 {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

func clearedBools(s []bool, n int) []bool {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}
