package reference

// pass is a row at the key stage: its first pass or its recomputation.
type pass struct {
	j      *job
	second bool
}

func (p *pass) beat() beat { return beat{j: p.j, second: p.second} }

func (p *pass) index() int {
	if p.second {
		return 1
	}
	return 0
}

// keyStage handles one pass at a time (RTL.md section 4): a four-way fork gives it to the writer's two ports,
// the fetcher, the reader and the dot product; it leaves when all have done, which is when its last line is
// read. The arbiter in front prefers recomputations, and keeps to a choice that it could not yet hand on.
type keyStage struct {
	current   pass
	full      bool
	presented bool           // its first cycle here is over
	announced [maxFused]bool // write ports that know the matrix
	fetched   bool           // all its requests are on their way
	reading   bool           // the reader knows it
	readAt    int64          // cycle in which the dot product takes its last line, or never
	line      int            // next line of the key index table

	queued     fetchRequest // register between the generator and the fetcher's register
	queuedFull bool

	decisions fifo[pass] // dispatched and not yet decided

	locked  bool
	choice  int
	pushed  bool // the chosen is in the FIFO already and waits for the register
	again   [2]pass
	held    [2]bool // again[0]: register towards the arbiter; again[1]: the one that cuts the ready path
	arrived pass    // a recomputation decided in this cycle
	arrives bool
}

const (
	againSide = 0
	newSide   = 1
)

// keyStep moves the key stage; the arbiter's choice enters in the same cycle in which a pass leaves.
func (s *sim) keyStep(now int64) {
	k := &s.keys
	f := s.fetch
	if k.queuedFull && !f.full[keySide] {
		f.requests[keySide], f.full[keySide] = k.queued, true
		k.queuedFull = false
		s.moved = true
		s.after(uArbitrate)
	}
	if k.full {
		if !k.presented {
			k.presented = true
			b := k.current.beat()
			s.event(now, Dispatch, k.current.j, b.flags())
		}
		s.keyFork(now)
	}
	s.keyArbiter(now)
}

func (s *sim) keyFork(now int64) {
	k := &s.keys
	j, second := k.current.j, k.current.second
	fetches := second || j.keyPart == 0
	done := k.readAt <= now
	if !done {
		s.wake(uKeyStage, k.readAt)
	}
	for i := range k.announced {
		p := &s.key.ports[i]
		switch {
		case k.announced[i]:
		case !fetches:
			k.announced[i] = true
		case p.free(now):
			start, inc, size := s.writeOrder(j.keyStart, j.keyLines, fused(j.keyBits), i)
			if second {
				start, inc, size = j.keyStart+j.keyLines*j.keyPart+i, maxFused, j.keyLines/maxFused
			}
			s.announce(now, p, start, inc, size, keyTag(j, second))
			k.announced[i] = true
			s.moved = true
		default:
			s.wake(uKeyStage, p.waits())
			done = false
		}
	}
	if !fetches {
		k.fetched = true
	}
	if !k.fetched {
		if !k.queuedFull {
			k.queued = s.keyRequest(k)
			k.queuedFull = true
			k.fetched = k.queued.last
			k.line++
			s.moved = true
		}
		done = done && k.fetched
	}
	if !k.reading {
		if s.key.reader.free(now) {
			start := j.keyStart
			if fused(j.keyBits) > 1 {
				start += j.keyLines * j.keyPart
			}
			k.reading = true
			s.moved = true
			if s.streams(now, j.keyLines) {
				s.stream(now, k.current.beat(), start, j.keyLines, keyTag(j, second))
			} else {
				s.key.reader.announce(now, k.current.beat(), start, j.keyLines, keyTag(j, second))
				s.stall(now+1, StallKeyFetch)
				s.after(uKeyReader)
			}
		} else {
			s.key.reader.freeAt(s, uKeyStage)
		}
		done = done && k.reading
	}
	if !done {
		return
	}
	s.moved = true
	k.full, k.presented = false, false
	i := k.current.index()
	j.stamps.KeyStageDone[i] = now
	b := k.current.beat()
	s.event(now, KeyStageDone, j, b.flags())
	k.announced, k.fetched, k.reading, k.readAt, k.line = [maxFused]bool{}, false, false, never, 0
}

// keyTag is what the lines of a pass are marked with.
func keyTag(j *job, second bool) int32 {
	tag := j.keyBatch * 2
	if second {
		tag++
	}
	return tag
}

// writeOrder is the lines that a write port gets: fused matrices go to one port each, a single one to both in turn.
func (s *sim) writeOrder(start, lines, fused, port int) (first, inc, size int) {
	if fused > 1 {
		return start + lines*port, 1, lines
	}
	return start + port, maxFused, lines / maxFused
}

// keyRequest is the next F indices of the pass.
func (s *sim) keyRequest(k *keyStage) fetchRequest {
	j, ports := k.current.j, s.g.ports
	bits := j.keyBits
	if k.current.second {
		bits = requantBits
	}
	r := fetchRequest{matrix: matrix{j: j, bits: bits, second: k.current.second}, line: k.line, n: ports}
	if (k.line+1)*ports >= j.keys {
		r.last = true
		r.n = (j.keys-1)%ports + 1
	}
	return r
}

// keyArbiter lets a recomputation or a new row into the stage. A new row is held back while the FIFO of
// undecided rows has fewer than half its places free, so that recomputations always find one.
func (s *sim) keyArbiter(now int64) {
	k := &s.keys
	offered := [2]bool{k.held[0], false}
	if s.allocated != nil {
		n := k.decisions.n
		if k.decisions.popAt == now {
			n++
		}
		offered[newSide] = requestFIFO-n >= requestFIFO/2
	}
	side := k.choice
	if !k.locked {
		side = newSide
		if offered[againSide] {
			side = againSide
		}
	}
	fired := false
	if offered[side] {
		k.choice, k.locked = side, true
		p := k.again[0]
		if side == newSide {
			p = pass{j: s.allocated}
		}
		if !k.pushed && k.decisions.room(now) {
			k.decisions.push(now, p)
			k.pushed = true
			s.moved = true
		}
		if !k.full && k.pushed {
			k.current, k.full = p, true
			p.j.stamps.Dispatch[p.index()] = now + 1
			fired = true
		}
	}
	if fired {
		k.locked, k.pushed = false, false
		s.moved = true
		if side == newSide {
			s.allocated = nil
			s.same(uAdmit)
		}
	}
	if fired && side == againSide || !k.held[0] {
		switch {
		case k.held[1]:
			k.again[0], k.held[0], k.held[1] = k.again[1], true, false
			s.moved = true
			s.after(uDecide)
		default:
			k.again[0], k.held[0] = k.arrived, k.arrives
			s.moved = s.moved || k.arrives
		}
	} else if k.arrives {
		k.again[1], k.held[1] = k.arrived, true
	}
	k.arrives = false
}
