package reference

import (
	"math/bits"

	"spatten/accel/hbm"
)

// channel is one DRAM channel with the testbench's driver around it: a request register that holds what the
// DRAM refused, and a response register of one entry.
type channel struct {
	dram    *hbm.Controller
	ready   int64 // cycle in which the response register is filled with the oldest answer; never: there is none
	taken   int64 // cycle in which it was last emptied
	ids     [64]uint8
	idHead  int // ids are the ports of the requests under way, in the order of issue: answers are handed out so
	idCount int
	refused uint64
	since   int64 // cycle of the refusal
	pending bool
	locked  int8 // port whose address was chosen and not taken; -1: none
	reads   int64
}

// crossbar moves a cycle of what lies between the ports' address FIFOs and their response FIFOs: answers to the
// ports, addresses to the channels, the channels themselves, and addresses out of the FIFOs. It has itself stepped
// again when something can move.
func (s *sim) crossbar(now int64) {
	next := min(s.answers(now), s.memory(now))
	s.wake(uCrossbar, min(next, s.addresses(now)))
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
		if busy>>p&1 != 0 || f.lockedOn[p] >= 0 && int(f.lockedOn[p]) != c {
			next = now + 1
			continue
		}
		busy |= 1 << p
		if f.padding>>p&1 != 0 || !s.responseRoom(now, p) {
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
		ch.idCount--
		if at := ch.dram.NextAnswer(); at < never {
			ch.ready = max(at, now)
			next = min(next, ch.ready+1)
		} else {
			ch.ready = never
			s.answering &^= 1 << c
		}
		s.answer(now, p)
		if f.padding>>p&1 != 0 {
			next = now + 1
		}
	}
	return next
}

// responseRoom reports whether a port's response FIFO takes an answer.
func (s *sim) responseRoom(now int64, p int) bool {
	f := s.fetch
	n := f.answered[p] - responseFIFO
	if n < 0 {
		return true
	}
	at := f.row(n).consumedAt
	if at < now {
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
	row := f.row(f.answered[p])
	f.answered[p]++
	f.paddingNext(p)
	row.answeredAt = now
	if row.unanswered--; row.unanswered == 0 {
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
		due := s.dramNext[c&(maxChannels-1)]
		ch := &s.channels[c]
		if want == 0 && !ch.pending && due > now {
			next = min(next, due)
			continue
		}
		if ch.pending {
			if s.push(now, c, ch.refused) {
				ch.pending = false
				s.stalls[StallDRAMQueue] += now - ch.since
			}
			if want != 0 && ch.locked < 0 {
				ch.locked = int8(bits.TrailingZeros64(want))
			}
		} else if want != 0 {
			p := bits.TrailingZeros64(want)
			if ch.locked >= 0 {
				p = int(ch.locked)
			}
			ch.locked = -1
			want &^= 1 << p
			f.wants[c] = want
			f.idle |= 1 << p
			ch.ids[(ch.idHead+ch.idCount)&63] = uint8(p)
			ch.idCount++
			addr := uint64(f.line[p&(maxPorts-1)]>>f.channelBits) * transaction
			if !s.push(now, c, addr) {
				ch.pending, ch.refused, ch.since = true, addr, now
			}
		}
		if ch.dram.Next() <= now {
			ch.dram.Step(now)
			if ch.ready == never {
				if at := ch.dram.NextAnswer(); at < never {
					ch.ready = max(at, ch.taken)
					s.answering |= 1 << c
					next = min(next, ch.ready+1)
				}
			}
		}
		due = ch.dram.Next()
		s.dramNext[c] = due
		next = min(next, due)
		if ch.pending {
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
	under := ch.dram.Outstanding()
	if ch.ready < now {
		under--
	}
	if under >= outstanding {
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
		if p < row.n {
			line := row.line[p]
			c := line & uint32(f.channels-1) & (maxChannels - 1)
			f.line[p] = line
			f.wants[c] |= 1 << p
			f.idle &^= 1 << p
		} else {
			f.paddedAt[p][n&127] = now
		}
		f.taken[p] = n + 1
		if n+1 == f.pushed {
			f.behind &^= 1 << p
		}
		f.paddingNext(p)
		if row.untaken--; row.untaken == 0 {
			f.takenRows++
			f.takenAt = now
			s.after(uLoad)
		}
	}
	return next
}
