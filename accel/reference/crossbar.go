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
	refused uint64
	since   int64 // cycle of the refusal
	reads   int64
	locked  int8 // port whose address was chosen and not taken; -1: none
	pending bool // a request was refused
	idHead  uint8
	idTail  uint8
	_       [12]byte  // what is used in every cycle is one line of the cache
	ids     [64]uint8 // ports of the requests under way, in the order of issue: answers are handed out so
}

// crossbar is what the channels do as a whole.
type crossbar struct {
	channels []channel
	next     [maxChannels]int64 // when each can move
	blocked  uint64             // channels with an answer that its port does not take
}

// cross moves a cycle of what lies between the ports' address FIFOs and their response FIFOs: padding, answers to
// the ports, addresses to the channels, the channels themselves, and addresses out of the FIFOs. It returns when
// something can move next.
//
// The channels' response registers are given to the ports lowest channel first, one a cycle and port; each channel
// takes the address of the lowest port that wants it.
func (s *sim) cross(now int64) int64 {
	x, next, busy := &s.crossbar, never, uint64(0)
	if s.fetch.padding != 0 {
		busy, next = s.answerPadding(now)
	}
	for c := range x.channels {
		due := x.next[c&(maxChannels-1)]
		if due <= now || x.blocked>>c&1 != 0 {
			due = s.channel(now, c, &busy)
			x.next[c&(maxChannels-1)] = due
		}
		next = min(next, due)
	}
	if s.fetch.idle&s.fetch.behind != 0 {
		next = min(next, s.addresses(now))
	}
	return next
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

// answerPadding lets padding slots answer themselves; it returns the ports that it has kept busy.
func (s *sim) answerPadding(now int64) (busy uint64, next int64) {
	f := s.fetch
	next = never
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
	return busy, next
}

// channel moves a channel: its answer to the port, an address to it, and the DRAM. It returns when it can move next.
func (s *sim) channel(now int64, c int, busy *uint64) int64 {
	x, f := &s.crossbar, s.fetch
	ch := &x.channels[c]
	next := never
	if ch.ready < now {
		next = s.giveAnswer(now, c, busy)
	}
	want := f.wants[c&(maxChannels-1)]
	if ch.pending {
		if s.push(now, ch, c, ch.refused) {
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
			ch.locked = -1
		}
		p &= maxPorts - 1
		want &^= 1 << p
		f.wants[c&(maxChannels-1)] = want
		f.idle |= 1 << p
		ch.ids[ch.idTail&63] = uint8(p)
		ch.idTail++
		addr := uint64(f.line[p]>>(f.channelBits&31)) * transaction
		if !s.push(now, ch, c, addr) {
			ch.pending, ch.refused, ch.since = true, addr, now
		}
	}
	ch.dram.Step(now)
	if ch.ready == never {
		if at := ch.dram.NextAnswer(); at < never {
			ch.ready = max(at, ch.taken)
		}
	}
	if ch.ready >= now {
		next = min(next, ch.ready+1)
	}
	if want != 0 && (!ch.pending || ch.locked < 0) {
		next = now + 1 // to take one, or to settle on one
	}
	return min(next, ch.dram.Next())
}

// giveAnswer gives what is in a channel's response register to its port. If the port does not take it, it is blocked,
// and looked at again whenever anything moves.
func (s *sim) giveAnswer(now int64, c int, busy *uint64) int64 {
	x, f := &s.crossbar, s.fetch
	ch := &x.channels[c]
	p := int(ch.ids[ch.idHead&63]) & (maxPorts - 1)
	bit := uint64(1) << p
	if *busy&bit != 0 || f.lockedOn[p] >= 0 && int(f.lockedOn[p]) != c {
		x.blocked |= 1 << c
		return now + 1
	}
	*busy |= bit
	if f.padding&bit != 0 || f.answered[p] >= f.gone+responseFIFO && !s.responseRoom(now, p) {
		f.lockedOn[p] = int8(c)
		x.blocked |= 1 << c
		return never
	}
	f.lockedOn[p] = -1
	x.blocked &^= 1 << c
	if s.obs.DRAM != nil {
		s.obs.DRAM(ch.ready, c, 0, true)
	}
	ch.dram.Pop(now)
	ch.taken = now
	ch.idHead++
	ch.ready = never
	if at := ch.dram.NextAnswer(); at < never {
		ch.ready = max(at, now)
	}
	s.answer(now, p)
	if f.padding&bit != 0 {
		return now + 1
	}
	return never
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
	if f.pads(n+1) || f.padding != 0 {
		f.paddingNext(p)
	}
	if row.unanswered == 0 {
		row.answeredAt = now
		s.respond()
	}
}

// pads reports whether a row in the ports has padding.
func (f *fetch) pads(n int64) bool { return f.padded[n&(portRows-1)>>6]>>(n&63)&1 != 0 }

// paddingNext notes whether the next answer of a port is padding.
func (f *fetch) paddingNext(p int) {
	f.padding &^= 1 << p
	if n := f.answered[p]; n < f.taken[p] && f.row(n).n <= p {
		f.padding |= 1 << p
	}
}

// push offers a request to a channel. Its driver takes a new one in the cycle after a response was taken out.
func (s *sim) push(now int64, ch *channel, c int, addr uint64) bool {
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
			c := line & uint32(f.channels-1) & (maxChannels - 1)
			f.wants[c] |= 1 << p
			s.crossbar.next[c] = min(s.crossbar.next[c], now+1)
			f.idle &^= 1 << p
		} else {
			f.paddedAt[p][n&127] = now
		}
		if f.pads(f.answered[p]) {
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
