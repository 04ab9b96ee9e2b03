// Package crossbar is blocks (4) and (5): it reads the bursts that the fetcher asks for, carries them through the
// address crossbar (ports × channels, a FIFO at each port, at most one request a channel and cycle) to the DRAM
// channels, and writes the answers, put back in the order of the requests by the data crossbar, to the buffers.
package crossbar

import (
	"math/bits"

	"spatten/accel/config"
	"spatten/accel/fetch"
)

// Channel is one DRAM channel with its controller. Cycles never decrease; a channel catches up with skipped ones.
type Channel interface {
	// In a cycle all Pushes come before the Tick.
	//
	// Push offers a request for a burst at a channel-local byte address in cycle now. It reports false when the
	// channel has as many requests as it can hold. A write is posted: it is complete once it is taken.
	Push(now int64, addr uint64, write bool, id uint32) bool
	// Tick works through cycle now and gives the id of a read that completed.
	Tick(now int64) (id uint32, ok bool)
}

// maxPorts bounds ports and channels so that sets of them fit a word.
const maxPorts = 32

// rotation is by how many ports the first one moves a cycle. It is odd, so that every port has its turn, and carries it
// past the half of the ports, so that ports whose streams hit the same channels take turns.
const rotation = 17

// Counters are what the crossbars count.
type Counters struct {
	Bursts        [fetch.Kinds]int64 // moved, by kind
	ChannelBursts []int64
	BusyCycles    int64 // cycles with at least one request under way
	SourceIdle    int64 // of these, cycles in which no job had an address to give
	WindowFull    int64 // of these, cycles in which all FIFOs' places were taken
	Conflicts     int64 // requests that waited at the head of a port because another port had their channel
	Refused       int64 // requests that a channel's full queue refused
}

// line is one set of up to ports bursts that were issued in the same cycle and leave in the same cycle.
type line struct {
	job       *fetch.Job
	need, got int32
	rows      int64 // rows of the job complete when this line is
	last      bool
}

type request struct {
	local   uint64 // channel-local byte address
	id      uint32 // place of its line; bit 16 marks a write
	channel uint32
}

// Memory is the crossbars, their FIFOs and the channels.
type Memory struct {
	Counters
	spec     config.Fetch
	burst    uint64
	shift    uint // log2 of a burst's bytes
	spread   uint // log2 of the channels
	channels []Channel
	inflight []int32 // reads under way, by channel
	limit    int32   // how many a channel takes
	rotates  bool
	active   uint32 // channels with requests
	job      *fetch.Job
	now      int64

	lines      []line // ring of fifo_depth
	head, tail int64
	queue      [maxPorts][]request // rings of fifo_depth
	qhead      [maxPorts]uint32
	qtail      [maxPorts]uint32
	want       [maxPorts]uint32 // by channel: ports whose oldest request is for it
	wanted     uint32           // channels that some port wants
	mask       uint32
	finished   []*fetch.Job
}

// New connects channels. The machine must have passed its check.
func New(m *config.Machine, channels []Channel) *Memory {
	x := &Memory{spec: m.Fetch, burst: uint64(m.DRAM.BurstBytes), channels: channels, mask: uint32(m.Fetch.FIFODepth - 1)}
	x.shift = uint(bits.TrailingZeros64(x.burst))
	x.rotates = m.Fetch.Arbitration == config.Rotating
	x.limit = int32(m.DRAM.Outstanding)
	x.spread = uint(bits.TrailingZeros(uint(len(channels))))
	x.inflight = make([]int32, len(channels))
	x.ChannelBursts = make([]int64, len(channels))
	x.lines = make([]line, m.Fetch.FIFODepth)
	x.finished = make([]*fetch.Job, 0, 8)
	for p := range m.Fetch.Ports {
		x.queue[p] = make([]request, m.Fetch.FIFODepth)
	}
	return x
}

// Now is the cycle that comes next.
func (x *Memory) Now() int64 { return x.now }

// Idle reports whether nothing is under way.
func (x *Memory) Idle() bool { return x.job == nil && x.head == x.tail }

// Free reports whether the fetcher can take a job.
func (x *Memory) Free() bool { return x.job == nil }

// Window is how many of the FIFOs' places at each port are taken.
func (x *Memory) Window() int64 { return x.tail - x.head }

// Inflight is how many reads a channel works on.
func (x *Memory) Inflight(channel int) int64 { return int64(x.inflight[channel]) }

// Skip moves an idle memory to a later cycle.
func (x *Memory) Skip(to int64) { x.now = max(x.now, to) }

// Take gives the fetcher its next job.
func (x *Memory) Take(j *fetch.Job) {
	j.Open(x.now)
	x.job = j
	if j.Count == 0 {
		j.Done, j.Issued = x.now+1, x.now
		x.job = nil
		x.finished = append(x.finished, j)
	}
}

// Step works through one cycle. The jobs whose last burst came back in it are returned; the slice is valid until the
// next Step.
func (x *Memory) Step() []*fetch.Job {
	done := x.finished
	x.finished = x.finished[:0] // shares its array with done until the next Step
	if x.head != x.tail {
		done = x.deliver(done)
		x.requests()
		x.answers()
	}
	x.issue()
	x.BusyCycles++
	x.now++
	return done
}

// deliver pops the oldest line when all of its bursts are back: the order of the requests is restored.
func (x *Memory) deliver(done []*fetch.Job) []*fetch.Job {
	l := &x.lines[uint32(x.head)&x.mask]
	if l.got < l.need {
		return done
	}
	j := l.job
	at := x.now + int64(x.spec.DataCycles+x.spec.ConvertCycles)
	if l.last {
		j.Lines.Upto((l.rows+j.PerLine-1)/j.PerLine, at)
		j.Done = at
		done = append(done, j)
	} else {
		j.Lines.Upto(l.rows/j.PerLine, at)
	}
	x.head++
	return done
}

// answers lets each channel work for one cycle and takes what it has.
func (x *Memory) answers() {
	for set := x.active; set != 0; set &= set - 1 {
		c := bits.TrailingZeros32(set)
		id, ok := x.channels[c].Tick(x.now)
		if !ok {
			continue
		}
		x.lines[id].got++
		if x.inflight[c]--; x.inflight[c] == 0 {
			x.active &^= 1 << c
		}
	}
}

// requests moves at most one request to each channel and one from each port. Ports with a lower number go first, as in
// the RTL; where the arbitration rotates, the first port changes every cycle.
func (x *Memory) requests() {
	start := 0
	if x.rotates {
		start = int(uint64(x.now) * rotation % uint64(x.spec.Ports))
	}
	moved := uint32(0)
	for channels := x.wanted; channels != 0; channels &= channels - 1 {
		c := bits.TrailingZeros32(channels)
		ports := x.want[c]
		x.Conflicts += int64(bits.OnesCount32(ports)) - 1
		p := (bits.TrailingZeros32(bits.RotateLeft32(ports, -start)) + start) & (maxPorts - 1)
		r := &x.queue[p][x.qhead[p]&x.mask]
		write, slot := r.id>>16 != 0, r.id&0xffff
		if !write && x.inflight[c] == x.limit || !x.channels[c].Push(x.now, r.local, write, slot) {
			x.Refused++
			continue
		}
		x.ChannelBursts[c]++
		if write {
			x.lines[slot].got++ // posted: the channel's queue has it
		} else {
			x.inflight[c]++
			x.active |= 1 << c
		}
		if x.want[c] &^= 1 << p; x.want[c] == 0 {
			x.wanted &^= 1 << c
		}
		moved |= 1 << p
	}
	for ; moved != 0; moved &= moved - 1 {
		p := bits.TrailingZeros32(moved)
		if x.qhead[p]++; x.qhead[p] != x.qtail[p] {
			x.offer(p)
		}
	}
}

// offer shows the request at the head of a port to its channel.
func (x *Memory) offer(p int) {
	c := x.queue[p][x.qhead[p]&x.mask].channel
	x.want[c] |= 1 << p
	x.wanted |= 1 << c
}

// issue takes up to one address for each port from the job.
func (x *Memory) issue() {
	j := x.job
	if j == nil {
		x.SourceIdle++
		return
	}
	if x.tail-x.head == int64(len(x.lines)) {
		x.WindowFull++
		return
	}
	slot := uint32(x.tail) & x.mask
	id := slot
	if j.Kind == fetch.Write {
		id |= 1 << 16
	}
	n := int32(0)
	for p := range x.spec.Ports {
		addr, ok := j.Next(x.now, x.burst)
		if !ok {
			break
		}
		block := addr >> x.shift
		x.queue[p][x.qtail[p]&x.mask] = request{block >> x.spread << x.shift, id, uint32(block) & (1<<x.spread - 1)}
		if x.qtail[p]++; x.qtail[p]-x.qhead[p] == 1 {
			x.offer(p)
		}
		n++
	}
	if n == 0 {
		if !j.Exhausted() {
			x.SourceIdle++
			return
		}
		// The last row lay wholly in the burst before: an empty line carries its end.
	}
	x.Bursts[j.Kind] += int64(n)
	end := j.Exhausted()
	x.lines[slot] = line{job: j, need: n, rows: j.Opened(), last: end}
	x.tail++
	if end {
		j.Issued = x.now
		x.job = nil
	}
}
