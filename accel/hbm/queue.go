package hbm

import "math/bits"

// maxQueue is the most requests of a queue: one bit each.
const maxQueue = 64

// queue holds requests by age: bit i of every mask is the i-th oldest. Requests are classed by the command they
// wait for and by pseudo-channel, so that a scheduler looks at those only whose bus is free.
type queue struct {
	n        int
	pseudos  int
	requests [maxQueue]request
	wants    [maxPseudo][3]uint64 // by pseudo-channel: ACT, PRE, column command
	active   uint64               // those whose row was opened for them
}

// class is the index in wants of the command that a request needs.
const (
	wantACT = iota
	wantPRE
	wantColumn
)

func class(open, row int32) int {
	switch open {
	case row:
		return wantColumn
	case closed:
		return wantACT
	}
	return wantPRE
}

func (q *queue) push(r request, open int32) {
	q.requests[q.n] = r
	q.wants[r.Pseudo][class(open, r.Row)] |= 1 << q.n
	q.n++
}

func (q *queue) remove(i int) {
	copy(q.requests[i:q.n-1], q.requests[i+1:q.n])
	q.n--
	low := uint64(1)<<i - 1
	for p := range q.pseudos {
		w := &q.wants[p&(maxPseudo-1)]
		w[0] = w[0]&low | w[0]>>1&^low
		w[1] = w[1]&low | w[1]>>1&^low
		w[2] = w[2]&low | w[2]>>1&^low
	}
	q.active = q.active&low | q.active>>1&^low
}

// changed classes the requests to a bank anew after its row was opened or closed.
func (q *queue) changed(bank, open int32) {
	for i := range q.n {
		r := &q.requests[i]
		if r.Bank != bank {
			continue
		}
		w, bit := &q.wants[r.Pseudo], uint64(1)<<i
		for k := range w {
			w[k] &^= bit
		}
		w[class(open, r.Row)] |= bit
	}
}

// holds reports whether the row of a bank is open for a request not yet served.
func (q *queue) holds(bank int32) bool {
	for m := q.active; m != 0; m &= m - 1 {
		if q.requests[bits.TrailingZeros64(m)].Bank == bank {
			return true
		}
	}
	return false
}

// ready is the requests whose command the widest levels allow at now, and when the first of the others can be.
func (q *queue) ready(t *timing, column Command, now int64) (mask uint64, next int64) {
	next = never
	for p := range q.pseudos {
		w := &q.wants[p&(maxPseudo-1)]
		local := pseudoSlots + 8*(p&(maxPseudo-1))
		if m := w[wantColumn]; m != 0 {
			if at := max(t.ready[column&7], t.ready[local+int(column&7)]); at <= now {
				mask |= m
			} else {
				next = min(next, at)
			}
		}
		if m := w[wantACT]; m != 0 {
			if at := max(t.ready[ACT], t.ready[local+int(ACT)]); at <= now {
				mask |= m
			} else {
				next = min(next, at)
			}
		}
		if m := w[wantPRE]; m != 0 {
			if at := max(t.ready[PRE], t.ready[local+int(PRE)]); at <= now {
				mask |= m
			} else {
				next = min(next, at)
			}
		}
	}
	return mask, next
}
