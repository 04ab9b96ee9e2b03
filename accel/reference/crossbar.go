package reference

import (
	"math/bits"

	"spatten/accel/hbm"
)

// channel is one DRAM channel with the testbench's driver around it: a request register that holds what the
// DRAM refused, and a response register of one entry.
type channel struct {
	dram     *hbm.Controller
	ids      [64]uint8 // ports of the requests under way, in the order of issue: answers are handed out so
	idHead   int
	idCount  int
	pending  bool
	refused  uint64
	since    int64 // cycle of the refusal
	response bool
	taken    int64 // cycle at which the response register was last emptied
	locked   int8  // port whose address was chosen and not taken; -1: none
	reads    int64
}

// answers gives the channels' response registers to the ports, lowest channel first, one a cycle and port, and
// lets padding slots answer themselves.
func (s *sim) answers(now int64) {
	f := s.fetch
	var busy uint64
	for m := f.padding; m != 0; m &= m - 1 {
		p := bits.TrailingZeros64(m)
		at := f.ports[p].takenAt[f.ports[p].answered&127] + paddingDelay
		if now < at {
			s.wake(uAnswers, at)
			continue
		}
		if s.responseRoom(now, p) {
			s.answer(now, p)
			busy |= 1 << p
		}
	}
	for c := range s.channels {
		ch := &s.channels[c]
		if !ch.response && !s.popped(now, c) {
			continue
		}
		p := int(ch.ids[ch.idHead])
		port := &f.ports[p]
		if busy>>p&1 != 0 || port.locked >= 0 && int(port.locked) != c {
			continue
		}
		if f.padding>>p&1 != 0 || !s.responseRoom(now, p) {
			port.locked = int8(c)
			busy |= 1 << p
			continue
		}
		busy |= 1 << p
		port.locked = -1
		ch.response = false
		ch.taken = now
		s.wake(uAnswers, ch.dram.NextAnswer()+1)
		if ch.pending {
			s.wake(uChannel+unit(c), max(ch.dram.NextAnswer(), now)+1)
		}
		ch.idHead = (ch.idHead + 1) & 63
		ch.idCount--
		s.answer(now, p)
	}
}

// responseRoom reports whether a port's response FIFO takes an answer.
func (s *sim) responseRoom(now int64, p int) bool {
	f := s.fetch
	n := f.ports[p].answered - responseFIFO
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
		s.wake(uAnswers, at+1)
	}
	return false
}

// answer files the next answer of a port.
func (s *sim) answer(now int64, p int) {
	f := s.fetch
	port := &f.ports[p]
	row := f.row(port.answered)
	row.unanswered--
	row.answeredAt = now
	if row.unanswered == 0 {
		s.respond()
	}
	if port.taken-port.answered > responseFIFO {
		s.same(uAddress)
	}
	port.answered++
	s.moved = true
	f.paddingNext(p)
}

// paddingNext notes whether the next answer of a port is padding.
func (f *fetch) paddingNext(p int) {
	port := &f.ports[p]
	if port.answered < port.taken && f.row(port.answered).n <= p {
		f.padding |= 1 << p
	} else {
		f.padding &^= 1 << p
	}
}

// popped fills a channel's response register with an answer that was there before this cycle. The register takes
// the next answer in the cycle in which it is emptied.
func (s *sim) popped(now int64, c int) bool {
	ch := &s.channels[c]
	at := max(ch.dram.NextAnswer(), ch.taken)
	if at >= now {
		return false
	}
	ch.dram.Pop(at)
	ch.response = true
	if s.obs.DRAM != nil {
		s.obs.DRAM(at, c, 0, true)
	}
	return true
}

// memory gives a DRAM channel the address of the lowest port that wants it, then moves the DRAM.
func (s *sim) memory(now int64, c int) {
	f, ch := s.fetch, &s.channels[c]
	if !ch.response {
		s.popped(now, c)
	}
	if want := f.addressReady[c]; ch.pending {
		if ch.dram.Push(now, ch.refused, 0, false) {
			ch.pending = false
			s.pushed(now, c, ch.refused)
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
		f.addressReady[c] &^= 1 << p
		f.idle |= 1 << p
		s.same(uAddress)
		ch.ids[(ch.idHead+ch.idCount)&63] = uint8(p)
		ch.idCount++
		s.moved = true
		addr := uint64(f.row(f.ports[p].taken - 1).addr[p])
		if ch.dram.Push(now, addr, 0, false) {
			s.pushed(now, c, addr)
		} else {
			ch.pending, ch.refused, ch.since = true, addr, now
		}
	}
	idle := ch.dram.NextAnswer() >= never
	ch.dram.Step(now)
	u := uChannel + unit(c)
	s.wake(u, ch.dram.Next())
	answer := ch.dram.NextAnswer()
	if idle {
		s.wake(uAnswers, answer+1)
	}
	if ch.pending && !ch.response {
		s.wake(u, max(answer, ch.taken)+1)
	}
	if f.addressReady[c] != 0 && (!ch.pending || ch.locked < 0) {
		s.after(u) // to take one, or to settle on one
	}
	s.moved = false // it has said when it must be stepped again
}

func (s *sim) pushed(now int64, c int, addr uint64) {
	s.moved = true
	s.reads++
	s.channels[c].reads++
	if s.obs.DRAM != nil {
		s.obs.DRAM(now, c, addr, false)
	}
}

// addresses moves the next row of each idle port from its address FIFO to its address register.
func (s *sim) addresses(now int64) {
	f := s.fetch
	for m := f.idle; m != 0; m &= m - 1 {
		p := bits.TrailingZeros64(m)
		port := &f.ports[p]
		if port.taken == f.pushed {
			continue
		}
		row := f.row(port.taken)
		if now < row.pushedAt+2 {
			s.wake(uAddress, row.pushedAt+2)
			continue
		}
		// The FIFO that keeps the order has 64 places and a register before it.
		if port.taken-port.answered > responseFIFO {
			continue
		}
		s.moved = true
		if p < row.n {
			f.addressReady[row.channel[p]] |= 1 << p
			s.after(uChannel + unit(row.channel[p]))
			f.idle &^= 1 << p
		} else {
			port.takenAt[port.taken&127] = now
			s.wake(uAnswers, now+paddingDelay)
		}
		port.taken++
		f.paddingNext(p)
		row.untaken--
		if row.untaken == 0 {
			f.taken++
			f.takenAt = now
			s.after(uLoad)
		}
	}
}
