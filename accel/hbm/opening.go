package hbm

// opening is the row that a plan opens: one at a time. The cycles of its PRE and ACT are known when its first read is
// pushed, since all other commands are older, and what comes later goes out of their way. From the cycle in which the row is open
// its first read goes before all others, then the others in their order: these are planned anew then.
type opening struct {
	bank             uint8 // noBank: none is opened
	lates            uint8 // reads of the row
	row              int32
	preSlot, actSlot int64 // cycles of the PRE and the ACT as answers count them
	pre              int64 // never: the bank was closed
	act, opened      int64
}

const noBank = 255

// open plans to open a row for a read. It reports false where that is not as simple as said above.
func (c *Controller) open(now int64, bank uint8, row int32, what uint64) bool {
	p, t := &c.plan, &c.timing
	b, n := &t.bank[bank&(maxBanks-1)], &t.pseudo[bank&t.pseudoMask&(maxPseudo-1)]
	pre, act := never, max(now, n[ACT], b.earliest[ACT])
	if t.open[bank&(maxBanks-1)] != closed {
		pre = max(now, n[PRE], b.earliest[PRE])
		for i := c.head; i < c.tail; i++ {
			if a := &c.answers[i&c.ring&(maxQueue-1)]; uint8(a.what>>bankShift) == bank {
				if a.from >= now+c.delay {
					return false // a read of the row that has to be closed
				}
				pre = max(pre, a.from-c.delay+t.close)
			}
		}
		pre = c.free(pre)
		act = max(act, pre+t.preToAct)
	}
	act = c.free(act)
	p.bank, p.row, p.pre, p.act, p.opened = bank, row, pre, act, max(act+t.actToRead, b.earliest[RD])
	p.preSlot, p.actSlot = pre+c.delay, act+c.delay
	c.late[0], p.lates = what, 1
	c.next = min(c.refreshAt, p.opened)
	return true
}

// free is the first cycle, from one on, in which no read is planned.
func (c *Controller) free(at int64) int64 {
	i := c.tail
	for i > c.head && c.answers[(i-1)&c.ring&(maxQueue-1)].from >= at+c.delay {
		i--
	}
	for ; i < c.tail && c.answers[i&c.ring&(maxQueue-1)].from == at+c.delay; i++ {
		at++
	}
	return at
}

// finishOpening plans the reads of the row that is open now, and those that are not sent yet.
func (c *Controller) finishOpening(now int64) {
	back := c.recall(now)
	late := c.endOpening(now)
	c.planRead(now, uint8(late[0]>>bankShift), late[0])
	late = late[1:]
	for n := len(back); n > 0 || len(late) > 0; {
		if len(late) == 0 || n > 0 && younger(late[0], back[n-1]) {
			n--
			c.planRead(now, uint8(back[n]>>bankShift), back[n])
		} else {
			c.planRead(now, uint8(late[0]>>bankShift), late[0])
			late = late[1:]
		}
	}
	c.next = c.refreshAt
}

// endOpening keeps the books of the commands sent before now. It returns the row's reads.
func (c *Controller) endOpening(now int64) []uint64 {
	p := &c.plan
	if p.bank == noBank {
		return nil
	}
	var r request
	c.addr.fill(&r, p.row, p.bank, 0)
	if p.pre < now {
		c.issue(p.pre, PRE, &r)
		c.stats.RowConflicts++
	} else if p.pre == never && p.act < now {
		c.stats.RowMisses++
	}
	if p.act < now {
		c.issue(p.act, ACT, &r)
		c.late[0] |= 1 << activeShift
	}
	if min(p.pre, p.act) < now {
		c.late[0] |= 1 << countedShift
	}
	p.bank, p.preSlot, p.actSlot = noBank, never, never
	return c.late[:p.lates]
}
