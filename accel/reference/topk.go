package reference

// topK is the testbench's stand-in: a FIFO whose head waits, at a row's first word, until the drawn delay has
// passed since it came to the head; then it gives words until V scores are out and throws the rest away, one a
// cycle. Rows that keep all their keys go by, once no row is inside (RTL.md section 9).
type topK struct {
	fifo    words
	lastPop int64
	inside  int   // rows between entrance and exit
	enters  bool  // the next word through the entrance is its row's first
	locked  bool  // an output row is under way
	bypass  bool  // the locked side is the one that goes by
	takenAt int64 // cycle in which the last word went by
}

// topkIn takes a word at the entrance and reports whether it was taken.
func (s *sim) topkIn(now int64, b *beat) bool {
	t := &s.topk
	skips := b.j.values >= b.j.keys
	if skips {
		if t.takenAt != now {
			return false
		}
	} else {
		if !t.fifo.room(now) {
			return false
		}
		t.fifo.push(now, b)
		s.wake(uTopK, now+2)
		if b.word == 0 {
			t.inside++
		}
	}
	b.j.stamps.TopKIn.at(now)
	s.event(now, TopKIn, b.j, b.flags())
	return true
}

// topkStep gives the next word to the value allocation: from the FIFO, or one that goes by.
func (s *sim) topkStep(now int64) {
	t := &s.topk
	var out beat
	queued := false
	if now <= t.lastPop {
		s.wake(uTopK, t.lastPop+1)
	} else if t.fifo.n > 0 {
		if !t.fifo.valid(now) {
			s.wake(uTopK, t.fifo.next())
		} else {
			w := t.fifo.head()
			head := max(t.lastPop+1, w.pushedAt+2)
			switch {
			case w.from == 0 && now < head+int64(w.j.TopKLatency):
				s.wake(uTopK, head+int64(w.j.TopKLatency))
				s.stall(now, StallTopK)
			case int(w.from) >= w.j.outWords:
				s.discardRun(now)
			default:
				s.ready(now, StallTopK)
				queued = true
				out = beat{j: w.j, word: w.from, last: int(w.from) == w.j.outWords-1}
			}
		}
	}
	r := &s.requant
	passing := t.inside == 0 && r.full[3] && int(r.chain[3].word) < r.chain[3].j.inWords &&
		r.chain[3].j.values >= r.chain[3].j.keys
	side := t.bypass
	if !t.locked {
		side = !queued
	}
	if side && !passing || !side && !queued {
		return
	}
	t.bypass, t.locked = side, true
	if side {
		out = r.chain[3]
		out.second = false
		out.last = int(out.word) == out.j.inWords-1
	}
	if !s.allocateWord(now, &out) {
		return
	}
	s.moved = true
	if side {
		t.takenAt = now
		s.same(uRequant)
		s.retire(out.j, 1)
	} else {
		t.lastPop = now
		s.retire(t.fifo.pop(now, out.j.inWords).j, 1)
		s.after(uRequant)
		if out.last {
			t.inside--
		}
	}
	if out.last {
		t.locked = false
	}
	st := &out.j.stamps
	st.TopKOut.at(now)
	s.event(now, TopKOut, out.j, out.flags())
}
