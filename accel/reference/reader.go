package reference

// reader is a buffer's read port. It reads ahead: lines are issued one a cycle, in order, before it is known
// whether they are written; the tag that comes back four cycles later decides. A line that is not there yet
// sends the issue pointer back to it, which makes a polling loop of five cycles (RTL.md section 7).
//
// While the output does not stall, the loop has a closed form: a line issued at T reads the tag at T+1 and sees
// writes up to T; it is committed at T+4, or issued again in the cycle after. So only the line to be committed
// next is followed: its T grows by fives until it is no earlier than the write of the line. When the output
// stalls, readpipe.go takes over, register by register, until its pipeline is empty again.
type reader struct {
	segments []segment // matrices announced and not all generated, oldest first: at most one is kept
	count    int

	// Feeding: lines are generated one a cycle and enter, in order, a window of readWindow places.
	held      bool  // a line is generated and not yet in the window
	line      int   // next line of the matrix
	generated int64 // cycle at which the last line was generated
	fed       int64 // lines that entered the window so far
	fedAt     int64 // cycle at which the last did
	lines     [32]readLine
	committed int64     // lines committed so far
	commits   [32]int64 // cycles of the last of them

	issue   int64 // T of the line to be committed next; never while it is not in the window
	issued  int64 // T of the line before
	waiting bool  // it has been found missing and polls

	out     bool // output register
	outBeat beat

	pipe readPipe
}

type segment struct {
	beat  beat // job and pass
	start int
	lines int
	tag   int32
	at    int64 // cycle at which it is in the request register
}

// readLine is a line in the window.
type readLine struct {
	beat  beat
	addr  int
	tag   int32
	ready int64 // first cycle at which it can be issued
}

const (
	readWindow  = 15 // lines in the window: a ring of 16 places keeps one free
	readFill    = 2  // a line enters the window to its issue
	readLatency = 4  // issue to comparison: request register, RAM, its register, the bank arbiter's register
	pollPeriod  = readLatency + 1
)

func newReader() reader {
	return reader{segments: make([]segment, 1), issue: never, issued: -1, generated: -1, fedAt: -1}
}

// free reports whether the request register can take another matrix at now.
func (r *reader) free(now int64) bool { return r.count == 0 && r.generated <= now }

// freeAt has u stepped when the request register is free, if that is known.
func (r *reader) freeAt(s *sim, u unit) {
	if r.count == 0 {
		s.wake(u, r.generated)
	}
}

// announce puts a matrix into the request register at now.
func (r *reader) announce(now int64, b beat, start, lines int, tag int32) {
	r.segments[0] = segment{b, start, lines, tag, now + 1}
	r.count, r.line = 1, 0
}

// feed works out when the next lines can be issued, as far as that is known.
func (r *reader) feed(lines int) {
	for r.count > 0 || r.held {
		l := &r.lines[r.fed&31]
		if !r.held {
			s := &r.segments[0]
			r.generated = max(r.generated+1, r.fedAt, s.at)
			r.held = true
			l.beat, l.addr, l.tag = s.beat, (s.start+r.line)&(lines-1), s.tag
			l.beat.word = int32(r.line)
			r.line++
			if r.line == s.lines {
				l.beat.last = true
				r.count = 0
			}
		}
		in := max(r.generated, r.fedAt) + 1
		if k := r.fed - readWindow; k >= 0 {
			if k >= r.committed {
				return // it enters when line k leaves
			}
			in = max(in, r.commits[k&31]+1)
		}
		l.ready = in + readFill
		r.fed++
		r.fedAt = in
		r.held = false
	}
}

// step commits at most one line at now and reports whether anything moved.
func (r *reader) step(now int64, b *buffer) bool {
	if r.pipe.active {
		r.feed(b.lines)
		return r.stepPipe(now, b)
	}
	if r.issue == never {
		if r.count > 0 || r.held {
			r.feed(b.lines)
		}
		if r.committed == r.fed {
			return false
		}
		r.issue = max(r.lines[r.committed&31].ready, r.issued+1, b.initDone-1)
	}
	if r.waiting || now < r.issue+readLatency {
		return false
	}
	l := &r.lines[r.committed&31]
	if state := b.of(l.addr); state.tag != l.tag || state.written > r.issue {
		r.issue = now + 1
		r.waiting = state.tag != l.tag
		return false
	}
	if r.out {
		r.stallPipe(now, b)
		return r.stepPipe(now, b)
	}
	r.commit(now, l)
	r.issued, r.issue = r.issue, never
	return true
}

func (r *reader) commit(now int64, l *readLine) {
	r.commits[r.committed&31] = now
	r.committed++
	r.out, r.outBeat = true, l.beat
}

// wrote tells a polling reader that a line was written: it is seen by the first poll issued no earlier.
func (r *reader) wrote(now int64, addr int, tag int32) {
	if !r.waiting {
		return
	}
	if l := &r.lines[r.committed&31]; l.addr != addr || l.tag != tag {
		return
	}
	r.waiting = false
	if now > r.issue {
		r.issue += (now - r.issue + pollPeriod - 1) / pollPeriod * pollPeriod
	}
}

// next is when the reader can do something by time alone, after its step at now.
func (r *reader) next(now int64) int64 {
	switch {
	case r.pipe.active:
		return r.nextPipe(now)
	case r.waiting:
		return never
	case r.issue != never:
		return r.issue + readLatency
	case r.committed < r.fed || r.count > 0 && !r.held:
		return now + 1
	}
	return never
}
