package reference

// reader is a buffer's read port. It reads ahead: lines are issued one a cycle, in order, before it is known
// whether they are written; the tag that comes back four cycles later decides. A line that is not there yet
// sends the issue pointer back to it, which makes a polling loop of five cycles (RTL.md section 7).
//
// The whole loop has a closed form: a line issued at T reads the tag at T+1 and sees writes up to T; it is
// committed at T+4, or issued again in the cycle after. So only the line to be committed next is followed:
// its T grows by fives until it is no earlier than the write of the line.
type reader struct {
	segments []segment // matrices announced, oldest first
	count    int

	// Feeding: lines are generated one a cycle and enter, in order, a window of readWindow places.
	feeding   bool  // the youngest segment is not all generated
	feedLine  int   // its next line
	held      bool  // a line is generated and not yet in the window
	generated int64 // cycle at which the last line was generated
	fed       int64 // lines that entered the window so far
	fedAt     int64 // cycle at which the last did
	ready     [32]int64
	committed int64     // lines committed so far
	commits   [32]int64 // cycles of the last of them

	issue   int64 // T of the line to be committed next; never while it is not in the window
	issued  int64 // T of the line before
	line    int   // that line, within the oldest segment
	waiting bool  // it has been found missing and polls

	out     bool // output register
	outBeat beat
}

type segment struct {
	beat  beat // job and pass
	start int
	lines int
	tag   int32
	at    int64 // cycle at which it is in the request register
}

const (
	readWindow    = 15 // lines in the window: a ring of 16 places keeps one free
	readFill      = 2  // a line enters the window to its issue
	readLatency   = 4  // issue to comparison: request register, RAM, two registers, bank arbiter
	readRegisters = 6  // lines that fit between issue and comparison when the output stalls
	pollPeriod    = readLatency + 1
)

func newReader() reader {
	return reader{segments: make([]segment, 4), issue: never, issued: -1, generated: -1, fedAt: -1}
}

// free reports whether the request register can take another matrix at now.
func (r *reader) free(now int64) bool { return !r.feeding && r.generated <= now }

// announce puts a matrix into the request register at now.
func (r *reader) announce(now int64, b beat, start, lines int, tag int32) {
	if r.count == len(r.segments) {
		r.segments = append(r.segments, segment{})
	}
	r.segments[r.count] = segment{b, start, lines, tag, now + 1}
	r.count++
	r.feeding, r.feedLine = true, 0
}

// feed works out when the next lines can be issued, as far as that is known.
func (r *reader) feed() {
	for r.feeding || r.held {
		if !r.held {
			s := &r.segments[r.count-1]
			r.generated = max(r.generated+1, r.fedAt, s.at)
			r.held = true
			r.feedLine++
			r.feeding = r.feedLine < s.lines
		}
		in := max(r.generated, r.fedAt) + 1
		if k := r.fed - readWindow; k >= 0 {
			if k >= r.committed {
				return // it enters when line k leaves
			}
			in = max(in, r.commits[k&31]+1)
		}
		r.ready[r.fed&31] = in + readFill
		r.fed++
		r.fedAt = in
		r.held = false
	}
}

// step commits at most one line at now and reports whether it did.
func (r *reader) step(now int64, b *buffer) bool {
	if r.count == 0 {
		return false
	}
	r.feed()
	if r.issue == never && r.committed < r.fed {
		r.issue = max(r.ready[r.committed&31], r.issued+1, b.initDone-1)
		if k := r.committed - readRegisters; k >= 0 {
			r.issue = max(r.issue, r.commits[k&31])
		}
	}
	if r.waiting || now < r.issue+readLatency {
		return false
	}
	s := &r.segments[0]
	addr := (s.start + r.line) & (b.lines - 1)
	if b.tags[addr] != s.tag || b.written[addr] > r.issue {
		r.issue = now + 1
		r.waiting = b.tags[addr] != s.tag
		return false
	}
	if r.out {
		return false
	}
	r.commits[r.committed&31] = now
	r.committed++
	r.out = true
	r.outBeat = s.beat
	r.outBeat.word = int32(r.line)
	r.line++
	r.outBeat.last = r.line == s.lines
	if r.outBeat.last {
		copy(r.segments, r.segments[1:r.count])
		r.count--
		r.line = 0
	}
	r.issued, r.issue = r.issue, never
	return true
}

// wrote tells a polling reader that a line was written: it is seen by the first poll issued no earlier.
func (r *reader) wrote(now int64, b *buffer, addr int, tag int32) {
	if !r.waiting || r.segments[0].tag != tag || (r.segments[0].start+r.line)&(b.lines-1) != addr {
		return
	}
	r.waiting = false
	if now > r.issue {
		r.issue += (now - r.issue + pollPeriod - 1) / pollPeriod * pollPeriod
	}
}

// next is when the reader can do something by time alone.
func (r *reader) next() int64 {
	if r.count == 0 || r.waiting || r.out || r.issue == never {
		return never
	}
	return r.issue + readLatency
}
