package reference

// valuePath is what follows the top-k: allocation of value lines, a four-way fork to the writer's ports, the
// collection of indices for the fetcher, the reader, and a queue of scores; then the product with the lines read.
type valuePath struct {
	alloc      allocator
	region     int64
	start      int
	batch      int32
	word       beat // register of the allocation's answer
	full       bool
	announced  [maxFused]bool
	fetched    bool
	reading    bool
	queued     bool
	collecting int // words collected for the next request
	request    fetchRequest
	ready      bool // a request is complete
	scores     words
	products   ring[product] // rows on their way through the multipliers
}

type product struct {
	j  *job
	at int64
}

// Latencies of the product: broadcast, multiplier, output register, and the tree over the lanes.
const productStages = 3

// allocateWord takes a word out of the top-k; the first of a value batch takes the lines.
func (s *sim) allocateWord(now int64, b *beat) bool {
	v := &s.values
	if v.full {
		return false
	}
	size := 0
	if b.word == 0 && b.j.valPart == 0 {
		size = b.j.valLines * fused(b.j.valBits)
	}
	if !v.alloc.fits(now, size) {
		s.wake(uTopK, v.alloc.freeAt())
		s.stall(now, StallValueBuffer)
		return false
	}
	s.ready(now, StallValueBuffer)
	if size > 0 {
		v.region, v.start = v.alloc.take(size)
	}
	if b.word == 0 {
		b.j.valRegion, b.j.valStart, b.j.valBatch = v.region, v.start, v.batch
	}
	v.word, v.full = *b, true
	s.after(uValueFork)
	return true
}

// valueFork gives the word in the register to its four takers.
func (s *sim) valueFork(now int64) {
	v := &s.values
	s.collectOut()
	if !v.full {
		return
	}
	b := &v.word
	j := b.j
	done := true
	writes := b.word == 0 && j.valPart == 0
	for i := range v.announced {
		p := &s.value.ports[i]
		switch {
		case v.announced[i]:
		case !writes:
			v.announced[i] = true
		case p.free(now):
			start, inc, size := s.writeOrder(j.valStart, j.valLines, fused(j.valBits), i)
			s.announce(now, p, start, inc, size, j.valBatch*2)
			v.announced[i] = true
			s.moved = true
		default:
			s.wake(uValueFork, p.waits())
			done = false
		}
	}
	if !v.fetched {
		v.fetched = j.valPart != 0 || s.collect(b)
		done = done && v.fetched
	}
	if !v.reading {
		if b.word > 0 {
			v.reading = true
		} else if s.value.reader.free(now) {
			start := j.valStart
			if fused(j.valBits) > 1 {
				start += j.valLines * j.valPart
			}
			s.value.reader.announce(now, beat{j: j}, start, j.valLines, j.valBatch*2)
			v.reading = true
			s.moved = true
			s.after(uValueReader)
		} else {
			s.value.reader.freeAt(s, uValueFork)
			done = false
		}
	}
	if !v.queued {
		if v.scores.room(now) {
			v.scores.push(now, b)
			v.queued = true
			s.moved = true
			s.wake(uMultiply, now+2)
		} else {
			done = false
		}
	}
	if !done {
		return
	}
	s.moved = true
	s.same(uTopK)
	v.announced, v.fetched, v.reading, v.queued, v.full = [maxFused]bool{}, false, false, false, false
	j.stamps.ValueAlloc.at(now)
	s.event(now, ValueAlloc, j, b.flags())
	if b.last && j.lastValPart {
		v.batch++
	}
}

// collectOut moves a complete request to the fetcher's register.
func (s *sim) collectOut() {
	v, f := &s.values, s.fetch
	if v.ready && !f.full[valueSide] {
		f.requests[valueSide], f.full[valueSide] = v.request, true
		v.ready = false
		s.moved = true
		s.after(uArbitrate)
	}
}

// collect adds a word's indices to the next request: F/P words make one.
func (s *sim) collect(b *beat) bool {
	v, p := &s.values, s.g.lanes
	if v.ready {
		return false
	}
	s.moved = true
	j := b.j
	if v.collecting == 0 {
		v.request = fetchRequest{matrix: matrix{j: j, bits: j.valBits, value: true},
			line: int(b.word) / (s.g.ports / p), firstWord: int(b.word)}
	}
	v.request.n += min(p, j.values-int(b.word)*p)
	v.collecting++
	if b.last || v.collecting == s.g.ports/p {
		v.request.last = b.last
		v.collecting = 0
		v.ready = true
	}
	return true
}

// multiply joins a word of scores with a line of values; a row answers when its last has passed the product.
func (s *sim) multiply(now int64) {
	v, r := &s.values, &s.value.reader
	if v.products.n > 0 {
		if p := v.products.at(0); p.at == now {
			s.respondRow(now, v.products.pop().j)
		} else {
			s.wake(uMultiply, p.at)
		}
	}
	if v.scores.n == 0 {
		return
	}
	if !v.scores.valid(now) {
		s.wake(uMultiply, v.scores.next())
		return
	}
	if !r.out {
		s.stall(now, StallValueFetch)
		return
	}
	s.ready(now, StallValueFetch)
	b := v.scores.pop(now, v.scores.head().j.outWords)
	r.out = false
	s.same(uValueReader)
	s.after(uValueFork)
	s.moved = true
	b.j.stamps.ValueRead.at(now)
	s.event(now, ValueRead, b.j, b.flags())
	if b.last {
		v.products.push(product{b.j, now + int64(productStages+s.g.laneBits)})
	}
}

// respondRow ends a row: its value lines are released when it is the last of its batch.
func (s *sim) respondRow(now int64, j *job) {
	s.moved = true
	if j.lastValPart {
		s.values.alloc.release(now, j.valRegion)
		s.wake(uTopK, now+releaseDelay)
	}
	if j.valPart == 0 {
		j.valReads = j.values * transactions(j.valBits)
	}
	st := &j.stamps
	st.Response = now
	st.TopKWords = j.outWords
	st.KeyReads, st.RequantReads, st.ValueReads = j.keyReads, j.requantRead, j.valReads
	st.ReadsAtResponse = s.crossbar.reads()
	s.event(now, Response, j, 0)
	s.answered++
	s.lastResponse = now
	if s.machine.IssueGap > 0 && s.answered == s.accepted {
		s.offerAt = now + int64(s.machine.IssueGap)
		s.wake(uAdmit, s.offerAt)
	}
	s.leaving.push(j)
	s.retire(j, 0)
}
