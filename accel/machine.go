package accel

import (
	"spatten/accel/crossbar"
	"spatten/accel/fc"
	"spatten/accel/fetch"
	"spatten/accel/importance"
	"spatten/accel/pipe"
	"spatten/accel/pv"
	"spatten/accel/qk"
	"spatten/accel/requant"
	"spatten/accel/softmax"
	"spatten/accel/topk"
)

// history remembers a cycle for each of the last few members of a sequence.
type history struct {
	ring [16]int64
	n    int64 // members known
}

func (h *history) add(cycle int64) { h.ring[h.n&15] = cycle; h.n++ }

// at gives the cycle of member i, Never for one before the first; known reports whether it is known yet.
func (h *history) at(i int64) (cycle int64, known bool) {
	if i < 0 {
		return pipe.Never, true
	}
	return h.ring[i&15], i < h.n
}

// sim is the machine with its state: the units, the memory, and the controller's places in the queue of items. Units
// that are regular tell in one step when a row passes them; the memory moves cycle by cycle, and only while it has
// something to do. Whatever waits for memory is advanced when the memory reports a matrix complete.
type sim struct {
	*program
	queue   *queue
	memory  *crossbar.Memory
	qk      *qk.Unit
	softmax *softmax.Unit
	requant *requant.Unit
	values  *topk.Unit // engine of the local value selection
	tokens  *topk.Unit // engine of tokens and heads
	pv      *pv.Unit
	acc     *importance.Unit
	fc      *fc.Unit
	watch   Observer

	// Places of the units in the queue: the first item, and its first query, that each has not finished with.
	front, back, summing place
	closing, retiring    int64
	// The next item whose matrix of each kind the fetcher is to be asked for.
	nextKey, nextQuery, nextValue, nextWeight, nextWrite int64
	lists                                                []place // queries whose ids of values wait for the fetcher
	pending                                              []again // queries that are computed a second time, oldest first
	wake                                                 int64   // cycle before which the fetcher has nothing to take; −1 to look

	frontRow  int64   // number of the next row in the front
	fills     history // by row: when the top-k engine had it wholly
	decisions history // by row: when it was decided for good
	keyFree   history // by visit: when its half of the K SRAM was free
	valFree   history // by fetch of V: when its half of the V SRAM was free
	valCount  int64   // fetches of V granted
	fcEnds    history // by product: when it was complete
	fcCount   int64   // products whose weights were granted

	scored     int64 // cycle in which the tokens' scores are up to date
	barrierEnd int64 // end of the last barrier that is closed
	rankEnd    int64 // end of the last ranking that is closed
	cycle      int64 // end of the last item that is closed
	layers     []LayerResult
	rows       func(Row)
	fcCycles   int64
	booked     int64 // bursts booked to layers
	spill      int64 // bytes of scores and probabilities that tiles pass through memory
}

// place is a query of an item.
type place struct {
	item  int64
	query int
}

// again is a query that is computed a second time.
type again struct {
	place
	report int64 // cycle in which the fetcher hears of it
	job    *fetch.Job
	taken  bool // by the fetcher, or nothing to fetch
}

func newSim(p *program, memory *crossbar.Memory) *sim {
	m := p.machine
	return &sim{
		program: p,
		queue:   p.queue,
		wake:    -1,
		memory:  memory,
		qk:      qk.New(m.QK),
		softmax: softmax.New(m.Softmax),
		requant: requant.New(m.Requant, m.Softmax.Parallelism),
		values:  topk.New(m.TopK, 0),
		tokens:  topk.New(m.TopK, 0),
		pv:      pv.New(m.PV),
		acc:     importance.New(m.Import),
		fc:      fc.New(m.QK, m.PV),
	}
}
