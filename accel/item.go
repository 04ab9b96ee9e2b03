package accel

import (
	"spatten/accel/fetch"
	"spatten/accel/pipe"
	"spatten/accel/topk"
	"spatten/attention/record"
)

// itemKind says what the controller issues.
type itemKind uint8

const (
	visitItem itemKind = iota // the queries that share one fetch of K
	fcItem
	rankItem
)

// query is one query of one head on its way through the machine.
type query struct {
	head                int32
	keys, lsbs, values  int64
	recomputed, selects bool
	work                topk.Work // of the local value selection
	fresh               int64     // values that no earlier query of the visit fetched; generation
	lsbRows             [2]int32  // positions of a partial refetch
	rows                [2]int32  // their positions, as a part of item.positions; empty where all or unknown
	row                 int64     // number of the query in the run

	accept  int64 // cycle in which Q×K took it
	decided pipe.Span
	ids     pipe.Span
	output  int64
	asked   bool // the first pass asked for LSBs
	final   bool // decided for good
}

// item is one step of the controller: a visit, a fully connected layer, or a ranking. Items become final in order.
type item struct {
	kind       itemKind
	layer      int32
	pass       int32
	generation bool
	dep        int64 // item whose end the data of this one wait for; −1 for none
	fetchDep   int64 // the same for the addresses of K
	barrier    bool  // a later item waits for its end
	end        int64 // cycle in which the item was final

	// Visit.
	group     int32
	heads     int32
	bits      record.Bits
	threshold float32
	number    int64 // of the visit
	newRows   int64 // of K, and as many of V, that the pass adds
	afterLong bool  // the visit before filled the whole K SRAM
	keys      int64
	queries   []query
	positions []int32
	qJob      fetch.Job
	kJob      fetch.Job
	vJob      fetch.Job // summarization: V of the whole head
	writeJob  fetch.Job
	lsbJobs   []fetch.Job // first the one for all LSBs, then one a query for some
	valJobs   []fetch.Job // one a query, generation only
	kFree     int64       // cycle from which its half of the K SRAM is free

	// FC.
	fc        record.FC
	weightJob fetch.Job

	// Ranking.
	rank record.Rank
	work topk.Work
}

// resident reports whether V of the whole head is fetched before its queries run.
func (it *item) resident() bool { return !it.generation }

// progressive reports whether a query may be computed a second time.
func (it *item) progressive() bool { return it.bits.KeyLSB > 0 && it.threshold > 0 }

// reset empties an item and keeps its slices.
func (it *item) reset() {
	*it = item{queries: it.queries[:0], positions: it.positions[:0],
		lsbJobs: it.lsbJobs[:0], valJobs: it.valJobs[:0]}
}

// sized gives a slice of n zero jobs that reuses s.
func sized(s []fetch.Job, n int) []fetch.Job {
	if cap(s) < n {
		return make([]fetch.Job, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// queue is the items in flight, a window of the program. Items are reused when they leave it.
type queue struct {
	items []*item
	base  int64 // number of items[0]
	pool  []*item
}

func (q *queue) end() int64       { return q.base + int64(len(q.items)) }
func (q *queue) at(i int64) *item { return q.items[i-q.base] }
func (q *queue) has(i int64) bool { return i < q.end() }
func (q *queue) push(it *item)    { q.items = append(q.items, it) }
func (q *queue) blank() (it *item) {
	if n := len(q.pool); n > 0 {
		it, q.pool = q.pool[n-1], q.pool[:n-1]
		it.reset()
		return it
	}
	return new(item)
}

// release gives up the items before number upto.
func (q *queue) release(upto int64) {
	n := int(upto - q.base)
	if n < 64 && n < len(q.items) {
		return // moving the rest down pays only once in a while
	}
	q.pool = append(q.pool, q.items[:n]...)
	q.items = append(q.items[:0], q.items[n:]...)
	q.base = upto
}
