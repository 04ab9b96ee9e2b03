package hbm

import "math/bits"

// Step sends at most one command at cycle now: first a request whose row was opened for it, then a due refresh,
// then the oldest request that is ready (FR-FCFS: "ready first, then oldest"). A PRE that would close a row
// opened for a request not yet served is held back, and nothing else goes in its place.
func (c *Controller) Step(now int64) {
	if now < c.next {
		return
	}
	if c.plan.on {
		if now < c.refreshAt {
			if c.plan.bank != noBank && now >= c.plan.opened {
				c.finishOpening(now)
			}
			return
		}
		c.endPlan(now)
	}
	if c.writes.n > 0 || now >= c.refreshAt {
		if c.send(now) {
			c.next = now + 1
		}
		c.rowsAt = 0
		return
	}
	if now >= c.rowsAt {
		c.stepRows(now)
		return
	}
	// Only reads of open rows can be sent, which is nearly always so.
	q, t := &c.reads, &c.timing
	next := min(c.rowsAt, c.refreshAt)
	var ready uint64
	for p := range q.pseudos {
		if w := q.wants[p&(maxPseudo-1)].column &^ q.active; w != 0 {
			if at := t.pseudo[p&(maxPseudo-1)][RD]; at <= now {
				ready |= w
			} else {
				next = min(next, at)
			}
		}
	}
	for ; ready != 0; ready &= ready - 1 {
		i := bits.TrailingZeros64(ready) & (maxQueue - 1)
		r := &q.requests[i]
		if at := t.bank[r.bank&(maxBanks-1)].earliest[RD]; at > now {
			next = min(next, at)
			continue
		}
		c.read(now, i, r)
		next = min(c.rowsAt, c.refreshAt)
		for p := range q.pseudos {
			if q.wants[p&(maxPseudo-1)].column&^q.active != 0 {
				next = min(next, max(t.pseudo[p&(maxPseudo-1)][RD], now+1))
			}
		}
		break
	}
	c.next = next
}

// stepRows is Step when rows may have to be opened or closed, with reads only.
func (c *Controller) stepRows(now int64) {
	q := &c.reads
	act, pre, column, next := q.ready(&c.timing, now)
	ready := act | pre | column
	for k, m := range [2]uint64{ready & q.active, ready &^ q.active} {
		for ; m != 0; m &= m - 1 {
			i := bits.TrailingZeros64(m) & (maxQueue - 1)
			r := &q.requests[i]
			cmd := RD
			if column>>i&1 == 0 {
				cmd = PRE
				if act>>i&1 != 0 {
					cmd = ACT
				}
			}
			b := &c.timing.bank[r.bank&(maxBanks-1)]
			if at := b.earliest[cmd&(bankCommands-1)]; at > now {
				next = min(next, at)
				continue
			}
			if k == 1 && cmd == PRE && q.holds(b) {
				c.next = now + 1
				return
			}
			c.serve(now, q, i, cmd)
			// Look ahead, so that cycles in which nothing can be sent are not stepped.
			c.rowsAt = q.rows(&c.timing)
			c.next = max(now+1, min(q.soonest(&c.timing, now+1), c.refreshAt))
			if c.rowsAt == never && c.plan.able {
				c.startPlan(now + 1)
			}
			return
		}
	}
	c.rowsAt = q.rows(&c.timing)
	c.next = min(next, c.refreshAt)
	if c.rowsAt == never && c.plan.able {
		c.startPlan(now + 1)
	}
}

// send sends the command of a cycle and reports whether there was one; if not, it says when to look again.
func (c *Controller) send(now int64) bool {
	act, pre, column, next := c.reads.ready(&c.timing, now)
	i, cmd, at := c.reads.oldest(&c.timing, act, pre, column, c.reads.active, now)
	if i >= 0 {
		c.serve(now, &c.reads, i, cmd)
		return true
	}
	next = min(next, at)
	var actW, preW, columnW uint64
	if c.writes.n > 0 {
		actW, preW, columnW, at = c.writes.ready(&c.timing, now)
		next = min(next, at)
		if i, cmd, at = c.writes.oldest(&c.timing, actW, preW, columnW, c.writes.active, now); i >= 0 {
			c.serve(now, &c.writes, i, cmd)
			return true
		}
		next = min(next, at)
	}
	if now >= c.refreshAt {
		return c.refresh(now, next)
	}
	q := &c.reads
	if c.writesTurn() {
		q = &c.writes
		act, pre, column = actW, preW, columnW
	}
	if i, cmd, at = q.oldest(&c.timing, act, pre, column, ^q.active, now); i < 0 {
		c.next = min(next, at, c.refreshAt)
		return false
	}
	if b := &c.timing.bank[q.requests[i].bank]; cmd == PRE && (c.reads.holds(b) || c.writes.holds(b)) {
		c.next = now + 1
		return false
	}
	c.serve(now, q, i, cmd)
	return true
}

// oldest is the first of the ready requests among some that its group and bank allow at now, with its command; or -1
// and when the first will be.
func (q *queue) oldest(t *timing, act, pre, column, among uint64, now int64) (int, Command, int64) {
	next := never
	for mask := (act | pre | column) & among; mask != 0; mask &= mask - 1 {
		i := bits.TrailingZeros64(mask)
		r := &q.requests[i]
		cmd := PRE
		if column>>i&1 != 0 {
			cmd = q.column
		} else if act>>i&1 != 0 {
			cmd = ACT
		}
		at := t.bank[r.bank&(maxBanks-1)].earliest[cmd&(bankCommands-1)]
		if at <= now {
			return i, cmd, at
		}
		next = min(next, at)
	}
	return -1, 0, next
}

// writesTurn reports whether writes are drained: reads have the turn until writes pile up or reads run out.
func (c *Controller) writesTurn() bool {
	if c.draining {
		if int(c.writes.n)*5 < c.writeLimit && c.reads.n > 0 || c.writes.n == 0 {
			c.draining = false
		}
	} else if int(c.writes.n)*5 > c.writeLimit*4 || c.reads.n == 0 && c.writes.n > 0 {
		c.draining = true
	}
	return c.draining
}

// read sends the RD of a request and files its answer: its last data arrive after the read latency; it can be popped
// in the cycle after (the reference's driver pops before it ticks its DRAM).
func (c *Controller) read(now int64, i int, r *request) {
	t, q, s := &c.timing, &c.reads, &c.stats
	s.LastCycle = now
	if !r.counted {
		s.RowHits++
	}
	b := &t.bank[r.bank&(maxBanks-1)]
	t.read(r, b, now)
	if c.log != nil {
		c.log(Sent{now, RD, c.addr.place(r.bank, r.row)})
	}
	a := &c.answers[c.tail&c.ring&(maxQueue-1)]
	a.from, a.what = now+c.delay, uint64(r.tag)|uint64(r.bank)<<bankShift
	c.tail++
	bit := uint64(1) << (i & (maxQueue - 1))
	q.wants[r.pseudo&(maxPseudo-1)].column &^= bit
	q.active &^= bit
	b.reads &^= bit
	if q.n--; q.n == 0 {
		q.tail = 0
	}
}

// serve sends a request's next command and moves the request on.
func (c *Controller) serve(now int64, q *queue, i int, cmd Command) {
	r := &q.requests[i&(maxQueue-1)]
	if cmd == RD {
		c.read(now, i, r)
		return
	}
	if !r.counted {
		r.counted = true
		switch cmd {
		case WR:
			c.stats.RowHits++
		case ACT:
			c.stats.RowMisses++
		default:
			c.stats.RowConflicts++
		}
	}
	c.issue(now, cmd, r)
	if cmd == WR {
		q.remove(&c.timing, i)
	} else if cmd == ACT {
		q.active |= 1 << i
	}
}

// refresh closes all banks, then refreshes them.
func (c *Controller) refresh(now, next int64) bool {
	cmd := REF
	for i := range c.banks {
		if c.timing.open[i&(maxBanks-1)] != closed {
			cmd = PREA
			break
		}
	}
	if cmd == PREA && c.reads.active|c.writes.active != 0 {
		c.next = max(now+1, next)
		return false
	}
	if at := c.timing.allBanks[cmd]; at > now {
		c.next = at
		return false
	}
	c.issue(now, cmd, new(request))
	if cmd == REF {
		c.refreshAt += int64(c.standard.Timing.REFI)
	}
	return true
}
