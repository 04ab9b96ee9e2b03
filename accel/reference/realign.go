package reference

// realign puts the answers of the F ports together: rows leave the response FIFOs in lock step, pass a register
// and enter a FIFO in units of 32-byte transactions, out of which two buffer lines are popped at a time. Two
// more registers, then the buffer's two write ports take the response.
//
// Nothing here chooses, so nothing is stepped: as soon as a row's last answer is there, the cycles of all that
// follows from it, up to the writes, are worked out, each from the cycles before it.
type realign struct {
	pad, last uint64 // of the units in the FIFO, oldest in bit 0
	size      int
	push, cap int // units of a row of F, and the FIFO's capacity

	entered     int64     // units that entered so far
	enteredAt   [64]int64 // by row: when they did
	left        int64     // units that were popped so far
	pops        int64
	leftAt      [64]pop // by pop: when they were
	needed      int64   // the pop that the next row waits for, at least
	poppedAt    int64
	convertedAt int64 // cycle in which the last response passed from the register behind the FIFO to the next
	respondedAt int64 // cycle in which it was taken
}

// pop is units that have left the FIFO, with all before, and when.
type pop struct{ left, at int64 }

type answer struct {
	matrix
	last bool
}

func newRealign(g *geometry) realign {
	push := g.ports / g.unit
	pop := 8 * g.lanes * sizeD * maxFused / (8 * transaction) / g.unit
	r := realign{push: push, cap: 2 * max(push, pop), poppedAt: -1, convertedAt: -1, respondedAt: -1}
	r.enteredAt[63] = -1
	return r
}

// respond works out all that is known: lines out of the FIFO before rows into it.
func (s *sim) respond() {
	for s.popLines() || s.enterRow() {
	}
}

// enterRow moves the next row out of the response FIFOs, through the register behind them, into the FIFO. A unit
// is padding when its first transaction is; it carries the mark of the last when padding follows it within the
// row, or the row does and it is the row's end.
func (s *sim) enterRow() bool {
	r, f := &s.realign, s.fetch
	if f.consumed == f.pushed {
		return false
	}
	row := f.row(f.consumed)
	if row.unanswered > 0 {
		return false
	}
	before := r.enteredAt[(f.consumed-1)&63]
	row.consumedAt = max(row.answeredAt+2, before)
	at := row.consumedAt + 1
	if need := r.entered + int64(r.push-r.cap); need > 0 {
		if r.left < need {
			return false
		}
		for r.leftAt[r.needed&63].left < need {
			r.needed++
		}
		at = max(at, r.leftAt[r.needed&63].at+1)
	}
	r.enteredAt[f.consumed&63] = at
	r.entered += int64(r.push)
	f.consumed++
	if f.roomWait {
		f.roomWait = false
		s.wake(uCrossbar, row.consumedAt+1)
	}
	full := r.push // units that are not padding
	if n := int(row.n); n < s.g.ports {
		f.paddedRows--
		full = (n + s.g.unit - 1) / s.g.unit
		r.pad |= (1<<(r.push-full) - 1) << (r.size + full)
	}
	if full < r.push && full > 0 || row.last && full > 0 {
		r.last |= 1 << (r.size + full - 1)
	}
	r.size += r.push
	return true
}

// popLines takes two buffer lines out of the FIFO. Lines that begin with padding are thrown away.
func (s *sim) popLines() bool {
	r, f := &s.realign, s.fetch
	if f.contextsOut == f.contextsIn {
		return false
	}
	c := &f.contexts[f.contextsOut%contexts]
	n := s.g.pop[c.bits]
	if r.size < n {
		return false
	}
	r.left += int64(n)
	row := (r.left - 1) >> s.g.pushBits
	at := max(r.poppedAt+1, r.enteredAt[row&63]+1, c.pushedAt+2)
	if r.pad&1 == 0 {
		b := &s.key
		if c.value {
			b = &s.value
		}
		if !b.announced() {
			r.left -= int64(n)
			return false
		}
		at = max(at, r.convertedAt)
		a := answer{c.matrix, (r.last|r.pad)>>(n-1)&1 != 0}
		r.convertedAt = max(at+1, r.respondedAt)
		r.respondedAt = s.take(b, r.convertedAt, &a)
		s.responded(r.respondedAt, &a)
		if a.last {
			f.contextPopped[f.contextsOut%contexts] = at
			f.contextsOut++
			s.wake(uLoad, at+1)
		}
	}
	r.leftAt[r.pops&63] = pop{r.left, at}
	r.pops++
	r.poppedAt = at
	r.pad >>= n
	r.last >>= n
	r.size -= n
	return true
}

func (s *sim) responded(now int64, a *answer) {
	flags := 0
	if a.last {
		flags |= FlagLast
	}
	st := &a.j.stamps
	switch {
	case a.value:
		flags |= FlagValue
		st.ValueResponse.at(now)
	case a.second:
		flags |= FlagSecondPass
		st.KeyResponse[1].at(now)
	default:
		st.KeyResponse[0].at(now)
	}
	s.event(now, FetchResponse, a.j, flags)
}
