package reference

// dotTree is the multipliers and the adder tree: one register for the multiplier and log2(64) layers. They move
// together, and stand still together while the word at the end is not taken; in front, a broadcast register.
type dotTree struct {
	broadcast     beat
	broadcastFull bool
	words         [16]beat
	exits         [16]int64 // in ticks
	head, n       int
	frozen        int64 // cycles in which the tree stood still: tick = cycle - frozen
	stood         bool  // it stands still as of this cycle
}

const dotStages = 1 + 6 // multiplier, tree of 64

// dotStep moves the word at the end of the tree on when next takes it, the tree, and the key line read into it.
func (s *sim) dotStep(now int64, next func(now int64, b *beat) bool) {
	d := &s.dot
	d.stood = false
	tick := now - d.frozen
	if d.n > 0 && d.exits[d.head] == tick {
		b := &d.words[d.head]
		if !next(now, b) {
			d.stood = true
			d.frozen++
			s.readKey(now)
			return
		}
		s.moved = true
		d.head = (d.head + 1) & 15
		d.n--
	} else if d.n > 0 {
		s.wakeAt(d.exits[d.head] + d.frozen)
	}
	if d.broadcastFull {
		i := (d.head + d.n) & 15
		d.words[i], d.exits[i] = d.broadcast, tick+dotStages
		d.n++
		d.broadcastFull = false
		s.moved = true
	}
	s.readKey(now)
}

// readKey takes a key line into the broadcast register.
func (s *sim) readKey(now int64) {
	d, r := &s.dot, &s.key.reader
	if !r.out || d.broadcastFull {
		if s.keys.full && !r.out && s.keys.reading {
			s.stall(now, StallKeyFetch)
		}
		return
	}
	d.broadcast, d.broadcastFull = r.outBeat, true
	r.out = false
	s.moved = true
	b := &d.broadcast
	s.event(now, KeyRead, b.j, b.flags())
	if b.last {
		s.keys.read = true
	}
}
