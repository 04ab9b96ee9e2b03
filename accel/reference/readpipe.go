package reference

// readPipe is the read port register by register, used while its output stalls: the request register, two
// registers in each of the two banks, and the register behind the arbiter that joins the banks. The arbiter
// prefers bank 0 but keeps to a choice that it could not hand on, so lines may come out of order; the commit
// pointer only counts them, and so does this model.
type readPipe struct {
	active     bool
	request    readEntry
	ram        [2]readEntry // behind the RAM: the tag has been read
	bank       [2]readEntry
	joined     readEntry
	chosen     int
	locked     bool
	next       int64 // next line to issue
	flag, seen bool  // toggled by each way back: answers with the other flag are void
}

type readEntry struct {
	full  bool
	line  int64
	flag  bool
	match bool
}

// stallPipe sets the registers as they are at now, when the line to be committed finds its output full: the
// lines behind it have been issued one a cycle.
func (r *reader) stallPipe(now int64, b *buffer) {
	p := &r.pipe
	*p = readPipe{active: true, next: r.committed}
	for at := r.issue; at < now && p.next < r.fed; at++ {
		l := &r.lines[p.next&31]
		if at < l.ready {
			continue
		}
		state := b.of(l.addr)
		e := readEntry{full: true, line: p.next, match: state.tag == l.tag && state.written <= at}
		switch now - at {
		case 4:
			p.joined = e
		case 3:
			p.bank[l.addr&1] = e
		case 2:
			p.ram[l.addr&1] = e
		case 1:
			p.request = e
		}
		p.next++
	}
	r.issued, r.issue = now, never
}

// stepPipe moves the registers by a cycle, the last first.
func (r *reader) stepPipe(now int64, b *buffer) bool {
	p := &r.pipe
	moved, back := false, false
	if e := &p.joined; e.full {
		switch {
		case e.flag != p.seen:
			e.full = false
		case !e.match:
			e.full = false
			p.seen = !p.seen
			back = true
		case !r.out:
			e.full = false
			r.commit(now, &r.lines[e.line&31])
		}
		moved = !e.full
	}
	if p.bank[0].full || p.bank[1].full {
		if !p.locked {
			p.chosen = 0
			if !p.bank[0].full {
				p.chosen = 1
			}
		}
		p.locked = p.joined.full
		if !p.joined.full {
			p.joined, p.bank[p.chosen].full = p.bank[p.chosen], false
			moved = true
		}
	}
	for i := range p.bank {
		if !p.bank[i].full && p.ram[i].full {
			p.bank[i], p.ram[i].full = p.ram[i], false
			moved = true
		}
	}
	if e := &p.request; e.full {
		l := &r.lines[e.line&31]
		if i := l.addr & 1; !p.ram[i].full {
			state := b.of(l.addr)
			e.match = state.tag == l.tag && state.written < now
			p.ram[i], e.full = *e, false
			moved = true
		}
	}
	if !p.request.full && p.next < r.fed && r.lines[p.next&31].ready <= now {
		p.request = readEntry{full: true, line: p.next, flag: p.flag}
		p.next++
		moved = true
	}
	if back {
		p.next = r.committed
		p.flag = !p.flag
	}
	if !p.request.full && !p.ram[0].full && !p.ram[1].full && !p.bank[0].full && !p.bank[1].full && !p.joined.full &&
		p.next == r.committed {
		p.active = false
		r.issued = now
	}
	return moved
}

// nextPipe is when a line can be issued by time alone.
func (r *reader) nextPipe(now int64) int64 {
	if r.pipe.next < r.fed && !r.pipe.request.full {
		return max(now+1, r.lines[r.pipe.next&31].ready)
	}
	return never
}
