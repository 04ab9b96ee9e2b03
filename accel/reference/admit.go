package reference

// admit takes the request that waits, when the key buffer has room for it: the first of a batch takes the lines
// of all its parts. One request a cycle; the answer of the allocation is in a register in the next.
func (s *sim) admit(now int64) error {
	if s.allocated != nil {
		return nil
	}
	if s.offered == nil {
		if err := s.offer(); err != nil || s.offered == nil {
			return err
		}
	}
	j := s.offered
	if now < s.offerAt {
		s.wake(uAdmit, s.offerAt)
		return nil
	}
	size := 0
	if j.keyPart == 0 {
		size = j.keyLines * fused(j.keyBits)
	}
	if !s.keyAlloc.fits(now, size) {
		s.wake(uAdmit, s.keyAlloc.freeAt())
		if now < allocatorInit {
			s.wake(uAdmit, allocatorInit)
		} else {
			s.stall(now, StallKeyBuffer)
		}
		return nil
	}
	s.ready(now, StallKeyBuffer)
	if size > 0 {
		s.lastRegion, s.lastStart = s.keyAlloc.take(size)
	}
	j.region, j.keyStart = s.lastRegion, s.lastStart
	j.keyBatch = s.batch
	if j.lastPart {
		s.batch++
	}
	s.allocated, s.offered = j, nil
	s.moved = true
	s.after(uKeyStage)
	j.stamps.Accept = now
	flags := 0
	if j.lastPart {
		flags = FlagLast
	}
	s.event(now, Accept, j, flags)
	s.accepted++
	if s.machine.IssueGap > 0 {
		// Both rows of a pair are issued at once.
		s.inPair = !s.inPair && (j.keyBits == 6 || j.valBits == 6)
		if !s.inPair {
			s.offerAt = never
		}
	}
	return nil
}

// offer makes the next row of the input the request that waits.
func (s *sim) offer() error {
	if s.ended {
		return nil
	}
	r, err, ok := s.next()
	if !ok {
		s.ended = true
		return nil
	}
	if err != nil {
		return err
	}
	bits, err := Bits(r.KeyBits)
	if err != nil {
		return wrapRow(&r, err)
	}
	part := 0
	if bits == 6 {
		part = s.part
		s.part ^= 1
	} else if s.part != 0 {
		return wrapRow(&r, errPair)
	}
	j := s.newJob()
	if err := s.g.fill(j, r, s.rows, s.machine.FetchRounding, part); err != nil {
		return err
	}
	if !s.unchecked {
		if err := s.g.check(j); err != nil {
			return err
		}
	}
	s.rows++
	s.longestDelay = max(s.longestDelay, j.TopKLatency)
	s.offered = j
	return nil
}
