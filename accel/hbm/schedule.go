package hbm

import "math/bits"

// command is the next command that a request waits for, as its bank stands.
func (c *Controller) command(r *request) Command {
	switch class(c.open[r.Bank], r.Row) {
	case wantACT:
		return ACT
	case wantPRE:
		return PRE
	}
	if r.write {
		return WR
	}
	return RD
}

// Step sends at most one command at cycle now: first a request whose row was opened for it, then a due refresh,
// then the oldest request that is ready (FR-FCFS: "ready first, then oldest"). A PRE that would close a row
// opened for a request not yet served is held back, and nothing else goes in its place.
func (c *Controller) Step(now int64) {
	if now < c.next {
		return
	}
	if !c.send(now) {
		return
	}
	// Look ahead, so that cycles in which nothing can be sent are not stepped.
	c.next = now + 1
	if c.refreshAt > now+1 && c.writes.n == 0 {
		if ready, next := c.reads.ready(c.timing, RD, now+1); ready == 0 {
			c.next = min(next, c.refreshAt)
		}
	}
}

// send sends the command of a cycle and reports whether there was one; if not, it says when to look again.
func (c *Controller) send(now int64) bool {
	ready, next := c.reads.ready(c.timing, RD, now)
	i, at := c.oldest(&c.reads, ready&c.reads.active, now)
	if i >= 0 {
		c.serve(now, &c.reads, i)
		return true
	}
	next = min(next, at)
	var readyWrites uint64
	if c.writes.n > 0 {
		readyWrites, at = c.writes.ready(c.timing, WR, now)
		next = min(next, at)
		if i, at = c.oldest(&c.writes, readyWrites&c.writes.active, now); i >= 0 {
			c.serve(now, &c.writes, i)
			return true
		}
		next = min(next, at)
	}
	if now >= c.refreshAt {
		return c.refresh(now, next)
	}
	q := &c.reads
	if c.writesTurn() {
		q, ready = &c.writes, readyWrites
	}
	if i, at = c.oldest(q, ready&^q.active, now); i < 0 {
		c.next = min(next, at, c.refreshAt)
		return false
	}
	r := &q.requests[i]
	if c.command(r) == PRE && (c.reads.holds(r.Bank) || c.writes.holds(r.Bank)) {
		c.next = now + 1
		return false
	}
	c.serve(now, q, i)
	return true
}

// oldest is the first of some requests that its group and bank allow at now, or -1 and when the first will be.
func (c *Controller) oldest(q *queue, mask uint64, now int64) (int, int64) {
	next := never
	for ; mask != 0; mask &= mask - 1 {
		i := bits.TrailingZeros64(mask)
		r := &q.requests[i]
		cmd := c.command(r)
		s := r.slot()
		at := max(c.timing.at(&s, Group, cmd), c.timing.at(&s, Bank, cmd))
		if at <= now {
			return i, at
		}
		next = min(next, at)
	}
	return -1, next
}

// writesTurn reports whether writes are drained: reads have the turn until writes pile up or reads run out.
func (c *Controller) writesTurn() bool {
	if c.draining {
		if c.writes.n*5 < c.writeLimit && c.reads.n > 0 || c.writes.n == 0 {
			c.draining = false
		}
	} else if c.writes.n*5 > c.writeLimit*4 || c.reads.n == 0 && c.writes.n > 0 {
		c.draining = true
	}
	return c.draining
}

// serve sends a request's next command and moves the request on.
func (c *Controller) serve(now int64, q *queue, i int) {
	r := &q.requests[i]
	cmd := c.command(r)
	if !r.counted {
		r.counted = true
		switch cmd {
		case RD, WR:
			c.stats.RowHits++
		case ACT:
			c.stats.RowMisses++
		default:
			c.stats.RowConflicts++
		}
	}
	c.issue(now, cmd, &r.Place)
	switch cmd {
	case RD:
		c.complete(now, r.tag)
		q.remove(i)
	case WR:
		q.remove(i)
	case ACT:
		q.active |= 1 << i
	}
}

// refresh closes all banks, then refreshes them.
func (c *Controller) refresh(now, next int64) bool {
	cmd := REF
	for _, row := range c.open {
		if row != closed {
			cmd = PREA
			break
		}
	}
	if cmd == PREA && c.reads.active|c.writes.active != 0 {
		c.next = max(now+1, next)
		return false
	}
	if at := c.timing.ready[cmd]; at > now {
		c.next = at
		return false
	}
	c.issue(now, cmd, &Place{})
	if cmd == REF {
		c.refreshAt += int64(c.standard.Timing.REFI)
	}
	return true
}
