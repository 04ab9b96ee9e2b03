package hbm

// need is the next command that a request waits for, as its bank stands.
func (c *Controller) need(r *request) Command {
	switch c.open[r.Bank] {
	case r.Row:
		if r.write {
			return WR
		}
		return RD
	case closed:
		return ACT
	}
	return PRE
}

// Step sends at most one command at cycle now: first a request whose row was opened for it, then a due refresh,
// then the oldest request that is ready (FR-FCFS: "ready first, then oldest"). A PRE that would close a row
// opened for a request not yet served is held back, and nothing else goes in its place.
func (c *Controller) Step(now int64) {
	if now < c.next {
		return
	}
	i, next := c.oldestActive(now)
	if i >= 0 {
		c.serve(now, &c.active, i, c.need(&c.active[i]))
		return
	}
	if now >= c.refreshAt {
		c.next = min(next, c.refresh(now))
		return
	}
	next = min(next, c.refreshAt)
	queue := c.queue()
	i, cmd, at := c.oldestReady(*queue, now)
	if i < 0 {
		c.next = min(next, at)
		return
	}
	if cmd == PRE && c.holds((*queue)[i].Bank) {
		c.next = now + 1
		return
	}
	c.serve(now, queue, i, cmd)
}

// oldestActive finds the oldest active request that is ready, or -1 and when the first will be.
func (c *Controller) oldestActive(now int64) (best int, next int64) {
	best, next = -1, never
	for i := range c.active {
		r := &c.active[i]
		if at := c.timing.earliest(c.need(r), &r.Place); at > now {
			next = min(next, at)
		} else if best < 0 || r.arrive < c.active[best].arrive {
			best = i
		}
	}
	return best, next
}

// oldestReady finds the first ready request of an age-ordered queue and its command, or -1 and when the first
// will be ready. The widest levels are looked at once for all.
func (c *Controller) oldestReady(queue []request, now int64) (int, Command, int64) {
	next := never
	t := c.timing
	bus := &t.ready[Channel][0]
	for i := range queue {
		r := &queue[i]
		cmd := c.need(r)
		at := max(bus[cmd], t.ready[Pseudo][r.Pseudo][cmd])
		if at <= now {
			at = max(at, t.ready[Group][r.Group][cmd], t.ready[Bank][r.Bank][cmd])
			if at <= now {
				return i, cmd, at
			}
		}
		next = min(next, at)
	}
	return -1, 0, next
}

// queue is reads or writes, whichever has the turn. Reads have it until the writes pile up or reads run out.
func (c *Controller) queue() *[]request {
	if c.draining {
		if len(c.writes)*5 < c.writeLimit && len(c.reads) > 0 || len(c.writes) == 0 {
			c.draining = false
		}
	} else if len(c.writes)*5 > c.writeLimit*4 || len(c.reads) == 0 && len(c.writes) > 0 {
		c.draining = true
	}
	if c.draining {
		return &c.writes
	}
	return &c.reads
}

// holds reports whether a row of the bank is open for a request not yet served.
func (c *Controller) holds(bank int32) bool {
	for i := range c.active {
		if c.active[i].Bank == bank {
			return true
		}
	}
	return false
}

// serve sends a request's next command and moves the request on.
func (c *Controller) serve(now int64, queue *[]request, i int, cmd Command) {
	r := &(*queue)[i]
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
	c.send(now, cmd, r.Place)
	switch cmd {
	case RD:
		c.complete(now, r.tag)
		remove(queue, i)
	case WR:
		remove(queue, i)
	case ACT:
		c.active = append(c.active, *r)
		remove(queue, i)
	}
	c.next = now + 1
	if len(c.active)+len(c.reads)+len(c.writes) == 0 {
		c.next = c.refreshAt
	}
}

func remove(queue *[]request, i int) {
	q := *queue
	copy(q[i:], q[i+1:])
	*queue = q[:len(q)-1]
}

// refresh closes all banks, then refreshes them; it returns when to look again.
func (c *Controller) refresh(now int64) int64 {
	cmd := REF
	for _, row := range c.open {
		if row != closed {
			cmd = PREA
			break
		}
	}
	if cmd == PREA && len(c.active) > 0 {
		return now + 1
	}
	if at := c.timing.ready[Channel][0][cmd]; at > now {
		return at
	}
	c.send(now, cmd, Place{})
	if cmd == REF {
		c.refreshAt += int64(c.standard.Timing.REFI)
	}
	return now + 1
}
