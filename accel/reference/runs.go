package reference

// A row's words pass the decision, the requant buffer and the top-k's discard one a cycle. Where nothing can stop
// them on the way, they are moved at once here, with the cycles of all of them; what may be stopped is stepped
// (decide.go, requant.go, topk.go).

// reporting is a decision whose report to the key stage is to come.
type reporting struct {
	beat  beat
	again bool
	at    int64
}

// decideRun decides the oldest row of which all scores are known, or will be.
func (s *sim) decideRun(now int64) {
	d, r, k := &s.decision, &s.requant, &s.keys
	if s.every || d.outFull || d.maxima.n == 0 {
		return
	}
	h := d.scores.head()
	if h.from > 0 || h.second {
		return
	}
	j, n := h.j, h.j.words
	again := j.recompute
	if again && (k.held[0] || k.held[1] || k.arrives || d.reports.n > 0) || !again && r.fifo.holds(now)+n > r.fifo.depth {
		return
	}
	pop := max(d.maxima.pop(), d.freeAt, now)
	first, last := pop+1, pop+int64(n)
	d.scores.popRun(pop, n, n)
	d.maximumFree, d.freeAt = last-1, last
	d.reports.push(reporting{beat{j: j}, again, first})
	s.wake(uDecide, first)
	s.wake(uDot, pop+1)
	j.stamps.Decide[0] = Span{first, last}
	s.eventRun(first, Decision, beat{j: j}, n)
	if again {
		r.needed++
		return
	}
	j.requantsBefore = r.needed
	r.needed = 0
	r.fifo.pushRun(run{j: j, steady: true, to: int32(n), pushedAt: first, lastAt: last})
	s.wake(uRequant, first+2)
}

// requantRun takes the oldest row out of the requant buffer's FIFO and through the registers to the top-k. It
// reports whether it did.
func (s *sim) requantRun(now int64) bool {
	r := &s.requant
	h := r.fifo.head()
	if j := h.j; h.from > 0 || !h.steady || !s.passes(now, j) {
		return false
	}
	j := h.j
	r.fifo.popRun(now, j.words, j.words)
	r.finished = 0
	s.passRun(now, beat{j: j})
	s.after(uDecide)
	return true
}

// directRun takes a recomputed row past the FIFO, as it is decided. It reports whether it did.
func (s *sim) directRun(now int64) bool {
	r, d := &s.requant, &s.decision
	b := d.out
	if b.word > 0 || d.reported || d.reports.n > 0 || !s.keys.decisions.valid(now) || !s.passes(now, b.j) {
		return false
	}
	n := b.j.words
	d.outFull = false
	d.scores.popRun(now, n-1, n)
	d.maxima.pop()
	d.maximumFree, d.freeAt = now+int64(n)-2, now+int64(n)-1
	s.wake(uDot, d.maximumFree)
	d.reports.push(reporting{b, false, now})
	s.same(uDecide)
	b.j.stamps.Decide[1] = Span{now, d.freeAt}
	s.eventRun(now, Decision, b, n)
	r.finished++
	s.passRun(now, b)
	return true
}

// passes reports whether nothing stops a row between the requant buffer and the top-k.
func (s *sim) passes(now int64, j *job) bool {
	t := &s.topk
	return !s.every && s.requant.full == [4]bool{} && j.values < j.keys && t.fifo.holds(now)+j.inWords <= t.fifo.depth
}

// passRun takes a row through the registers before the top-k.
func (s *sim) passRun(now int64, b beat) {
	const toTopK = 4
	r, t, j := &s.requant, &s.topk, b.j
	n, in := int64(j.words), int64(j.inWords)
	r.locked, r.freeAt = false, now+n
	s.rebatch(&beat{j: j, last: true})
	j.stamps.RequantOut = Span{now + 1, now + n}
	j.stamps.TopKIn = Span{now + toTopK, now + toTopK + in - 1}
	s.eventRun(now+1, RequantOut, b, int(n))
	b.second = false
	s.eventRun(now+toTopK, TopKIn, b, int(in))
	t.fifo.pushRun(run{j: j, steady: true, to: int32(in), pushedAt: now + toTopK, lastAt: now + toTopK + in - 1})
	t.inside++
	s.wake(uTopK, now+toTopK+2)
	s.wake(uRequant, r.freeAt)
	s.retire(j, int(n-in))
}

// discardRun throws away what a row has left in the top-k.
func (s *sim) discardRun(now int64) {
	t := &s.topk
	h := t.fifo.head()
	j, n := h.j, 1
	if all := h.j.inWords; !s.every && int(h.to) == all {
		n = all - int(h.from)
	}
	t.fifo.popRun(now, n, j.inWords)
	t.lastPop = now + int64(n) - 1
	s.wake(uTopK, t.lastPop+1)
	s.after(uRequant)
	s.retire(j, n)
}

// eventRun notes a handshake of n words from now on, one a cycle.
func (s *sim) eventRun(now int64, kind Kind, b beat, n int) {
	if s.obs.Event == nil {
		return
	}
	for i := range n {
		b.last = i == n-1
		s.event(now+int64(i), kind, b.j, b.flags())
	}
}
