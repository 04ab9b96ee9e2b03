package hbm

import "math/bits"

// A read of an open row is planned when it is pushed: as long as the reads that wait are of open rows or of one row that
// is being opened (opening.go), no write waits and no refresh is due, FR-FCFS serves the reads of a pseudo-channel in
// their order, and a younger read never delays an older one. So a read is sent in the first cycle in which its pseudo-channel's
// bus is free and no older command is sent. Whatever else comes ends the plan: what has not been sent by then goes
// back into the queue, and the controller steps (schedule.go) until all reads are of open rows again.
type plan struct {
	able bool // the standard's reads hold up nothing but their pseudo-channel's bus
	on   bool
	age  uint16           // of the next read
	last int64            // cycle of the last RD
	bus  [maxPseudo]int64 // when each bus was free before the first planned read
	opening
	recalled [maxQueue]uint64 // reads taken out of the plan, the youngest first
}

// answer is a read that has been sent, or is planned. What is known of it is one word, since the words of a planned one
// are moved soon after they were written.
type answer struct {
	from int64 // first cycle at which Pop may take it
	what uint64
}

// Fields of an answer's word; the tag is lowest.
const (
	ageShift     = 32 // of 16 bits, of planned reads: the lower, the older
	bankShift    = 48
	countedShift = 56 // whether the request's hit or miss is counted
	activeShift  = 57 // whether a row was opened for it
)

// younger reports whether the read of word a was pushed after that of word b.
func younger(a, b uint64) bool { return int16(uint16(a>>ageShift)-uint16(b>>ageShift)) > 0 }

// plannable reports whether reads of open rows wait for the bus of their pseudo-channel only, and whether all that a
// read forbids is over before its answer can be popped.
func (c *Controller) plannable() bool {
	if len(c.timing.windows[RD]) > 0 || c.timing.pseudos > 2 || c.timing.bus < 2 || c.timing.bus > c.timing.actToRead {
		return false
	}
	for _, e := range c.timing.effects[RD] {
		if e.after == RD && e.level != Pseudo || int64(e.cycles) >= c.delay {
			return false
		}
	}
	for _, e := range append(c.timing.effects[ACT], c.timing.effects[PRE]...) {
		if e.after == RD && e.level != Bank {
			return false
		}
	}
	return true
}

// planPush plans a read that is pushed at now; it reports false if the plan has to end.
func (c *Controller) planPush(now int64, bank uint8, row int32, tag uint32) bool {
	p, b := &c.plan, &c.timing.bank[bank&(maxBanks-1)]
	what := uint64(tag) | uint64(bank)<<bankShift | uint64(p.age)<<ageShift
	switch {
	case b.open == row && bank != p.bank:
		if b.earliest[RD] > now {
			return false
		}
		c.planRead(now, bank, what)
	case bank == p.bank && row == p.row:
		p.late[p.lates&(maxQueue-1)] = what
		p.lates++
	case p.bank != noBank || !c.open(now, bank, row, what):
		return false
	}
	p.age++
	c.outstanding++
	return true
}

// planRead plans a read of an open row that can be sent from a cycle on.
func (c *Controller) planRead(from int64, bank uint8, what uint64) {
	p, b, end := &c.plan, &c.timing.pseudo[bank>>(c.pseudoShift&7)&(maxPseudo-1)][RD], c.head+c.count
	at := max(from, *b) + c.delay
	// Answers are in the order of their RDs; in each cycle there is one command at most.
	i := end
	for i > c.head && c.answers[(i-1)&(maxQueue-1)].from >= at {
		i--
	}
	for ; ; at++ {
		if i < end && c.answers[i&(maxQueue-1)].from == at {
			i++
		} else if at != p.preSlot && at != p.actSlot {
			break
		}
	}
	for k := end; k > i; k-- {
		a, before := &c.answers[k&(maxQueue-1)], &c.answers[(k-1)&(maxQueue-1)]
		a.from, a.what = before.from, before.what
	}
	a := &c.answers[i&(maxQueue-1)]
	a.from, a.what = at, what
	c.count++
	at -= c.delay
	*b = at + c.timing.bus
	p.last = max(p.last, at)
	c.stats.Reads++
	c.stats.RowHits += int64(^what >> countedShift & 1)
}

// recall takes reads that are not sent before now out of the plan.
func (c *Controller) recall(now int64) []uint64 {
	p, t, n, end := &c.plan, &c.timing, 0, c.head+c.count
	for ; end > c.head; end-- {
		a := &c.answers[(end-1)&(maxQueue-1)]
		if a.from < now+c.delay {
			break
		}
		what, j := a.what, n
		for ; j > 0 && younger(what, p.recalled[(j-1)&(maxQueue-1)]); j-- {
			p.recalled[j&(maxQueue-1)] = p.recalled[(j-1)&(maxQueue-1)]
		}
		p.recalled[j&(maxQueue-1)] = what
		n++
		c.stats.RowHits -= int64(^what >> countedShift & 1)
	}
	c.count = end - c.head
	c.stats.Reads -= int64(n)
	p.last = 0
	for i := range t.pseudos {
		t.pseudo[i&(maxPseudo-1)][RD] = p.bus[i&(maxPseudo-1)]
	}
	for i := c.head; i < end; i++ {
		a := &c.answers[i&(maxQueue-1)]
		b := &t.pseudo[uint8(a.what>>bankShift)>>(c.pseudoShift&7)&(maxPseudo-1)][RD]
		p.last = a.from - c.delay
		*b = max(*b, p.last+t.bus)
	}
	return p.recalled[:n&(2*maxQueue-1)]
}

// startPlan plans the reads in the queue, which are all of open rows, from a cycle on.
func (c *Controller) startPlan(from int64) {
	q, t := &c.reads, &c.timing
	var all uint64
	for p := range t.pseudos {
		all |= q.wants[p&(maxPseudo-1)].column
		c.plan.bus[p&(maxPseudo-1)] = t.pseudo[p&(maxPseudo-1)][RD]
	}
	for m := all; m != 0; m &= m - 1 {
		if r := &q.requests[bits.TrailingZeros64(m)]; t.bank[r.bank&(maxBanks-1)].earliest[RD] > from {
			return
		}
	}
	for ; all != 0; all &= all - 1 {
		r := &q.requests[bits.TrailingZeros64(all)]
		t.bank[r.bank&(maxBanks-1)].reads = 0
		what := uint64(r.tag) | uint64(r.bank)<<bankShift | uint64(c.plan.age)<<ageShift
		if r.counted {
			what |= 1 << countedShift
		}
		c.planRead(from, r.bank, what)
		c.plan.age++
	}
	q.wants = [maxPseudo]wants{}
	q.n, q.tail = 0, 0
	c.plan.on, c.next = true, c.refreshAt
}

// endPlan puts reads that are not sent before now back into the queue.
func (c *Controller) endPlan(now int64) {
	back := c.recall(now)
	for i := c.head; i < c.head+c.count; i++ {
		var r request
		a := &c.answers[i&(maxQueue-1)]
		bank := uint8(a.what >> bankShift)
		c.fill(&r, 0, bank, 0)
		c.timing.read(&r, &c.timing.bank[bank&(maxBanks-1)], a.from-c.delay)
	}
	c.stats.LastCycle = max(c.stats.LastCycle, c.plan.last)
	c.plan.on, c.plan.last = false, 0
	c.rowsAt, c.next = never, min(c.refreshAt, now)
	late := c.endOpening(now)
	if len(late) > 0 {
		c.rowsAt = now
	}
	for n := len(back); n > 0 || len(late) > 0; {
		if len(late) == 0 || n > 0 && younger(late[0], back[n-1]) {
			n--
			c.requeue(back[n], c.timing.bank[back[n]>>bankShift&(maxBanks-1)].open)
			continue
		}
		c.requeue(late[0], c.plan.row)
		late = late[1:]
	}
}

// requeue puts a read behind those in the queue.
func (c *Controller) requeue(what uint64, row int32) {
	q, bank := &c.reads, uint8(what>>bankShift)
	r, bit, b := &q.requests[q.tail&(maxQueue-1)], uint64(1)<<(q.tail&(maxQueue-1)), &c.timing.bank[bank&(maxBanks-1)]
	c.fill(r, row, bank, uint32(what))
	r.counted = what>>countedShift&1 != 0
	if what>>activeShift != 0 {
		q.active |= bit
		c.rowsAt = 0
	}
	q.wants[r.pseudo&(maxPseudo-1)].class(bit, b.open, row)
	b.reads |= bit
	q.n++
	q.tail++
}
