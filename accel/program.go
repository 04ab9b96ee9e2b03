package accel

import (
	"fmt"
	"iter"
	"slices"

	"spatten/accel/config"
	"spatten/accel/fetch"
	"spatten/accel/topk"
	"spatten/attention/record"
	"spatten/trace"
)

// program is block (1), the request front end: it reads the records of a trace and appends items to the queue, a layer
// at a time, so that what it holds is bounded by the largest layer.
type program struct {
	machine *config.Machine
	queue   *queue
	select_ *topk.Unit // where the work of the local selections comes from
	ranking *topk.Unit
	next    func() (trace.Record, error, bool)
	ahead   trace.Record
	over    bool

	run       record.Run
	runs      int
	pass      record.Pass
	layer     record.Layer // its slices are our own
	inLayer   bool
	deferred  []record.FC // that the trace has before the heads and that need their outputs
	headSeen  bool
	barrier   int64 // the item whose end the next visit's data wait for
	lastRank  int64
	visits    int64
	rows      int64
	lastGroup int32
	lastLong  bool
	mark      []int64 // by position: the visit that last fetched its value
	rng       sampler
	totals    totals
}

// Limits of what a record may say before it is believed.
const (
	maxLayer    = 1 << 16
	maxPosition = 1 << 24
	maxFC       = 1 << 24 // rows, inputs, outputs of a product
)

// totals are what the trace itself says.
type totals struct {
	runs, passes, generated  int64
	kvBytes                  int64
	operations, fcOperations int64
	keys, values, recomputed int64
	spilled                  int64
	layers                   int
}

func newProgram(m *config.Machine, q *queue, records iter.Seq2[trace.Record, error], seed uint64) (*program, func()) {
	next, stop := iter.Pull2(records)
	return &program{machine: m, queue: q, next: next, barrier: -1, lastRank: -1, rng: sampler(seed),
		select_: topk.New(m.TopK, seed+1), ranking: topk.New(m.TopK, seed+2)}, stop
}

// extend appends the items of the next layer that has any. It reports false when the trace is over.
func (p *program) extend() (bool, error) {
	before := p.queue.end()
	for !p.over {
		rec := p.ahead
		if rec == nil {
			var err error
			var ok bool
			if rec, err, ok = p.next(); !ok {
				p.closeLayer()
				p.over = true
				break
			} else if err != nil {
				return false, err
			}
		}
		p.ahead = nil
		switch rec.(type) {
		case *record.Layer, *record.Pass, *record.Run, *trace.End:
			if p.inLayer {
				p.closeLayer()
				p.ahead = rec
				if p.queue.end() > before {
					return true, nil
				}
				continue
			}
		}
		if err := p.take(rec); err != nil {
			return false, err
		}
	}
	return p.queue.end() > before, nil
}

func (p *program) take(rec trace.Record) error {
	switch r := rec.(type) {
	case *record.Run:
		if r.HeadDim < 1 || r.HeadDim > 1<<14 || r.KVHeads < 1 {
			return fmt.Errorf("accel: the trace's run has %d key/value heads of %d numbers; nothing can be simulated", r.KVHeads, r.HeadDim)
		}
		p.run = *r
		p.totals.runs++
		p.totals.layers = max(p.totals.layers, r.Layers)
	case *record.Pass:
		p.pass = *r
		p.totals.passes++
		if r.Stage == record.Generation {
			p.totals.generated++
		}
	case *record.Layer:
		if r.Index < 0 || r.Index > maxLayer {
			return fmt.Errorf("accel: layer %d; a trace has 0 to %d", r.Index, maxLayer)
		}
		for _, pos := range r.Keys {
			if pos < 0 || pos > maxPosition {
				return fmt.Errorf("accel: layer %d: position %d; a trace has 0 to %d", r.Index, pos, maxPosition)
			}
		}
		keys, queries, heads := p.layer.Keys, p.layer.Queries, p.layer.Heads
		p.layer = *r
		p.layer.Keys = append(keys[:0], r.Keys...)
		p.layer.Queries = append(queries[:0], r.Queries...)
		p.layer.Heads = append(heads[:0], r.Heads...)
		p.inLayer, p.headSeen, p.lastGroup = true, false, -1
		p.barrier = p.queue.end() - 1
	case *record.FC:
		if min(r.Rows, r.In, r.Out) < 0 || max(r.Rows, r.In, r.Out) > maxFC {
			return fmt.Errorf("accel: layer %d: a product of %d rows with %d × %d weights", p.layer.Index, r.Rows, r.In, r.Out)
		}
		p.takeFC(r)
	case *record.Head:
		return p.takeHead(r)
	case *record.Group:
		p.totals.kvBytes += r.Bytes
	case *record.Rank:
		p.takeRank(r)
	}
	return nil
}

// takeFC issues a fully connected layer. Those that need the heads' outputs follow the heads, whatever the trace's order.
func (p *program) takeFC(r *record.FC) {
	p.totals.fcOperations += 2 * int64(r.Rows) * int64(r.In) * int64(r.Out)
	if !p.machine.FC.Enabled || r.Kind == record.FCLMHead && !p.machine.FC.LMHead {
		return
	}
	if p.inLayer && !p.headSeen && r.Kind != record.FCQuery && r.Kind != record.FCKey && r.Kind != record.FCValue {
		p.deferred = append(p.deferred, *r)
		return
	}
	p.issueFC(r)
}

func (p *program) issueFC(r *record.FC) {
	it := p.blank(fcItem)
	it.fc, it.barrier = *r, true
	p.barrier = p.queue.end()
	p.queue.push(it)
}

func (p *program) takeRank(r *record.Rank) {
	it := p.blank(rankItem)
	it.rank, it.barrier = *r, true
	it.rank.Scores = nil
	if k, n := r.Keep, r.Candidates; k > 0 && k < n {
		if len(r.Scores) == n {
			_, it.work = p.ranking.Select(r.Scores, k)
		} else {
			it.work = p.ranking.Draw(int64(n), int64(k))
		}
	}
	p.barrier, p.lastRank = p.queue.end(), p.queue.end()
	p.queue.push(it)
}

func (p *program) blank(kind itemKind) *item {
	it := p.queue.blank()
	it.kind = kind
	it.layer, it.pass = int32(p.layer.Index), int32(p.pass.Index)
	it.generation = p.pass.Stage == record.Generation
	it.dep = p.queue.end() - 1
	return it
}

func (p *program) closeLayer() {
	if !p.inLayer {
		return
	}
	p.inLayer = false
	for i := range p.deferred {
		p.barrier = p.queue.end() - 1
		p.issueFC(&p.deferred[i])
	}
	p.deferred = p.deferred[:0]
	if n := p.queue.end(); n > p.queue.base {
		p.queue.at(n - 1).barrier = true
	}
}

// takeHead adds a head's queries to the visit of its group, or opens a new one.
func (p *program) takeHead(r *record.Head) error {
	p.headSeen = true
	keys := p.layer.Keys
	if r.Keys != nil {
		keys = r.Keys
	}
	var it *item
	if n := p.queue.end(); p.machine.Control.GQAReuse && n > p.queue.base {
		if last := p.queue.at(n - 1); last.kind == visitItem && last.layer == int32(p.layer.Index) && last.pass == int32(p.pass.Index) &&
			last.dep == p.barrier && last.group == int32(r.Group) && last.keys == int64(len(keys)) {
			it = last
		}
	}
	if it == nil {
		it = p.blank(visitItem)
		it.dep, it.fetchDep = p.barrier, p.barrier
		if it.generation {
			it.fetchDep = p.lastRank
		}
		it.group, it.bits, it.threshold = int32(r.Group), p.layer.Bits, p.layer.Threshold
		it.keys, it.number = int64(len(keys)), p.visits
		it.positions = append(it.positions, keys...)
		p.visits++
		if p.lastGroup != it.group {
			it.newRows, p.lastGroup = int64(len(p.layer.Queries)), it.group
		}
		it.afterLong, p.lastLong = p.lastLong, long(p.machine, it.keys, p.run.HeadDim)
		p.queue.push(it)
	}
	it.heads++
	values, lsbs, probs := r.ValuePositions, r.LSBPositions, r.Probabilities
	for i := range r.Queries {
		q := query{head: int32(r.Head), keys: int64(r.Queries[i].Keys), lsbs: int64(r.Queries[i].LSBs), values: int64(r.Queries[i].Values)}
		if q.keys < 0 || q.keys > it.keys || q.values < 0 || q.values > q.keys || q.lsbs < 0 || q.lsbs > q.keys {
			return fmt.Errorf("accel: layer %d, head %d: a query of %d keys, %d LSBs and %d values on %d live keys", p.layer.Index, r.Head, q.keys, q.lsbs, q.values, it.keys)
		}
		q.row = p.rows
		p.rows++
		pruned := q.values < q.keys
		if pruned && !p.machine.Control.LocalValuePruning {
			q.values, pruned = q.keys, false
		}
		q.recomputed = q.lsbs > 0 && p.layer.Bits.KeyLSB > 0
		row := take(&probs, int(q.keys))
		if q.selects = pruned && q.values > 0; q.selects {
			if row != nil {
				_, q.work = p.select_.Select(row, int(q.values))
			} else {
				q.work = p.select_.Draw(q.keys, q.values)
			}
		}
		if it.generation {
			if err := p.addresses(it, &q, &values, &lsbs, keys); err != nil {
				return fmt.Errorf("accel: layer %d, head %d: %w", p.layer.Index, r.Head, err)
			}
		}
		p.count(&q)
		it.queries = append(it.queries, q)
	}
	return nil
}

func (p *program) count(q *query) {
	t := &p.totals
	t.operations += 2 * int64(p.run.HeadDim) * (q.keys + q.values)
	if q.recomputed {
		t.operations += 2 * int64(p.run.HeadDim) * q.lsbs
		t.recomputed++
	}
	t.keys += q.keys
	t.values += q.values
}

// addresses finds which rows a query of the generation stage reads: those that the trace lists, or drawn ones.
func (p *program) addresses(it *item, q *query, values, lsbs *[]int32, keys []int32) error {
	start := len(it.positions)
	listed := []int32(nil)
	if q.values < q.keys {
		listed = take(values, int(q.values))
	}
	switch {
	case q.values == q.keys:
		it.positions = append(it.positions, keys[:q.keys]...)
	case listed != nil:
		it.positions = append(it.positions, listed...)
	default:
		it.positions = p.rng.sample(it.positions, keys[:q.keys], int(q.values))
	}
	// Rows that an earlier query of the visit fetched lie in the SRAM.
	kept := it.positions[start:start]
	for _, pos := range it.positions[start:] {
		if pos < 0 || pos > maxPosition {
			return fmt.Errorf("value position %d; a trace has 0 to %d", pos, maxPosition)
		}
		if int(pos) >= len(p.mark) {
			p.mark = append(p.mark, slices.Repeat([]int64{-1}, int(pos)+1024-len(p.mark))...)
		}
		if p.mark[pos] != it.number {
			p.mark[pos] = it.number
			kept = append(kept, pos)
		}
	}
	it.positions = it.positions[:start+len(kept)]
	q.rows = [2]int32{int32(start), int32(len(it.positions))}
	q.fresh = int64(len(kept))
	if q.lsbs > 0 && q.lsbs < q.keys {
		from := int32(len(it.positions))
		if rows := take(lsbs, int(q.lsbs)); rows != nil {
			it.positions = append(it.positions, rows...)
		} else {
			it.positions = p.rng.sample(it.positions, keys[:q.keys], int(q.lsbs))
		}
		q.lsbRows = [2]int32{from, int32(len(it.positions))}
	}
	return nil
}

// take cuts n elements from the front of a list; nil where the list does not have them.
func take[T any](list *[]T, n int) []T {
	if len(*list) < n || n == 0 {
		return nil
	}
	head := (*list)[:n]
	*list = (*list)[n:]
	return head
}

// region is the address of a plane of one head: planes lie one after another, each with room for 1,024 rows of 12 bits,
// so that neighbouring planes start in different banks.
func region(run *record.Run, layer, group int32, kind fetch.Kind) uint64 {
	plane := 0
	switch kind {
	case fetch.LSB:
		plane = 1
	case fetch.Value:
		plane = 2
	}
	return uint64((int(layer)*run.KVHeads+int(group))*3+plane) * 1024 * uint64(run.HeadDim) * 3 / 2
}
