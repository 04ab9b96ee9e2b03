package reference

// dotTree is the multipliers and the adder tree: one register for the multiplier and log2(64) layers. They move
// together, and stand still together while the word at the end is not taken; in front, a broadcast register.
type dotTree struct {
	broadcast     beat
	broadcastFull bool
	words         [16]beat
	exits         [16]int64 // in ticks
	head, n       int
	frozen        int64 // cycles for which the tree has stood still: tick = cycle - frozen
}

const dotStages = 1 + 6 // multiplier, tree of 64

// dotStep moves the word at the end of the tree on when it is taken, the tree, and the key line read into it.
func (s *sim) dotStep(now int64) {
	d := &s.dot
	if d.n > 0 {
		at := d.exits[d.head] + d.frozen
		if at <= now {
			if !s.offerScore(now, &d.words[d.head]) {
				s.readKey(now)
				return
			}
			d.frozen += now - at
			s.moved = true
			d.head = (d.head + 1) & 15
			d.n--
		} else {
			s.wake(uDot, at)
		}
	}
	if d.broadcastFull {
		i := (d.head + d.n) & 15
		d.words[i], d.exits[i] = d.broadcast, now-d.frozen+dotStages
		d.n++
		d.broadcastFull = false
		s.moved = true
		s.wake(uDot, now+dotStages)
	}
	s.readKey(now)
}

// readKey takes a key line into the broadcast register.
func (s *sim) readKey(now int64) {
	d, r := &s.dot, &s.key.reader
	if !r.out {
		if s.keys.reading && s.keys.readAt == never && !s.pass.active {
			s.stall(now, StallKeyFetch)
		}
		return
	}
	s.ready(now, StallKeyFetch)
	if d.broadcastFull {
		return
	}
	d.broadcast, d.broadcastFull = r.outBeat, true
	r.out = false
	s.moved = true
	s.same(uKeyReader)
	b := &d.broadcast
	s.event(now, KeyRead, b.j, b.flags())
	if b.last {
		s.keys.readAt = now
		s.same(uKeyStage)
	}
}
