package reference

// streamed is a pass whose lines are read, multiplied and stored as scores without ever being stopped: then the
// cycles of each line follow from those of the line before and from its write, and are worked out as soon as
// the line's write is known. A pass that may be stopped, by the FIFO of scores or by the decision of the pass
// before it, is stepped instead (reader.go, dot.go).
type streamed struct {
	active      bool
	beat        beat // job and pass
	start       int
	line, lines int
	tag         int32
	issue       int64 // cycle in which the last line was issued, or before which the first cannot be
	read        int64 // cycle in which the dot product took it
	first       int64 // cycle in which it took the first
}

const (
	announceToIssue = 4 // through the request register, the generator and the window
	issueToDot      = readLatency + 1
	dotToScore      = 1 + dotStages
)

// streams reports whether a pass of so many lines that is announced at now cannot be stopped.
func (s *sim) streams(now int64, lines int) bool {
	r, d, e := &s.key.reader, &s.dot, &s.decision
	idle := r.count == 0 && !r.held && !r.out && r.committed == r.fed && !r.pipe.active && !d.broadcastFull
	if s.every || !idle || e.scores.holds(now)+e.n+d.n+lines > e.scores.depth || !s.drainTree(now) || e.maxima.n > 0 {
		return false
	}
	last := now + announceToIssue + issueToDot + dotToScore + int64(lines-1+s.g.laneBits)
	return e.maximumFree <= last
}

// drainTree stores the scores under way in the cycles to come, if nothing can stop them.
func (s *sim) drainTree(now int64) bool {
	d, e, layers := &s.dot, &s.decision, int64(s.g.laneBits)
	if e.stood {
		return false
	}
	for e.n > 0 || d.n > 0 {
		var b *beat
		var at int64 // of the store
		if e.n > 0 {
			b, at = &e.tree[e.head], e.exits[e.head]+e.frozen
		} else {
			b, at = &d.words[d.head], d.exits[d.head]+d.frozen+layers
			if at-layers <= now {
				return false
			}
		}
		if b.last && (e.maxima.n > 0 || e.maximumFree > at) {
			return false
		}
		e.scores.push(at, b)
		if e.n > 0 {
			e.head = (e.head + 1) & 7
			e.n--
		} else {
			b.j.stamps.Dot[b.pass()].at(at - layers)
			s.event(at-layers, DotProduct, b.j, b.flags())
			d.head = (d.head + 1) & 15
			d.n--
		}
		if b.last {
			e.maxima.push(at + 1)
			s.wake(uDecide, at+1)
			s.decideRun(now)
		}
	}
	return true
}

// stream begins a pass.
func (s *sim) stream(now int64, b beat, start, lines int, tag int32) {
	s.pass = streamed{active: true, beat: b, start: start, lines: lines, tag: tag, read: now,
		issue: max(now+announceToIssue, s.key.initDone-1) - 1}
	s.streamLines()
}

// streamLines works out the lines whose writes are known.
func (s *sim) streamLines() {
	p, b := &s.pass, &s.key
	for p.line < p.lines {
		state := b.of(p.start + p.line)
		if state.tag != p.tag {
			return
		}
		p.issue++
		if late := state.written - p.issue; late > 0 {
			p.issue += (late + pollPeriod - 1) / pollPeriod * pollPeriod
		}
		read := p.issue + issueToDot
		s.stalls[StallKeyFetch] += read - p.read - 1
		p.read = read
		if p.line == 0 {
			p.first = read
		}
		p.line++
		if s.obs.Event != nil {
			p.beat.word, p.beat.last = int32(p.line-1), p.line == p.lines
			s.event(read, KeyRead, p.beat.j, p.beat.flags())
			s.event(read+dotToScore, DotProduct, p.beat.j, p.beat.flags())
		}
	}
	p.active = false
	j, d, layers := p.beat.j, &s.decision, int64(s.g.laneBits)
	j.stamps.Dot[p.beat.pass()] = Span{p.first + dotToScore, p.read + dotToScore}
	s.keys.readAt = p.read
	s.wake(uKeyStage, p.read)
	b.reader.issued = p.issue
	b.reader.fed += int64(p.lines)
	b.reader.committed += int64(p.lines)
	stored := p.read + dotToScore + layers
	d.scores.pushRun(run{j: j, second: p.beat.second, to: int32(p.lines), lastAt: stored})
	d.maxima.push(stored + 1)
	s.wake(uDecide, stored+1)
	if *d.maxima.at(0) > s.now {
		s.decideRun(s.now)
	}
}
