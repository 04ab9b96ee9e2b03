package reference

// realign puts the answers of the F ports together: rows leave the response FIFOs in lock step, pass a register
// and enter a FIFO in units of 32-byte transactions, out of which two buffer lines are popped at a time.
type realign struct {
	loaded     portMark // register behind the response FIFOs
	loadedFull bool

	pad, last uint64 // of the units in the FIFO, oldest in bit 0
	size      int
	popped    int // units popped in this cycle
	poppedAt  int64
	push, cap int // units of a row of F, and the FIFO's capacity

	aligned       answer // register behind the FIFO
	alignedFull   bool
	converted     answer // register behind the bit-width converter: the fetcher's response
	convertedFull bool
	delivered     [maxFused]bool // write ports that have taken the response
}

type portMark struct {
	n    int
	last bool
}

type answer struct {
	matrix
	last bool
}

func newRealign(g *geometry) realign {
	push := g.ports / g.unit
	pop := 8 * g.lanes * sizeD * maxFused / (8 * transaction) / g.unit
	return realign{push: push, cap: 2 * max(push, pop), poppedAt: -1}
}

// respond moves the fetcher's response into the data registers of the buffer's two write ports.
func (s *sim) respond(now int64) {
	r := &s.realign
	if r.convertedFull {
		a := &r.converted
		b := &s.key
		if a.value {
			b = &s.value
		}
		done := true
		for i := range b.ports {
			p := &b.ports[i]
			if r.delivered[i] {
				continue
			}
			if p.data {
				done = false
				continue
			}
			p.data, p.dataLast = true, a.last
			b.busy = true
			r.delivered[i] = true
			s.moved = true
			if a.value {
				s.after(uValueWrite)
			} else {
				s.after(uKeyWrite)
			}
		}
		if done {
			r.delivered = [maxFused]bool{}
			r.convertedFull = false
			s.responded(now, a)
		}
	}
	if r.alignedFull && !r.convertedFull {
		r.converted, r.convertedFull = r.aligned, true
		r.alignedFull = false
		s.moved = true
	}
	s.realignPop(now)
	if r.loadedFull {
		size := r.size
		if r.poppedAt == now {
			size += r.popped
		}
		if size+r.push <= r.cap {
			r.enter(s.g.unit)
			s.moved = true
		}
	}
	f := s.fetch
	if f.consumed < f.pushed && !r.loadedFull {
		row := f.row(f.consumed)
		if row.unanswered == 0 {
			if now >= row.answeredAt+2 {
				r.loaded, r.loadedFull = portMark{row.n, row.last}, true
				f.consumed++
				f.consumedAt = now
				s.moved = true
				s.after(uAnswers)
			} else {
				s.wake(uRespond, row.answeredAt+2)
			}
		}
	}
}

// enter puts the row in the register into the FIFO. A unit is padding when its first transaction is; it carries
// the mark of the last when padding follows it within the row, or the row does and it is the row's end.
func (r *realign) enter(unit int) {
	for i := range r.push {
		pad := i*unit >= r.loaded.n
		last := !pad && ((i+1 < r.push && (i+1)*unit >= r.loaded.n) || (i+1 == r.push && r.loaded.last))
		bit := uint64(1) << (r.size + i)
		if pad {
			r.pad |= bit
		}
		if last {
			r.last |= bit
		}
	}
	r.size += r.push
	r.loadedFull = false
}

// realignPop takes two buffer lines out of the FIFO. Lines that begin with padding are thrown away.
func (s *sim) realignPop(now int64) {
	r, f := &s.realign, s.fetch
	if r.size == 0 || f.contexts.n == 0 {
		return
	}
	if !f.contexts.valid(now) {
		s.wake(uRespond, f.contexts.next(now))
		return
	}
	m := f.contexts.peek()
	n := m.bits * s.g.lanes * sizeD * maxFused / (8 * transaction) / s.g.unit
	if r.size < n {
		return
	}
	thrown := r.pad&1 != 0
	if !thrown && r.alignedFull {
		return
	}
	if !thrown {
		last := (r.last|r.pad)>>(n-1)&1 != 0
		r.aligned, r.alignedFull = answer{*m, last}, true
		if last {
			f.contexts.pop(now)
			s.after(uLoad)
		}
	}
	r.pad >>= n
	r.last >>= n
	r.size -= n
	r.popped, r.poppedAt = n, now
	s.moved = true
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
