package hbm

import (
	"fmt"
	"math/bits"
)

// Options are the queues of a controller.
type Options struct {
	// Outstanding is how many reads may be under way, from Push until Pop. The reference's driver has 16.
	Outstanding int
	// Writes is the write queue: writes are drained when it is fuller than 4/5, until it is below 1/5, or when
	// there is nothing to read. Zero means 32.
	Writes int
}

// Stats counts what a channel did.
type Stats struct {
	Reads, Writes           int64 // column commands
	Activations, Precharges int64
	Refreshes               int64
	RowHits                 int64 // requests whose row was open when first served
	RowMisses               int64 // requests whose bank was closed
	RowConflicts            int64 // requests that had to close another row
	DataCycles              int64 // cycles in which a pseudo-channel's data bus moved a burst, summed over them
	LastCycle               int64 // cycle of the last command
}

// Sent is one command of the log.
type Sent struct {
	Cycle   int64
	Command Command
	Place   Place
}

// Controller is one channel: it takes requests, sends commands and tells when each read is complete.
//
// In each cycle the caller may Push and Pop, then calls Step. Cycles before Next may be left out: nothing
// happens in them.
type Controller struct {
	// What each read needs comes first, on few lines of the cache.
	next        int64
	refreshAt   int64
	delay       int64 // from a RD to the cycle in which its answer can be popped
	settled     int64 // from then on rows that are open can be read
	outstanding int   // reads pushed and not yet popped
	head, tail  int   // of the answers
	ring        int   // places of the answers, less one
	limit       int
	hits        int64 // planned reads of open rows
	addr        AddressMap
	plan        plan
	timing      timing
	answers     [maxQueue]answer // ring of reads sent or planned, in the order of their RD

	rowsAt     int64 // before it no read needs its row opened or closed, and none that has opened its row can be served
	reads      queue
	writes     queue
	stats      Stats
	log        func(Sent)
	standard   Standard
	banks      int
	writeLimit int
	draining   bool
	recalled   [maxQueue]uint64 // reads taken out of the plan, the youngest first
	late       [maxQueue]uint64 // the reads of the row that is opened, the oldest first
}

const closed = int32(-1)

// NewController makes a channel of a standard; all banks are closed.
func NewController(s Standard, o Options) (*Controller, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if o.Writes == 0 {
		o.Writes = 32
	}
	if o.Outstanding < 1 || o.Outstanding > maxQueue || o.Writes < 0 || o.Writes > maxQueue {
		return nil, fmt.Errorf("dram controller: %d outstanding reads and %d queued writes: each from 1 to %d",
			o.Outstanding, o.Writes, maxQueue)
	}
	c := &Controller{
		standard: s, addr: NewAddressMap(s.Org), timing: newTiming(&s),
		banks: s.Org.Pseudo * s.Org.Groups * s.Org.Banks,
		ring:  1<<bits.Len(uint(o.Outstanding-1)) - 1, limit: o.Outstanding, writeLimit: o.Writes,
		next: never, refreshAt: never,
		delay: int64(s.ReadLatency()) + 1,
		reads: queue{pseudos: int16(s.Org.Pseudo), column: RD}, writes: queue{pseudos: int16(s.Org.Pseudo), column: WR},
	}
	for i := range c.timing.open {
		c.timing.open[i] = closed
	}
	c.plan.able = c.plannable()
	c.plan.on, c.plan.bank, c.plan.preSlot, c.plan.actSlot = c.plan.able, noBank, never, never
	if s.Timing.REFI > 0 {
		c.refreshAt = int64(s.Timing.REFI)
		c.next = c.refreshAt
	}
	return c, nil
}

// SetLog makes f see every command in the cycle in which it is sent, so that none is planned. It must be set before the
// first Push.
func (c *Controller) SetLog(f func(Sent)) {
	c.log = f
	c.plan.able = f == nil && c.plannable()
	c.plan.on = c.plan.able
}

// Stats is what the channel has done so far, or has planned to do.
func (c *Controller) Stats() Stats {
	s := c.stats
	s.Reads = int64(c.tail)
	s.RowHits += c.hits
	if c.tail > 0 {
		s.LastCycle = max(s.LastCycle, c.answers[(c.tail-1)&c.ring&(maxQueue-1)].from-c.delay)
	}
	s.DataCycles = (s.Reads + s.Writes) * int64(c.standard.Timing.BL)
	return s
}

// Push offers a request for a channel-local byte address at cycle now; it reports whether there was room.
// tag comes back from Pop; writes are posted and have no answer.
func (c *Controller) Push(now int64, addr uint64, tag uint32, write bool) bool {
	bank, row := c.addr.bank(addr)
	if write {
		if int(c.writes.n) >= c.writeLimit {
			return false
		}
	} else {
		if c.outstanding >= c.limit {
			return false
		}
		c.outstanding++
		if p := &c.plan; p.on {
			what := uint64(tag) | uint64(bank)<<bankShift | uint64(p.age)<<ageShift
			p.age++
			if c.timing.open[bank&(maxBanks-1)] == row && bank != p.bank && now >= c.settled {
				bus := &c.timing.pseudo[bank&c.timing.pseudoMask&(maxPseudo-1)][RD]
				if at := max(now, *bus) + c.delay; c.isLast(at) {
					c.file(c.tail, at, bus, what)
				} else {
					c.planRead(now, bank, what)
				}
				return true
			}
			if c.planOther(now, bank, row, what) {
				return true
			}
		}
	}
	if c.plan.on {
		c.endPlan(now)
	}
	q := &c.reads
	if write {
		q = &c.writes
	}
	if q.tail == maxQueue {
		q.compact(&c.timing)
	}
	i := q.tail & (maxQueue - 1)
	r, bit := &q.requests[i], uint64(1)<<i
	c.addr.fill(r, row, bank, tag)
	b, w := &c.timing.bank[r.bank&(maxBanks-1)], &q.wants[r.pseudo&(maxPseudo-1)]
	*q.of(b) |= bit
	q.tail++
	q.n++
	cmd := PRE
	switch c.timing.open[bank&(maxBanks-1)] {
	case r.row:
		cmd = RD
		w.column |= bit
	case closed:
		cmd = ACT
		w.act |= bit
	default:
		w.pre |= bit
	}
	if write {
		c.next = min(c.next, now)
		return true
	}
	if c.writes.n > 0 {
		c.next = min(c.next, now) // whose turn it is may change
	} else if cmd != RD || c.next > now {
		cmd &= bankCommands - 1
		at := max(c.timing.pseudo[r.pseudo&(maxPseudo-1)][cmd], b.earliest[cmd], now)
		c.next = min(c.next, at)
		if cmd != RD {
			c.rowsAt = min(c.rowsAt, at)
		}
	}
	return true
}

// Pop takes the oldest completed read, in the order in which the DRAM served them.
func (c *Controller) Pop(now int64) (tag uint32, ok bool) {
	a := &c.answers[c.head&c.ring&(maxQueue-1)]
	if c.head == c.tail || a.from > now {
		return 0, false
	}
	c.Drop()
	return uint32(a.what), true
}

// Drop is Pop for a caller that knows that there is an answer, and does not want its tag.
func (c *Controller) Drop() {
	c.head++
	c.outstanding--
}

// NextAnswer is the first cycle at which Pop will succeed, if no answer is waited for a cycle beyond any other.
func (c *Controller) NextAnswer() int64 {
	if c.head == c.tail {
		return never
	}
	return c.answers[c.head&c.ring&(maxQueue-1)].from
}

// Next is the first cycle at which Step can do anything, as things stand.
func (c *Controller) Next() int64 { return c.next }

// Outstanding is the number of reads pushed and not yet popped.
func (c *Controller) Outstanding() int { return c.outstanding }

// Pushed is the number of reads pushed so far.
func (c *Controller) Pushed() int64 { return int64(c.head + c.outstanding) }

// QueuedWrites is the number of writes that have not been sent to the DRAM.
func (c *Controller) QueuedWrites() int { return int(c.writes.n) }

// Room reports whether a read can be pushed.
func (c *Controller) Room() bool { return c.outstanding < c.limit }

// issue sends a command and keeps the books.
func (c *Controller) issue(now int64, cmd Command, r *request) {
	c.timing.issue(cmd, r, now)
	c.stats.LastCycle = now
	switch cmd {
	case WR:
		c.stats.Writes++
		c.settled = max(c.settled, now+c.timing.writeToRead)
	case ACT:
		c.stats.Activations++
		c.settled = max(c.settled, now+c.timing.actToRead)
		c.turn(r.bank, r.row)
	case PRE:
		c.stats.Precharges++
		c.turn(r.bank, closed)
	case PREA:
		for i := range c.banks {
			if c.timing.open[i&(maxBanks-1)] != closed {
				c.stats.Precharges++
				c.turn(uint8(i), closed)
			}
		}
	case REF:
		c.stats.Refreshes++
	}
	if c.log != nil {
		c.log(Sent{now, cmd, c.addr.place(r.bank, r.row)})
	}
}

// turn opens a row of a bank or closes it.
func (c *Controller) turn(i uint8, row int32) {
	b := &c.timing.bank[i&(maxBanks-1)]
	c.timing.open[i&(maxBanks-1)] = row
	c.reads.changed(b, row)
	c.writes.changed(b, row)
}
