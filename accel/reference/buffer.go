package reference

// buffer is the key or the value buffer: two banks (line address mod 2), two write ports, one speculative read
// port (reader.go). Each line has the tag of the matrix it was last written for.
//
// A response reaches a port's data register; from there it passes a register pair that cuts the ready path
// (s2m and m2s), the bank's round-robin arbiter and the bank's register, and is written: 3 cycles after the
// response (RTL.md section 7). Until the banks are initialised, line by line, nothing is written or read.
//
// Of each register only the cycles are kept: a line's way is worked out when its response is.
type buffer struct {
	lines    int
	initDone int64
	state    []lineState
	ports    [maxFused]writePort
	banks    [2]bank
	reader   reader
	// the units to step: the one that reads, and the one that announces matrices
	self, source unit
}

// lineState is the matrix that a line was last written for, and when; that may be to come.
type lineState struct {
	written int64
	tag     int32
}

// of is the state of a line.
func (b *buffer) of(line int) *lineState { return &b.state[line&(len(b.state)-1)] }

// writePort is a data register, a skid register and the register towards the banks.
type writePort struct {
	active           bool // a matrix is announced
	announcedAt      int64
	endedAt          int64 // cycle in which the last of the matrix before left the data register
	start, inc, size int
	tag              int32
	count            int

	leftAt   int64 // the last line left the data register
	skidUsed int64 // first cycle in which the data register can be left again
	granted  int64 // the last line left for its bank
}

// bank is the register in front of a bank and the arbiter before it.
type bank struct {
	freeAt  int64 // what was in it is written, and the next can enter
	granted int   // last port served
}

func newBuffer(lines int, self, source unit) buffer {
	b := buffer{lines: lines, initDone: int64(lines / 2), state: make([]lineState, lines),
		self: self, source: source}
	for i := range b.state {
		b.state[i].tag = -1
	}
	for i := range b.banks {
		b.banks[i].granted = maxFused - 1
	}
	for i := range b.ports {
		b.ports[i].endedAt, b.ports[i].leftAt, b.ports[i].granted = -1, -1, -1
	}
	b.reader = newReader()
	return b
}

// free reports whether another matrix can be announced to a port at now.
func (p *writePort) free(now int64) bool { return !p.active && p.endedAt <= now }

// waits is when the port will be free, or never if that is not known.
func (p *writePort) waits() int64 {
	if p.active {
		return never
	}
	return p.endedAt
}

// announce tells a port the lines that its next data go to.
func (s *sim) announce(now int64, p *writePort, start, inc, size int, tag int32) {
	p.active, p.announcedAt, p.start, p.inc, p.size, p.tag = true, now, start, inc, size, tag
	s.respond()
}

// announced reports whether both ports know what the next response is.
func (b *buffer) announced() bool { return b.ports[0].active && b.ports[1].active }

// take gives a response that is offered from the cycle after at to both write ports; it returns when both have it.
func (s *sim) take(b *buffer, at int64, a *answer) int64 {
	var taken int64
	var out [maxFused]int64 // cycle in which the register towards the banks is filled
	var addr [maxFused]int
	for i := range b.ports {
		p := &b.ports[i]
		data := max(at+1, p.leftAt)
		taken = max(taken, data)
		p.leftAt = max(data+1, p.skidUsed, p.announcedAt+1)
		out[i] = -1
		if p.count < p.size {
			addr[i] = (p.start + p.count*p.inc) & (b.lines - 1)
			out[i] = max(p.leftAt, p.granted)
			if p.granted > p.leftAt {
				p.skidUsed = p.granted + 1
			}
		}
		p.count++
		if a.last {
			p.active, p.count = false, 0
			p.endedAt = p.leftAt
			s.wake(b.source, p.endedAt)
		}
	}
	if out[0] < 0 || out[1] < 0 {
		for i := range out {
			if out[i] >= 0 {
				s.write(b, i, out[i], addr[i])
			}
		}
		return taken
	}
	// The arbiter of a bank gives turns to the ports that want it at the same time.
	first := 0
	if addr[0]&1 == addr[1]&1 {
		if out[1] < out[0] || out[1] == out[0] && b.banks[addr[0]&1].granted == 0 {
			first = 1
		}
	}
	s.write(b, first, out[first], addr[first])
	s.write(b, first^1, out[first^1], addr[first^1])
	return taken
}

// write brings the line in a port's register through the arbiter and the register of its bank.
func (s *sim) write(b *buffer, port int, out int64, addr int) {
	p, k := &b.ports[port], &b.banks[addr&1]
	p.granted = max(out+1, k.freeAt)
	k.granted = port
	k.freeAt = max(p.granted+1, b.initDone)
	l := b.of(addr)
	l.tag, l.written = p.tag, k.freeAt
	if s.pass.active && b == &s.key {
		s.streamLines()
		return
	}
	b.reader.wrote(k.freeAt, addr, p.tag)
	s.wake(b.self, b.reader.next(s.now))
}
