package reference

// decision looks at the largest score of a row before it lets any of its words on: words wait in a FIFO until
// the row's last has come, whose maximum is in a register of its own. The next row's last must wait until this
// row's last word has left (RTL.md section 8). In front, a tree of log2(P) layers finds a word's maximum.
type decision struct {
	tree   [8]beat // layers, when P > 1
	exits  [8]int64
	head   int
	n      int
	frozen int64
	stood  bool

	scores      words
	maxima      ring[int64] // cycles from which rows' maxima are known
	maximumFree int64       // cycle from which the register of the maximum is free, when there is none
	out         beat
	outFull     bool
	freeAt      int64 // cycle from which the word's register is free of runs
	reports     ring[reporting]
	reported    bool // the fork's two sides
	passed      bool
}

// offerScore is the dot product's output: the event, then the tree or, for one lane, the FIFO itself.
func (s *sim) offerScore(now int64, b *beat) bool {
	d := &s.decision
	layers := int64(s.g.laneBits)
	if layers == 0 {
		if !s.storeScore(now, b) {
			return false
		}
	} else {
		if d.stood {
			return false
		}
		i := (d.head + d.n) & 7
		d.tree[i], d.exits[i] = *b, now-d.frozen+layers
		d.n++
		s.wake(uDecide, now+layers)
	}
	b.j.stamps.Dot[b.pass()].at(now)
	s.event(now, DotProduct, b.j, b.flags())
	return true
}

// storeScore puts a word into the FIFO, the last of a row only when the register of the maximum is free.
func (s *sim) storeScore(now int64, b *beat) bool {
	d := &s.decision
	if !d.scores.room(now) || b.last && (d.maxima.n > 0 || now < d.maximumFree) {
		s.stall(now, StallDecision)
		s.scoreAgain(now)
		return false
	}
	s.ready(now, StallDecision)
	d.scores.push(now, b)
	if b.last {
		d.maxima.push(now + 1)
		s.after(uDecide)
	}
	return true
}

// scoreAgain has a refused word offered again when runs that are under way make room.
func (s *sim) scoreAgain(now int64) {
	d := &s.decision
	at := never
	if d.scores.popAt >= now {
		at = now + 1
	} else if d.maxima.n == 0 {
		at = d.maximumFree
	}
	s.wake(uDot, at)
	s.wake(uDecide, at)
}

// decideStep hands words on: the first of a row is reported to the key stage, and all go to the requant buffer.
func (s *sim) decideStep(now int64) {
	d := &s.decision
	if d.reports.n > 0 {
		if r := d.reports.at(0); r.at > now {
			s.wake(uDecide, r.at)
		} else if s.report(now, &r.beat, r.again) {
			d.reports.pop()
		}
	}
	if d.outFull {
		s.decideFork(now)
	}
	s.decideRun(now)
	if d.maxima.n > 0 && !d.outFull {
		if at := max(*d.maxima.at(0), d.freeAt); at > now {
			s.wake(uDecide, at)
		} else if d.scores.valid(now) {
			d.out, d.outFull = d.scores.pop(now, d.scores.head().j.words), true
			s.moved = true
			s.same(uDot)
			s.after(uDot)
			if d.out.second {
				s.after(uRequant)
			}
			if d.out.last {
				d.maxima.pop()
				d.maximumFree = now
			}
		} else {
			s.wake(uDecide, d.scores.next())
		}
	}
	if d.n > 0 {
		// While it stands, nothing enters, and the words in it keep their distance.
		at := d.exits[d.head] + d.frozen
		if at > now {
			s.wake(uDecide, at)
		} else if s.storeScore(now, &d.tree[d.head]) {
			d.frozen += now - at
			d.stood = false
			d.head = (d.head + 1) & 7
			d.n--
			s.moved = true
			s.same(uDot)
		} else {
			d.stood = true
		}
	}
}

// decideFork gives the word in the register to the report and to the requant buffer.
func (s *sim) decideFork(now int64) {
	d := &s.decision
	b := &d.out
	again := b.j.recompute && !b.second
	if !d.reported {
		if b.word > 0 {
			d.reported = true
		} else {
			d.reported = s.report(now, b, again)
		}
	}
	if !d.passed {
		d.passed = s.bufferWord(now, b, again)
	}
	if !d.reported || !d.passed {
		s.stall(now, StallRequant)
		return
	}
	s.ready(now, StallRequant)
	d.reported, d.passed, d.outFull = false, false, false
	s.moved = true
	b.j.stamps.Decide[b.pass()].at(now)
	s.event(now, Decision, b.j, b.flags())
}

// report takes the decision to the key stage: the row's key lines are released, or it comes again.
func (s *sim) report(now int64, b *beat, again bool) bool {
	k := &s.keys
	if !k.decisions.valid(now) {
		s.wake(uDecide, k.decisions.next(now))
		return false
	}
	if again && k.held[1] {
		return false
	}
	p := k.decisions.pop(now)
	s.same(uKeyStage)
	s.after(uKeyStage)
	if again {
		k.arrived, k.arrives = pass{p.j, true}, true
	} else if p.j.lastPart {
		s.keyAlloc.release(now+1, p.j.region) // through a register
		s.wake(uAdmit, now+1+releaseDelay)
	}
	s.moved = true
	flags := 0
	if again {
		flags = FlagSecondPass
	}
	s.event(now, RequantReport, b.j, flags)
	return true
}
