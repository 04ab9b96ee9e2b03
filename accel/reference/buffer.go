package reference

// buffer is the key or the value buffer: two banks (line address mod 2), two write ports, one speculative read
// port (reader.go). Each line has the tag of the matrix it was last written for.
//
// A response reaches a port's data register; from there it passes a register pair that cuts the ready path
// (s2m and m2s), the bank's round-robin arbiter and the bank's register, and is written: 3 cycles after the
// response (RTL.md section 7). Until the banks are initialised, line by line, nothing is written or read.
type buffer struct {
	lines    int
	initDone int64
	tags     []int32
	written  []int64 // cycle of the last write of each line
	ports    [maxFused]writePort
	banks    [2]bank
	reader   reader
	busy     bool // a port or a bank holds data
	ended    bool // a matrix was written to its end in this cycle
}

type writePort struct {
	active           bool // a matrix is announced
	start, inc, size int
	tag              int32
	count            int

	data, dataLast bool // data register
	skid           lineWrite
	skidFull       bool
	out            lineWrite
	outFull        bool
}

type lineWrite struct {
	addr int
	tag  int32
}

type bank struct {
	full    bool
	line    lineWrite
	granted int // last port served
	locked  bool
}

func newBuffer(lines int) buffer {
	b := buffer{lines: lines, initDone: int64(lines / 2), tags: make([]int32, lines), written: make([]int64, lines)}
	for i := range b.tags {
		b.tags[i] = -1
	}
	for i := range b.banks {
		b.banks[i].granted = maxFused - 1
	}
	b.reader = newReader()
	return b
}

// announce tells a port the lines that its next data go to.
func (p *writePort) announce(start, inc, size int, tag int32) {
	p.active, p.start, p.inc, p.size, p.tag = true, start, inc, size, tag
}

// write moves the buffer's write side by a cycle and reports whether anything moved.
func (b *buffer) write(now int64) bool {
	if !b.busy {
		return false
	}
	moved := false
	b.busy, b.ended = false, false
	for i := range b.banks {
		k := &b.banks[i]
		if k.full && now >= b.initDone {
			b.tags[k.line.addr], b.written[k.line.addr] = k.line.tag, now
			b.reader.wrote(now, k.line.addr, k.line.tag)
			k.full = false
			moved = true
		}
		moved = b.arbitrate(i) || moved
		b.busy = b.busy || k.full
	}
	for i := range b.ports {
		p := &b.ports[i]
		active := p.active
		moved = p.step(b.lines) || moved
		b.ended = b.ended || active && !p.active
		b.busy = b.busy || p.data || p.outFull || p.skidFull
	}
	return moved
}

// arbitrate gives a bank's register to one of the ports that want the bank, in turns; a choice that could not
// be served stays.
func (b *buffer) arbitrate(i int) bool {
	k := &b.banks[i]
	choice := k.granted
	if !k.locked {
		choice ^= 1
		if p := &b.ports[choice]; !p.outFull || p.out.addr&1 != i {
			choice ^= 1
		}
	}
	p := &b.ports[choice]
	if !p.outFull || p.out.addr&1 != i {
		return false
	}
	k.granted = choice
	if k.full {
		k.locked = true
		return false
	}
	k.locked = false
	k.full, k.line = true, p.out
	p.outFull = false
	return true
}

// step moves a port's data towards the banks.
func (p *writePort) step(lines int) bool {
	if p.skidFull {
		if !p.outFull {
			p.out, p.outFull, p.skidFull = p.skid, true, false
			return true
		}
		return false
	}
	if !p.data {
		return false
	}
	if p.count < p.size {
		if !p.active {
			return false
		}
		w := lineWrite{(p.start + p.count*p.inc) & (lines - 1), p.tag}
		if p.outFull {
			p.skid, p.skidFull = w, true
		} else {
			p.out, p.outFull = w, true
		}
	}
	p.count++
	if p.dataLast {
		p.active, p.count = false, 0
	}
	p.data = false
	return true
}
