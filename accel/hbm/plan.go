package hbm

import "math/bits"

// A read of an open row is planned when it is pushed: as long as the reads that wait are of open rows or of one row that
// is being opened (opening.go), no write waits and no refresh is due, FR-FCFS serves the reads of a pseudo-channel in
// their order, and a younger read never delays an older one. So a read is sent in the first cycle in which its pseudo-channel's
// bus is free and no older command is sent. Whatever else comes ends the plan: what has not been sent by then goes
// back into the queue, and the controller steps (schedule.go) until all reads are of open rows again.
type plan struct {
	on   bool
	able bool   // the standard's reads hold up nothing but their pseudo-channel's bus
	age  uint16 // of the next read
	opening
	bus [maxPseudo]int64 // when each bus was free before the first planned read
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

// planOther plans a read that is not of an open row; it reports false if the plan has to end.
func (c *Controller) planOther(now int64, bank uint8, row int32, what uint64) bool {
	p := &c.plan
	if bank == p.bank && row == p.row {
		c.late[p.lates&(maxQueue-1)] = what
		p.lates++
		return true
	}
	return p.bank == noBank && c.timing.open[bank&(maxBanks-1)] != row && c.open(now, bank, row, what)
}

// planRead plans a read of an open row that can be sent from a cycle on. Answers are in the order of their RDs.
func (c *Controller) planRead(from int64, bank uint8, what uint64) {
	bus := &c.timing.pseudo[bank&c.timing.pseudoMask&(maxPseudo-1)][RD]
	at, i := max(from, *bus)+c.delay, c.tail
	if !c.isLast(at) {
		i, at = c.insert(at)
	}
	c.file(i, at, bus, what)
}

// isLast reports whether an answer can come after all others, and nothing else is sent in the cycle of its RD.
func (c *Controller) isLast(at int64) bool {
	return c.answers[(c.tail-1)&c.ring&(maxQueue-1)].from < at && at != c.plan.preSlot && at != c.plan.actSlot
}

// file takes an answer into its place.
func (c *Controller) file(i int, at int64, bus *int64, what uint64) {
	a := &c.answers[i&c.ring&(maxQueue-1)]
	a.from, a.what = at, what
	*bus = at - c.delay + c.timing.bus
	c.tail++
	c.hits += int64(^what >> countedShift & 1)
}

// insert makes room for an answer that is not the last, or has to go out of the way of another command.
func (c *Controller) insert(at int64) (int, int64) {
	p, i := &c.plan, c.tail
	for i > c.head && c.answers[(i-1)&c.ring&(maxQueue-1)].from >= at {
		i--
	}
	for ; ; at++ {
		if i < c.tail && c.answers[i&c.ring&(maxQueue-1)].from == at {
			i++
		} else if at != p.preSlot && at != p.actSlot {
			break
		}
	}
	for k := c.tail; k > i; k-- {
		a, before := &c.answers[k&c.ring&(maxQueue-1)], &c.answers[(k-1)&c.ring&(maxQueue-1)]
		a.from, a.what = before.from, before.what
	}
	return i, at
}

// recall takes reads that are not sent before now out of the plan.
func (c *Controller) recall(now int64) []uint64 {
	p, t, n, end := &c.plan, &c.timing, 0, c.tail
	for ; end > c.head; end-- {
		a := &c.answers[(end-1)&c.ring&(maxQueue-1)]
		if a.from < now+c.delay {
			break
		}
		what, j := a.what, n
		for ; j > 0 && younger(what, c.recalled[(j-1)&(maxQueue-1)]); j-- {
			c.recalled[j&(maxQueue-1)] = c.recalled[(j-1)&(maxQueue-1)]
		}
		c.recalled[j&(maxQueue-1)] = what
		n++
		c.hits -= int64(^what >> countedShift & 1)
	}
	c.tail = end
	for i := range t.pseudos {
		t.pseudo[i&(maxPseudo-1)][RD] = p.bus[i&(maxPseudo-1)]
	}
	for i := c.head; i < end; i++ {
		a := &c.answers[i&c.ring&(maxQueue-1)]
		b := &t.pseudo[uint8(a.what>>bankShift)&t.pseudoMask&(maxPseudo-1)][RD]
		*b = max(*b, a.from-c.delay+t.bus)
	}
	return c.recalled[:n&(2*maxQueue-1)]
}

// startPlan plans the reads in the queue, which are all of open rows, from a cycle on.
func (c *Controller) startPlan(from int64) {
	if from < c.settled {
		c.rowsAt = c.settled
		return
	}
	q, t := &c.reads, &c.timing
	var all uint64
	for p := range t.pseudos {
		all |= q.wants[p&(maxPseudo-1)].column
		c.plan.bus[p&(maxPseudo-1)] = t.pseudo[p&(maxPseudo-1)][RD]
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
	for i := c.head; i < c.tail; i++ {
		var r request
		a := &c.answers[i&c.ring&(maxQueue-1)]
		bank := uint8(a.what >> bankShift)
		c.addr.fill(&r, 0, bank, 0)
		c.timing.read(&r, &c.timing.bank[bank&(maxBanks-1)], a.from-c.delay)
	}
	c.plan.on = false
	c.rowsAt, c.next = never, min(c.refreshAt, now)
	late := c.endOpening(now)
	if len(late) > 0 {
		c.rowsAt = now
	}
	for n := len(back); n > 0 || len(late) > 0; {
		if len(late) == 0 || n > 0 && younger(late[0], back[n-1]) {
			n--
			c.requeue(back[n], c.timing.open[back[n]>>bankShift&(maxBanks-1)])
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
	c.addr.fill(r, row, bank, uint32(what))
	r.counted = what>>countedShift&1 != 0
	if what>>activeShift != 0 {
		q.active |= bit
		c.rowsAt = 0
	}
	q.wants[r.pseudo&(maxPseudo-1)].class(bit, c.timing.open[bank&(maxBanks-1)], row)
	b.reads |= bit
	q.n++
	q.tail++
}
