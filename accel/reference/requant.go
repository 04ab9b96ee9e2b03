package reference

// requantBuffer keeps the order of rows when some are recomputed: words of rows behind a row that is being
// recomputed wait in a FIFO; the recomputation's words pass by it (RTL.md section 8). Behind it are the
// rebatching and the reload of the indices, three registers.
type requantBuffer struct {
	fifo     words
	needed   int // recomputations decided since the last normal row
	finished int // recomputations that left since the last normal row
	locked   bool
	direct   bool // the locked side is the recomputation's
	chain    [4]beat
	full     [4]bool // requant buffer's output, rebatch, and the two of the index reload
	part     int     // of a pair of 6-bit values
	directAt int64   // cycle in which the last word passed by the FIFO
	freeAt   int64   // cycle from which the entrance is free of runs
}

// bufferWord takes a decided word: dropped if the row comes again, into the FIFO if it is normal, straight to
// the output if it is a recomputation. It reports whether it was taken.
func (s *sim) bufferWord(now int64, b *beat, again bool) bool {
	r := &s.requant
	switch {
	case again:
		if b.last {
			r.needed++
		}
		return true
	case b.second:
		return r.directAt == now
	}
	if !r.fifo.room(now) {
		return false
	}
	b.j.requantsBefore = r.needed
	r.fifo.push(now, b)
	s.wake(uRequant, now+2)
	if b.last {
		r.needed = 0
	}
	return true
}

// requantStep moves the chain of registers and lets the next word into it.
func (s *sim) requantStep(now int64) {
	r := &s.requant
	if now < r.freeAt {
		s.wake(uRequant, r.freeAt)
		return
	}
	s.adjust(now)
	for i := 2; i >= 0; i-- {
		if r.full[i] && !r.full[i+1] {
			r.chain[i+1], r.full[i+1] = r.chain[i], true
			r.full[i] = false
			s.moved = true
			b := &r.chain[i+1]
			switch i {
			case 2:
				s.after(uTopK)
			case 0:
				b.j.stamps.RequantOut.at(now)
				s.event(now, RequantOut, b.j, b.flags())
				s.rebatch(b)
			}
		}
	}
	direct := s.decision.outFull && !s.decision.passed && s.decision.out.second
	queued := false
	if r.fifo.n > 0 {
		if !r.fifo.valid(now) {
			s.wake(uRequant, r.fifo.next())
		} else {
			queued = r.fifo.head().j.requantsBefore <= r.finished
		}
	}
	side := r.direct
	if !r.locked {
		side = !queued
	}
	if side && !direct || !side && !queued {
		return
	}
	r.direct, r.locked = side, true
	if r.full[0] {
		return
	}
	s.moved = true
	if side && s.directRun(now) || !side && s.requantRun(now) {
		return
	}
	if side {
		r.chain[0] = s.decision.out
		r.directAt = now
		s.same(uDecide)
	} else {
		r.chain[0] = r.fifo.pop(now, r.fifo.head().j.words)
		s.after(uDecide)
	}
	r.full[0] = true
	if r.chain[0].last {
		r.locked = false
		if side {
			r.finished++
		} else {
			r.finished = 0
		}
	}
}

// rebatch pairs rows anew where values are of 6 bits, whatever the keys were.
func (s *sim) rebatch(b *beat) {
	r := &s.requant
	n := fused(b.j.valBits)
	if fused(b.j.keyBits) == 1 && n == 1 {
		b.j.valPart, b.j.lastValPart = b.j.keyPart, b.j.lastPart
	} else {
		b.j.valPart, b.j.lastValPart = r.part, r.part == n-1
	}
	if b.last {
		if r.part >= n-1 {
			r.part = 0
		} else {
			r.part++
		}
	}
}

// adjust drops the words beyond the row's keys (lines are rounded up to even) and marks the last that counts.
func (s *sim) adjust(now int64) {
	r := &s.requant
	if !r.full[3] {
		return
	}
	b := r.chain[3]
	if int(b.word) < b.j.inWords {
		b.second = false
		b.last = int(b.word) == b.j.inWords-1
		if !s.topkIn(now, &b) {
			return
		}
	} else {
		s.retire(b.j, 1)
	}
	r.full[3] = false
	s.moved = true
}
