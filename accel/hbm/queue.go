package hbm

import "math/bits"

// maxQueue is the most requests of a queue: one bit each.
const maxQueue = 64

// request is a read or write that waits. Its pseudo-channel and group are as in Place, its bank as in the address.
type request struct {
	row                 int32
	tag                 uint32
	pseudo, group, bank uint8
	counted             bool
}

// wants is requests by the command that they wait for.
type wants struct{ act, pre, column uint64 }

// queue holds requests by age: the lower the place, the older; bit i of every mask is the request at place i. Places
// of requests that have left stay empty until the places run out. Requests are classed by the command they wait
// for and by pseudo-channel, so that a scheduler looks at those only whose bus is free. Those of a bank are with the
// bank.
type queue struct {
	active   uint64 // those whose row was opened for them
	n, tail  int16
	pseudos  int16
	column   Command // RD or WR
	wants    [maxPseudo]wants
	requests [maxQueue]request
}

// of is the requests of the queue to a bank.
func (q *queue) of(b *bank) *uint64 {
	if q.column == RD {
		return &b.reads
	}
	return &b.writes
}

// class moves requests of a bank to the mask of the command that they wait for.
func (w *wants) class(bit uint64, open, row int32) {
	switch open {
	case row:
		w.column |= bit
	case closed:
		w.act |= bit
	default:
		w.pre |= bit
	}
}

// compact moves the requests to the lowest places.
func (q *queue) compact(t *timing) {
	var live uint64
	for p := range q.pseudos {
		w := &q.wants[p]
		live |= w.act | w.pre | w.column
	}
	to := int16(0)
	for ; live != 0; live &= live - 1 {
		from := int16(bits.TrailingZeros64(live))
		if from != to {
			r := &q.requests[from]
			q.requests[to] = *r
			w := &q.wants[r.pseudo]
			for _, mask := range []*uint64{&w.act, &w.pre, &w.column, &q.active, q.of(&t.bank[r.bank])} {
				*mask = *mask&^(1<<from|1<<to) | *mask>>from&1<<to
			}
		}
		to++
	}
	q.tail = to
}

func (q *queue) remove(t *timing, i int) {
	i &= maxQueue - 1
	r, bit := &q.requests[i], uint64(1)<<i
	q.wants[r.pseudo&(maxPseudo-1)].column &^= bit
	q.active &^= bit
	*q.of(&t.bank[r.bank&(maxBanks-1)]) &^= bit
	if q.n--; q.n == 0 {
		q.tail = 0
	}
}

// changed classes the requests to a bank anew after its row was opened or closed.
func (q *queue) changed(b *bank, open int32) {
	all := *q.of(b)
	if all == 0 {
		return
	}
	w := &q.wants[q.requests[bits.TrailingZeros64(all)].pseudo]
	w.act &^= all
	w.pre &^= all
	w.column &^= all
	for ; all != 0; all &= all - 1 {
		i := bits.TrailingZeros64(all)
		w.class(1<<i, open, q.requests[i].row)
	}
}

// holds reports whether the row of a bank is open for a request not yet served.
func (q *queue) holds(b *bank) bool { return q.active&*q.of(b) != 0 }

// ready is the requests, by command, that the widest levels allow at now, and when the first of the others can be.
func (q *queue) ready(t *timing, now int64) (act, pre, column uint64, next int64) {
	next = never
	for p := range q.pseudos {
		w := &q.wants[p&(maxPseudo-1)]
		n := &t.pseudo[p&(maxPseudo-1)]
		if m := w.column; m != 0 {
			if at := n[q.column&(bankCommands-1)]; at <= now {
				column |= m
			} else {
				next = min(next, at)
			}
		}
		if m := w.act; m != 0 {
			if at := n[ACT]; at <= now {
				act |= m
			} else {
				next = min(next, at)
			}
		}
		if m := w.pre; m != 0 {
			if at := n[PRE]; at <= now {
				pre |= m
			} else {
				next = min(next, at)
			}
		}
	}
	return act, pre, column, next
}

// rows is when the first of those that want a row opened or closed, or have opened theirs, can be served.
func (q *queue) rows(t *timing) int64 {
	next := never
	for p := range q.pseudos {
		w, n := &q.wants[p&(maxPseudo-1)], &t.pseudo[p&(maxPseudo-1)]
		for cmd, m := range [...]uint64{w.act, w.pre, w.column & q.active} {
			for ; m != 0; m &= m - 1 {
				r := &q.requests[bits.TrailingZeros64(m)]
				next = min(next, max(n[cmd], t.bank[r.bank&(maxBanks-1)].earliest[cmd]))
			}
		}
	}
	return next
}

// soonest is when the widest levels allow the first command, or now.
func (q *queue) soonest(t *timing, now int64) int64 {
	act, pre, column, next := q.ready(t, now)
	if act|pre|column != 0 {
		return now
	}
	return next
}
