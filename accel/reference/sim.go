package reference

import (
	"errors"
	"fmt"
	"iter"

	"spatten/accel/hbm"
)

// Result is what a run cost.
type Result struct {
	Cycles       int64 // cycle of the last answer
	Rows         int
	DRAMReads    int64 // of 32 bytes
	DRAMBytes    int64
	ChannelReads []int64
	Channels     []hbm.Stats
	Stalls       [numStalls]int64 // cycles by cause; causes overlap
	Stepped      int64            // cycles in which something moved and that were simulated one by one
}

var errPair = errors.New("rows of 6-bit keys come in pairs; the pair before this row is not complete")

func wrapRow(r *Row, err error) error { return fmt.Errorf("row %d: %w", r.Index, err) }

// sim is a run.
type sim struct {
	machine   Machine
	g         geometry
	obs       Observer
	rowsIn    func() (Row, error, bool)
	every     bool // every unit is stepped in every cycle
	unchecked bool // rows that hang the reference are simulated too

	// admission
	offered, allocated *job
	offerAt            int64
	part               int
	rows               int
	longestDelay       int // of the top-k, so far
	ended              bool
	accepted           int
	inPair             bool
	leaving            ring[*job] // answered, in order
	keyAlloc           allocator
	lastRegion         int64
	lastStart          int
	batch              int32
	free               []*job

	keys  keyStage
	fetch *fetch
	crossbar
	realign  realign
	key      buffer
	value    buffer
	dot      dotTree
	decision decision
	pass     streamed
	requant  requantBuffer
	topk     topK
	values   valuePath

	events       emitted
	answered     int
	lastResponse int64
	wheel
	moved     bool // the unit being stepped changed something
	waitsFrom [numStalls]int64
	stalls    [numStalls]int64
	stepped   int64
}

// Simulate runs rows, in order, through the machine. It ends with an error when a row is not one that the
// reference can do, or when the reference would wait for ever.
func Simulate(rows iter.Seq2[Row, error], m Machine, obs Observer) (Result, error) {
	next, stop := iter.Pull2(rows)
	defer stop()
	s, err := newSim(m, obs)
	if err != nil {
		return Result{}, err
	}
	s.rowsIn = next
	if err := s.run(false); err != nil {
		return Result{}, err
	}
	return s.result(), nil
}

func newSim(m Machine, obs Observer) (*sim, error) {
	g, err := m.geometry()
	if err != nil {
		return nil, err
	}
	s := &sim{machine: m, g: g, obs: obs, offerAt: int64(m.FirstIssue)}
	s.keyAlloc, s.values.alloc = newAllocator(g.lines), newAllocator(g.lines)
	s.fetch = newFetch(&s.g)
	s.realign = newRealign(&s.g)
	s.key, s.value = newBuffer(g.lines, uKeyReader, uKeyStage), newBuffer(g.lines, uValueReader, uValueFork)
	s.keys.readAt = never
	s.keys.decisions = newFIFO[pass](requestFIFO)
	s.decision.scores = newWords(g.lines)
	s.requant.fifo = newWords(16 * g.lines)
	s.topk.fifo = newWords(g.lines)
	s.topk.lastPop = -1
	s.values.scores = newWords(g.ports / g.lanes * maxFused * 8)
	for i := range g.channels {
		c, err := hbm.NewController(standard(), hbm.Options{Outstanding: outstanding + 1})
		if err != nil {
			return nil, err
		}
		if obs.Command != nil {
			c.SetLog(func(sent hbm.Sent) { obs.Command(i, sent) })
		}
		s.channels[i] = channel{dram: c, ready: never}
	}
	return s, nil
}

func (s *sim) next() (Row, error, bool) { return s.rowsIn() }

// newJob takes a used job or makes one.
func (s *sim) newJob() *job {
	if n := len(s.free); n > 0 {
		j := s.free[n-1]
		s.free = s.free[:n-1]
		return j
	}
	return new(job)
}

// retire counts words of a row that are gone. The row itself goes when it has answered too, in the order of
// the answers: the top-k may throw words away long after the answer.
func (s *sim) retire(j *job, words int) {
	j.wordsLeft -= words
	for s.leaving.n > 0 {
		j := *s.leaving.at(0)
		if j.wordsLeft > 0 {
			return
		}
		s.leaving.pop()
		if s.obs.Row != nil {
			s.obs.Row(&j.Row, &j.stamps)
		}
		s.free = append(s.free, j)
	}
}

// run steps units in the cycles in which they can move. With every, it steps all of them in all cycles.
func (s *sim) run(every bool) error {
	for i := range s.waitsFrom {
		s.waitsFrom[i] = -1
	}
	s.now, s.every = -1, every
	s.after(uAdmit)
	watch := watchdog{}
	for {
		if every {
			s.now++
			slot := uint64(s.now) % wheelSize
			s.used &^= 1 << slot
			s.slots[slot] = 0
			s.due = 1<<numUnits - 1 | (1<<s.g.channels-1)<<uChannel
		} else if !s.advance() {
			return s.hangs()
		}
		if s.obs.Event != nil {
			s.emit(s.now)
		}
		if err := s.cycle(s.now); err != nil {
			return err
		}
		s.stepped++
		if s.ended && s.answered == s.rows && s.leaving.n == 0 {
			s.emit(never)
			return nil
		}
		if s.now >= watch.next && watch.stuck(s) {
			return s.hangs()
		}
	}
}

// watchdog ends a run in which something still moves (a reader that polls) but nothing is done.
type watchdog struct {
	next        int64
	done, limit int64
}

const watchCycles = 1 << 22

func (w *watchdog) stuck(s *sim) bool {
	done := s.crossbar.reads() + s.key.reader.committed + s.value.reader.committed + int64(s.answered)
	if done == w.done && w.next > 0 && w.limit >= int64(s.longestDelay) {
		return true
	}
	w.limit += watchCycles
	if done != w.done {
		w.limit = 0
	}
	w.done, w.next = done, s.now+watchCycles
	return false
}

// cycle steps the units that are due, from the last stage to the first. A unit that moved is due in the next cycle.
func (s *sim) cycle(now int64) error {
	const (
		back  = 1<<uMultiply | 1<<uValueReader
		words = 1<<uValueFork | 1<<uTopK | 1<<uRequant
		rest  = 1<<uDecide | 1<<uDot | 1<<uKeyReader | 1<<uKeyStage | 1<<uAdmit
	)
	if s.due&back != 0 {
		s.step(uMultiply, now, (*sim).multiply)
		s.step(uValueReader, now, (*sim).readValues)
	}
	if s.due&crossing != 0 {
		s.crossOn()
		now = s.now
	}
	s.step(uLoad, now, (*sim).load)
	s.step(uArbitrate, now, (*sim).arbitrate)
	if s.due&words != 0 {
		s.step(uValueFork, now, (*sim).valueFork)
		s.step(uTopK, now, (*sim).topkStep)
		s.step(uRequant, now, (*sim).requantStep)
	}
	if s.due&rest == 0 {
		return nil
	}
	s.step(uDecide, now, (*sim).decideStep)
	s.step(uDot, now, (*sim).dotStep)
	s.step(uKeyReader, now, (*sim).readKeys)
	s.step(uKeyStage, now, (*sim).keyStep)
	if s.due&(1<<uAdmit) != 0 {
		s.moved = false
		if err := s.admit(now); err != nil {
			return err
		}
		if s.moved {
			s.after(uAdmit)
		}
	}
	return nil
}

// step steps a unit if it is due.
func (s *sim) step(u unit, now int64, f func(*sim, int64)) {
	if s.due>>u&1 == 0 {
		return
	}
	s.moved = false
	f(s, now)
	if s.moved {
		s.after(u)
	}
}

func (s *sim) readValues(now int64) { s.readStep(now, &s.value, uValueReader, uMultiply, uValueFork) }
func (s *sim) readKeys(now int64)   { s.readStep(now, &s.key, uKeyReader, uDot, uKeyStage) }

// readStep is a buffer's reader; user takes its lines, source announces matrices to it.
func (s *sim) readStep(now int64, b *buffer, self, user, source unit) {
	r := &b.reader
	announced := r.count
	s.moved = r.step(now, b)
	if s.moved {
		s.after(user)
	}
	if r.count != announced {
		s.same(source)
	}
	s.wake(self, r.next(now))
}

// stall notes that a cause of waiting holds at now; ready ends it.
func (s *sim) stall(now int64, cause Stall) {
	if s.waitsFrom[cause] < 0 {
		s.waitsFrom[cause] = now
	}
}

func (s *sim) ready(now int64, cause Stall) {
	if from := s.waitsFrom[cause]; from >= 0 {
		s.stalls[cause] += now - from
		s.waitsFrom[cause] = -1
	}
}

// hangs says what waits when nothing can move any more.
func (s *sim) hangs() error {
	return fmt.Errorf("the reference waits for ever: at cycle %d, %d of %d rows answered, nothing can move any more; "+
		"a fetch_rounding of %d avoids the known cases", s.now, s.answered, s.rows, 2*s.g.ports)
}

func (s *sim) result() Result {
	r := Result{Cycles: s.lastResponse, Rows: s.answered, DRAMReads: s.crossbar.reads(), DRAMBytes: s.crossbar.reads() * transaction,
		Stalls: s.stalls, Stepped: s.stepped}
	for i := range s.g.channels {
		r.ChannelReads = append(r.ChannelReads, s.channels[i].dram.Pushed())
		r.Channels = append(r.Channels, s.channels[i].dram.Stats())
	}
	return r
}
