package attention

import (
	"math"
	"slices"

	"spatten/attention/fixed"
	"spatten/attention/kernel"
	"spatten/attention/quant"
	"spatten/attention/record"
	"spatten/attention/topk"
	"spatten/tensor"
)

var inf = float32(math.Inf(1))

// The grid of the work. It depends on nothing but the numbers of rows, so that results do not depend on threads.
const (
	blockKeys   = 512 // keys whose weighted values are summed in one go: the order of that sum
	tileQueries = 16  // queries of a head that go over the keys together
	mostSpans   = 16  // parts into which a head's queries are cut, at most
)

// job is a part of a layer's attention that is cut into independent items.
type job uint8

const (
	jobAppend   job = iota // a key/value head's new rows
	jobPanels              // summarization: a block of a key/value head's rows, made ready for tiles
	jobSpan                // summarization: some queries of one head
	jobStep                // generation: scores, choice or values
	jobCodes               // hardware numerics: a key/value head's rows as 12-bit codes
	jobHardware            // hardware numerics: some queries of one head
)

// work is the memory of one layer's attention, reused from layer to layer.
type work struct {
	s    *Sequence
	l    *layer
	cpu  *tensor.CPU
	rank ranking
	job  job
	attention
	workers   []worker
	perHead   []headWork
	onlyTiles bool           // generated tokens take the prompt's path, for comparison
	reads     []record.Group // of each group
	record    record.Head
	unions    []union
	sums      []float32
	queries   []float32
	positions []int32 // of index
}

// attention is what the current heads compute with.
type attention struct {
	q, k, v, out []float32
	heads        []int32
	n            int     // live keys
	rawKeys      bool    // keys enter products as codes, queries as 8-bit integers
	rawValues    bool    // values enter products as codes
	inTiles      bool    // summarization: keys are multiplied where they lie, by integers
	index        []int32 // rows of the cache that live for the head, with granularity head; nil for all
	see          []int32 // of each row of the batch: how many of the live keys it sees
	starts       []int   // where each row's list begins among those of its head
	dead         []bool  // with granularity head: the row's token has fallen before the head; empty for none
	panels       []panel // of each group
	items        []item
	spans, span  int // parts of a head's queries, and rows of one
	step         generation
	codes        []codePanel // hardware numerics: of each group
}

// worker is one thread's memory.
type worker struct {
	q, scores, full, tile []float32
	exps                  []float32 // of listed scores
	rows, panel, weights  []float32
	sums                  []float32 // probabilities of a group's heads
	tops                  [kernel.Fours]float32
	factor, offset        []float32
	codes                 []int16
	integers              []int8
	sets, every           []int32 // of listed rows: whose queries they meet; all rows
	chosen                []int32
	mark                  []uint8
	scratch               quant.Scratch
	top                   topk.Selector
	unit                  fixed.Unit
	wide                  []uint16 // probability codes
	_                     [64]byte // threads do not share cache lines
}

// headWork gathers one head's queries.
type headWork struct {
	queries []record.Query
	values  [][]int32 // row indices of each query's values, where they are listed
	lsbs    [][]int32
	probs   []float32
	scores  []float32

	valueList, lsbList []int32 // positions, joined for the record
}

// Attend computes softmax(Q·Kᵀ/√D)·V for the live rows and heads of the current layer. Shapes: q and out Rows × Heads·HeadDim, k and
// v Rows × KVHeads·HeadDim, already rotated; what belongs to dead heads is neither read nor written.
func (p *Pass) Attend(cpu *tensor.CPU, q, k, v, out []float32) {
	s := p.seq
	p.open()
	l := &s.layers[p.layer]
	w := &s.work
	w.s, w.l, w.cpu, w.q, w.k, w.v, w.out = s, l, cpu, q, k, v, out
	w.prepare(cpu)
	w.do(cpu, jobAppend, len(l.groups))
	for _, row := range p.rows {
		l.positions = append(l.positions, int32(p.first)+row)
	}
	if s.schedule.Granularity == ByHead {
		s.attendByHead(cpu, l)
	} else {
		w.index = nil
		s.run(cpu, l.heads, l.positions)
		s.settle(l.heads, l.positions, false)
	}
	s.countDense()
	s.countLayer(len(l.positions), len(l.groups))
	s.cost.TokenLayers += int64(len(p.rows))
	s.cost.HeadLayers += int64(len(l.heads))
	s.finish(l)
}

// do runs n items of a job.
func (w *work) do(cpu *tensor.CPU, j job, n int) {
	w.job = j
	cpu.Do(n, w)
}

// Run implements tensor.Task.
func (w *work) Run(thread, i int) {
	t := &w.workers[thread]
	switch w.job {
	case jobAppend:
		w.append(int(w.l.groups[i]))
	case jobPanels:
		w.fill(t, i)
	case jobSpan:
		w.spanOf(t, i)
	case jobStep:
		w.part(t, w.step.parts[i])
	case jobCodes:
		w.fillCodes(t, i)
	case jobHardware:
		w.hardwareSpan(t, i)
	}
}

// append adds the pass's keys and values to a key/value head.
func (w *work) append(g int) {
	d := w.s.shape.HeadDim
	stride := w.s.shape.KVHeads * d
	center := w.l.center(g)
	if !w.s.shape.Causal {
		w.l.keys[g].Reset() // of what another layer left there
		w.l.values[g].Reset()
	}
	if n := len(w.s.pass.rows); n > 1 {
		if w.s.shape.Causal {
			n += quant.BlockRows // of the first generated tokens
		}
		w.l.keys[g].Grow(n)
		w.l.values[g].Grow(n)
	}
	for i := range w.s.pass.rows {
		at := i*stride + g*d
		subtract(w.k[at:at+d], center)
		w.l.keys[g].Append(w.k[at : at+d])
		w.l.values[g].Append(w.v[at : at+d])
		w.l.means.add(g, w.v[at:at+d])
	}
}

// prepare makes the memory of threads and heads, and settles how products are computed.
func (w *work) prepare(cpu *tensor.CPU) {
	s := w.s
	for len(w.workers) < cpu.Threads() {
		w.workers = append(w.workers, worker{})
	}
	if w.perHead == nil {
		w.perHead = make([]headWork, s.shape.Heads)
		w.panels = make([]panel, s.shape.KVHeads)
		w.reads = make([]record.Group, s.shape.KVHeads)
		w.unions = make([]union, s.shape.KVHeads)
	}
	for h := range w.perHead {
		w.perHead[h].queries = slices.Grow(w.perHead[h].queries[:0], len(s.pass.rows))[:len(s.pass.rows)]
	}
	integer := cpu.Precision() == tensor.Int8 && s.shape.HeadDim%kernel.Lanes == 0
	key, value := w.l.keys[w.l.groups[0]].Format(), w.l.values[w.l.groups[0]].Format()
	w.rawKeys = integer && key.MSB <= 8 && key.LSB <= 8
	w.rawValues = integer && value.MSB <= 8
}

// run attends with the given heads over the keys at the given positions.
func (s *Sequence) run(cpu *tensor.CPU, heads []int32, positions []int32) {
	w := &s.work
	w.heads, w.n = heads, len(positions)
	w.sight(positions)
	for _, h := range heads {
		w.ready(&w.perHead[h], len(s.pass.rows))
	}
	switch {
	case s.numerics == Hardware:
		w.hardware(cpu)
	case len(s.pass.rows) == 1 && w.index == nil && !w.onlyTiles:
		w.generate(cpu)
	default:
		w.summarize(cpu)
	}
	if !s.seen.want.None {
		w.queries = cleared(w.queries, w.n)
		s.countSight(w.n)
		if w.index != nil && len(heads) == 1 && heads[0] != w.l.heads[0] {
			clear(w.queries) // a query counts once a layer, with its first head
		}
		s.seen.add(s.pass.layer, positions, w.sums, w.queries)
	}
}

// sight finds how many of the live keys each row of the batch sees: those up to itself in a causal model.
func (w *work) sight(positions []int32) {
	s := w.s
	w.see = w.see[:0]
	at, _ := slices.BinarySearch(positions, int32(s.pass.first))
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

// room returns s with n elements, whatever they hold. There is room for 64 at least, so that no two threads write to one cache line.
func room[T any](s []T, n int) []T { return slices.Grow(s[:0], max(n, 64))[:n] }

func cleared[T any](s []T, n int) []T {
	s = room(s, n)
	clear(s)
	return s
}
