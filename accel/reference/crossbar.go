package reference

import (
	"math/bits"

	"spatten/accel/hbm"
)

// channel is one DRAM channel with the testbench's driver around it: a request register that holds what the
// DRAM refused, and a response register of one entry.
type channel struct {
	dram    *hbm.Controller
	ready   int64     // cycle in which the response register is filled with the oldest answer; never: there is none
	taken   int64     // cycle in which it was last emptied
	ids     [64]uint8 // ports of the requests under way, in the order of issue: answers are handed out so
	idHead  int
	idTail  int
	refused uint64
	since   int64 // cycle of the refusal
	reads   int64
	locked  int8 // port whose address was chosen and not taken; -1: none
}

// crossbar is what the channels do as a whole.
type crossbar struct {
	channels  []channel
	next      [maxChannels]int64 // when each DRAM has something to do
	answering uint64             // channels with answers
	pending   uint64             // channels with a refused request
}

// cross moves a cycle of what lies between the ports' address FIFOs and their response FIFOs: answers to the
// ports, addresses to the channels, the channels themselves, and addresses out of the FIFOs. It returns when
// something can move next.
func (s *sim) cross(now int64) int64 {
	next := min(s.answers(now), s.memory(now))
	return min(next, s.addresses(now))
}

// crossOn moves the crossbar alone for as long as nothing else is due.
func (s *sim) crossOn(now int64) {
	next := s.cross(now)
	for s.due == 1<<uCrossbar && next < s.soonest() {
		s.now = next
		s.stepped++
		if s.obs.Event != nil {
			s.emit(next)
		}
		next = s.cross(next)
	}
	s.wake(uCrossbar, next)
}

// answers gives the channels' response registers to the ports, lowest channel first, one a cycle and port, and
// lets padding slots answer themselves.
func (s *sim) answers(now int64) int64 {
	f, next := s.fetch, never
	var busy uint64
	for m := f.padding; m != 0; m &= m - 1 {
		p := bits.TrailingZeros64(m) & (maxPorts - 1)
		if at := f.paddedAt[p][f.answered[p]&127] + paddingDelay; now < at {
			next = min(next, at)
		} else if s.responseRoom(now, p) {
			s.answer(now, p)
			busy |= 1 << p
			next = now + 1
		}
	}
	for m := s.answering; m != 0; m &= m - 1 {
		c := bits.TrailingZeros64(m) & (maxChannels - 1)
		ch := &s.channels[c]
		if ch.ready >= now {
			next = min(next, ch.ready+1)
			continue
		}
		p := int(ch.ids[ch.idHead&63]) & (maxPorts - 1)
		bit := uint64(1) << p
		if busy&bit != 0 || f.lockedOn[p] >= 0 && int(f.lockedOn[p]) != c {
			next = now + 1
			continue
		}
		busy |= bit
		if f.padding&bit != 0 || f.answered[p] >= f.gone+responseFIFO && !s.responseRoom(now, p) {
			f.lockedOn[p] = int8(c)
			continue
		}
		f.lockedOn[p] = -1
		if s.obs.DRAM != nil {
			s.obs.DRAM(ch.ready, c, 0, true)
		}
		ch.dram.Pop(now)
		ch.taken = now
		ch.idHead++
		if at := ch.dram.NextAnswer(); at < never {
			ch.ready = max(at, now)
			next = min(next, ch.ready+1)
		} else {
			ch.ready = never
			s.answering &^= 1 << c
		}
		s.answer(now, p)
		if f.padding&bit != 0 {
			next = now + 1
		}
	}
	return next
}

// responseRoom reports whether a port's response FIFO takes an answer.
func (s *sim) responseRoom(now int64, p int) bool {
	f := s.fetch
	n := f.answered[p] - responseFIFO
	if n < f.gone {
		return true
	}
	at := f.row(n).consumedAt
	if at < now {
		f.gone = n + 1
		return true
	}
	if at == never {
		f.roomWait = true
	} else {
		s.wake(uCrossbar, at+1)
	}
	return false
}

// answer files the next answer of a port.
func (s *sim) answer(now int64, p int) {
	f := s.fetch
	n := f.answered[p]
	row := f.row(n)
	row.unanswered--
	f.answered[p] = n + 1
	if f.padded || f.padding != 0 {
		f.paddingNext(p)
	}
	if row.unanswered == 0 {
		row.answeredAt = now
		s.respond()
	}
}

// paddingNext notes whether the next answer of a port is padding.
func (f *fetch) paddingNext(p int) {
	f.padding &^= 1 << p
	if n := f.answered[p]; n < f.taken[p] && f.row(n).n <= p {
		f.padding |= 1 << p
	}
}

// memory gives each DRAM channel the address of the lowest port that wants it, then moves the DRAM.
func (s *sim) memory(now int64) int64 {
	f, next := s.fetch, never
	for c := range s.channels {
		want := f.wants[c&(maxChannels-1)]
		due := s.crossbar.next[c&(maxChannels-1)]
		pending := s.pending>>c&1 != 0
		if due > now && want == 0 && !pending {
			next = min(next, due)
			continue
		}
		ch := &s.channels[c]
		if pending {
			if s.push(now, c, ch.refused) {
				pending = false
				s.pending &^= 1 << c
				s.stalls[StallDRAMQueue] += now - ch.since
			}
			if want != 0 && ch.locked < 0 {
				ch.locked = int8(bits.TrailingZeros64(want))
			}
		} else if want != 0 {
			p := bits.TrailingZeros64(want)
			if ch.locked >= 0 {
				p = int(ch.locked)
				ch.locked = -1
			}
			p &= maxPorts - 1
			want &^= 1 << p
			f.wants[c&(maxChannels-1)] = want
			f.idle |= 1 << p
			ch.ids[ch.idTail&63] = uint8(p)
			ch.idTail++
			addr := uint64(f.line[p]>>(f.channelBits&31)) * transaction
			if !s.push(now, c, addr) {
				pending = true
				s.pending |= 1 << c
				ch.refused, ch.since = addr, now
			}
		}
		due = ch.dram.Next()
		if due <= now {
			ch.dram.Step(now)
			due = ch.dram.Next()
			if ch.ready == never {
				if at := ch.dram.NextAnswer(); at < never {
					ch.ready = max(at, ch.taken)
					s.answering |= 1 << c
					next = min(next, ch.ready+1)
				}
			}
		}
		s.crossbar.next[c&(maxChannels-1)] = due
		next = min(next, due)
		if pending {
			next = min(next, max(ch.ready, now)+1)
		} else if want != 0 {
			next = now + 1
		}
	}
	return next
}

// push offers a request to a channel. Its driver takes a new one in the cycle after a response was taken out.
func (s *sim) push(now int64, c int, addr uint64) bool {
	ch := &s.channels[c]
	if n := ch.dram.Outstanding(); n >= outstanding && (n > outstanding || ch.ready >= now) {
		return false
	}
	ch.dram.Push(now, addr, 0, false)
	s.reads++
	ch.reads++
	if s.obs.DRAM != nil {
		s.obs.DRAM(now, c, addr, false)
	}
	return true
}

// addresses moves the next row of each idle port from its address FIFO to its address register.
func (s *sim) addresses(now int64) int64 {
	f, next := s.fetch, never
	for m := f.idle & f.behind; m != 0; m &= m - 1 {
		p := bits.TrailingZeros64(m) & (maxPorts - 1)
		n := f.taken[p]
		row := f.row(n)
		if now < row.pushedAt+2 {
			next = min(next, row.pushedAt+2)
			continue
		}
		// The FIFO that keeps the order has 64 places and a register before it.
		if n-f.answered[p] > responseFIFO {
			continue
		}
		next = now + 1
		f.taken[p] = n + 1
		if n+1 == f.pushed {
			f.behind &^= 1 << p
		}
		if p < row.n {
			line := f.lines[(int(n)&(portRows-1))<<f.portBits|p]
			f.line[p] = line
			f.wants[line&uint32(f.channels-1)&(maxChannels-1)] |= 1 << p
			f.idle &^= 1 << p
		} else {
			f.paddedAt[p][n&127] = now
		}
		if f.padded {
			f.paddingNext(p)
		}
		if row.untaken--; row.untaken == 0 {
			f.takenRows++
			f.takenAt = now
			s.after(uLoad)
		}
	}
	return next
}
