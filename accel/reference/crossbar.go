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
	since   int64  // cycle of the refusal
	locked  uint32 // port, as a set, whose address was chosen and not taken
	idHead  uint8
	idTail  uint8
	ids     [32]uint8 // ports of the requests under way, in the order of issue: answers are handed out so
}

// crossbar is what the channels do as a whole. Sets of channels have a bit each.
type crossbar struct {
	channels [maxChannels]channel
	blocked  uint64 // channels with an answer that its port does not take
	changed  uint64 // channels whose DRAM or response register has to be looked at in this cycle
	wanted   uint64 // channels that take an address in the next cycle
	refusing uint64 // channels with a refused request
	open     uint64 // of these, channels that have yet to choose the port of the next
}

// cross moves a cycle of what lies between the ports' address FIFOs and their response FIFOs: padding, answers to
// the ports, addresses to the channels, the channels themselves, and addresses out of the FIFOs.
//
// The channels' response registers are given to the ports lowest channel first, one a cycle and port; each channel
// takes the address of the lowest port that wants it.
func (s *sim) cross(now int64) {
	x, f, busy := &s.crossbar, s.fetch, uint64(0)
	due, takes := s.due>>uChannel|x.blocked, x.wanted
	x.changed = due
	if f.padding != 0 {
		busy = s.answerPadding(now)
	}
	if due != 0 {
		s.giveAnswers(now, due, busy)
	}
	if takes != 0 {
		s.takeAddresses(now, takes)
	}
	if x.changed != 0 {
		s.lookAhead(now)
	}
	if f.idle&f.behind != 0 {
		s.addresses(now)
	}
	for m := x.open; m != 0; m &= m - 1 {
		c := bits.TrailingZeros64(m) & (maxChannels - 1)
		if want := f.wants[c]; want != 0 {
			x.channels[c].locked = uint32(want & -want)
			x.open &^= 1 << c
		}
	}
	if x.wanted != 0 {
		s.after(uCrossbar)
	}
}

// crossOn moves the crossbar alone for as long as nothing else is due.
func (s *sim) crossOn() {
	s.cross(s.now)
	for s.due&^crossing == 0 && s.advanceOnly(crossing) {
		s.stepped++
		if s.obs.Event != nil {
			s.emit(s.now)
		}
		s.cross(s.now)
	}
}

// giveAnswers gives the ports what is in the response registers of channels, and the DRAM what it has refused.
func (s *sim) giveAnswers(now int64, channels, busy uint64) {
	x, f := &s.crossbar, s.fetch
	for ; channels != 0; channels &= channels - 1 {
		c := bits.TrailingZeros64(channels) & (maxChannels - 1)
		ch := &x.channels[c]
		if ch.ready >= now {
			continue
		}
		p := int(ch.ids[ch.idHead&31]) & (maxPorts - 1)
		bit := uint64(1) << p
		if (busy|f.holding|f.padding)&bit == 0 && f.answered[p] < f.gone+responseFIFO || s.portTakes(now, c, p, &busy) {
			busy |= bit
			x.blocked &^= 1 << c
			if s.obs.DRAM != nil {
				s.obs.DRAM(ch.ready, c, 0, true)
			}
			ch.dram.Drop()
			ch.taken, ch.ready = now, now
			ch.idHead++
			n := f.answered[p]
			row := f.row(n)
			f.answered[p] = n + 1
			if f.paddedRows != 0 {
				s.paddingNext(p)
			}
			if row.unanswered--; row.unanswered == 0 {
				row.answeredAt = now
				s.respond()
			}
		}
		if x.refusing>>c&1 != 0 && ch.room(now) {
			ch.dram.Push(now, ch.refused, 0, false)
			x.refusing &^= 1 << c
			s.stalls[StallDRAMQueue] += now - ch.since
			x.open &^= 1 << c
			if f.wants[c] != 0 {
				x.wanted |= 1 << c
			}
			if s.obs.DRAM != nil {
				s.obs.DRAM(now, c, ch.refused, false)
			}
		}
	}
}

// takeAddresses has channels take the address of a port each, and gives it to the DRAM if that has room.
func (s *sim) takeAddresses(now int64, channels uint64) {
	x, f := &s.crossbar, s.fetch
	var done, refused uint64 // channels that nobody wants any more, and whose DRAM has no room
	for ; channels != 0; channels &= channels - 1 {
		c := bits.TrailingZeros64(channels) & (maxChannels - 1)
		ch, want := &x.channels[c], f.wants[c]
		chosen := want
		if ch.locked != 0 {
			chosen = uint64(ch.locked)
		}
		ch.locked = 0
		p := bits.TrailingZeros64(chosen) & (maxPorts - 1)
		want &^= 1 << p
		f.wants[c] = want
		f.idle |= 1 << p
		ch.ids[ch.idTail&31] = uint8(p)
		ch.idTail++
		if want == 0 {
			done |= 1 << c
		}
		addr := uint64(f.line[p]>>(f.channelBits&31)) * transaction
		if !ch.room(now) {
			ch.refused, ch.since = addr, now
			refused |= 1 << c
			continue
		}
		ch.dram.Push(now, addr, 0, false)
		if ch.dram.Next() < never || ch.dram.NextAnswer() < ch.ready {
			x.changed |= 1 << c
		}
		if s.obs.DRAM != nil {
			s.obs.DRAM(now, c, addr, false)
		}
	}
	x.wanted &^= done | refused
	x.refusing |= refused
	x.open |= refused
}

// lookAhead steps the DRAM of channels that have changed, and has them looked at when they can move.
func (s *sim) lookAhead(now int64) {
	x := &s.crossbar
	for m := x.changed; m != 0; m &= m - 1 {
		c := bits.TrailingZeros64(m) & (maxChannels - 1)
		ch := &x.channels[c]
		if ch.dram.Next() <= now {
			ch.dram.Step(now)
		}
		next := ch.dram.Next()
		if ch.ready >= now {
			ch.ready = max(ch.dram.NextAnswer(), ch.taken)
			next = min(next, ch.ready+1)
		}
		s.wake(uChannel+unit(c), next)
	}
}

// room reports whether the DRAM's driver takes a request at now. It takes one in the cycle after a response was taken out.
func (ch *channel) room(now int64) bool {
	n := ch.dram.Outstanding()
	return n < outstanding || n == outstanding && ch.ready < now
}

// portTakes reports whether a port takes the answer in a channel's response register, in all cases. If it does not, the
// channel is blocked, and looked at again whenever anything moves.
func (s *sim) portTakes(now int64, c, p int, busy *uint64) bool {
	x, f, bit := &s.crossbar, s.fetch, uint64(1)<<p
	if *busy&bit != 0 || f.holding&bit != 0 && int(f.lockedOn[p]) != c {
		x.blocked |= 1 << c
		s.after(uCrossbar)
		return false
	}
	*busy |= bit
	if f.padding&bit != 0 || !s.responseRoom(now, p) {
		f.lockedOn[p] = int8(c)
		f.holding |= bit
		x.blocked |= 1 << c
		return false
	}
	f.holding &^= bit
	return true
}

// answerPadding lets padding slots answer themselves; it returns the ports that it has kept busy.
func (s *sim) answerPadding(now int64) (busy uint64) {
	f, next := s.fetch, never
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
	s.wake(uCrossbar, next)
	return busy
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

// answer files the next answer of a port, which is padding.
func (s *sim) answer(now int64, p int) {
	f := s.fetch
	n := f.answered[p]
	row := f.row(n)
	f.answered[p] = n + 1
	s.paddingNext(p)
	if row.unanswered--; row.unanswered == 0 {
		row.answeredAt = now
		s.respond()
	}
}

// paddingNext notes whether the next answer of a port is padding.
func (s *sim) paddingNext(p int) {
	f := s.fetch
	f.padding &^= 1 << p
	if n := f.answered[p]; n < f.taken[p] && int(f.row(n).n) <= p {
		f.padding |= 1 << p
		s.after(uCrossbar)
	}
}

// reads is how many requests were pushed.
func (x *crossbar) reads() (n int64) {
	for i := range x.channels {
		if ch := &x.channels[i]; ch.dram != nil {
			n += ch.dram.Pushed()
		}
	}
	return n
}

// addresses moves the next row of each idle port from its address FIFO to its address register.
func (s *sim) addresses(now int64) {
	f, wanted := s.fetch, uint64(0)
	for m := f.idle & f.behind; m != 0; m &= m - 1 {
		p := bits.TrailingZeros64(m) & (maxPorts - 1)
		n := f.taken[p]
		row := f.row(n)
		if now < row.pushedAt+2 {
			continue
		}
		// The FIFO that keeps the order has 64 places and a register before it.
		if n-f.answered[p] > responseFIFO {
			continue
		}
		f.taken[p] = n + 1
		if n+1 == f.pushed {
			f.behind &^= 1 << p
		}
		if p < int(row.n) {
			line := f.lines[int(n)&(addressRows-1)<<(f.portBits&31)|p]
			f.line[p] = line
			c := line & uint32(f.channels-1) & (maxChannels - 1)
			f.wants[c] |= 1 << p
			wanted |= 1 << c
			f.idle &^= 1 << p
		} else {
			f.paddedAt[p][n&127] = now
			s.after(uCrossbar)
			if n == f.answered[p] {
				f.padding |= 1 << p
			}
		}
		if row.untaken--; row.untaken == 0 {
			f.takenRows++
			f.takenAt = now
			s.after(uLoad)
		}
	}
	s.wanted |= wanted &^ s.refusing
}
