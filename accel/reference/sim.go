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
	machine Machine
	g       geometry
	obs     Observer
	rowsIn  func() (Row, error, bool)

	// admission
	offered, allocated *job
	offerAt            int64
	part               int
	rows               int
	ended              bool
	accepted           int
	inPair             bool
	leaving            ring[*job] // answered, in order
	keyAlloc           allocator
	lastRegion         int64
	lastStart          int
	batch              int32
	free               []*job

	keys     keyStage
	fetch    *fetch
	channels []channel
	realign  realign
	key      buffer
	value    buffer
	dot      dotTree
	decision decision
	requant  requantBuffer
	topk     topK
	values   valuePath

	reads        int64
	answered     int
	lastResponse int64
	moved        bool  // something changed in this cycle
	wake         int64 // earliest cycle at which time alone changes something
	waits        [numStalls]bool
	stalls       [numStalls]int64
	stepped      int64
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
	s.key, s.value = newBuffer(g.lines), newBuffer(g.lines)
	s.keys.decisions = newFIFO[pass](requestFIFO)
	s.decision.scores = newFIFO[beat](g.lines)
	s.requant.fifo = newFIFO[beat](16 * g.lines)
	s.topk.fifo = newFIFO[topKWord](g.lines)
	s.topk.lastPop = -1
	s.values.scores = newFIFO[beat](g.ports / g.lanes * maxFused * 8)
	s.channels = make([]channel, g.channels)
	for i := range s.channels {
		c, err := hbm.NewController(standard(), hbm.Options{Outstanding: outstanding})
		if err != nil {
			return nil, err
		}
		if obs.Command != nil {
			c.SetLog(func(sent hbm.Sent) { obs.Command(i, sent) })
		}
		s.channels[i] = channel{dram: c, locked: -1}
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

// run steps the cycles in which something can move. With every, it steps all of them.
func (s *sim) run(every bool) error {
	now := int64(0)
	for {

		s.moved, s.wake = false, never
		s.waits = [numStalls]bool{}
		if err := s.cycle(now); err != nil {
			return err
		}
		s.stepped++
		if s.ended && s.answered == s.rows && s.leaving.n == 0 {
			return nil
		}
		step := int64(1)
		if !s.moved {
			if s.wake == never {
				return s.hangs(now)
			}
			if !every {
				step = max(s.wake-now, 1)
			}
			if s.dot.stood {
				s.dot.frozen += step - 1
			}
			if s.decision.stood {
				s.decision.frozen += step - 1
			}
		}
		for i, w := range s.waits {
			if w {
				s.stalls[i] += step
			}
		}
		now += step
	}
}

// cycle is one cycle: stages from the last to the first.
func (s *sim) cycle(now int64) error {
	s.multiply(now)
	if s.value.reader.step(now, &s.value) {
		s.moved = true
	}
	if s.value.write(now) {
		s.moved = true
	}
	if s.key.write(now) {
		s.moved = true
	}
	s.wakeAt(s.value.reader.next(now))
	s.respond(now)
	s.answers(now)
	s.memory(now)
	s.addresses(now)
	s.load(now)
	s.arbitrate(now)
	s.valueFork(now)
	s.topkStep(now)
	s.requantStep(now)
	s.decideStep(now)
	s.dotStep(now, s.offerScore)
	s.settleMaximum()
	if s.key.reader.step(now, &s.key) {
		s.moved = true
	}
	s.wakeAt(s.key.reader.next(now))
	s.keyStep(now)
	if now < s.key.initDone && (s.key.busy || s.value.busy) {
		s.wakeAt(s.key.initDone)
	}
	return s.admit(now)
}

func (s *sim) wakeAt(at int64) { s.wake = min(s.wake, at) }

func (s *sim) stall(_ int64, cause Stall) { s.waits[cause] = true }

func (s *sim) event(now int64, kind Kind, j *job, flags int) {
	if s.obs.Event != nil {
		s.obs.Event(now, kind, j.id, flags)
	}
}

// hangs says what waits when nothing can move any more.
func (s *sim) hangs(now int64) error {
	return fmt.Errorf("the reference waits for ever: at cycle %d, %d of %d rows answered, nothing can move any more; "+
		"a fetch_rounding of %d avoids the known cases", now, s.answered, s.rows, 2*s.g.ports)
}

func (s *sim) result() Result {
	r := Result{Cycles: s.lastResponse, Rows: s.answered, DRAMReads: s.reads, DRAMBytes: s.reads * transaction,
		Stalls: s.stalls, Stepped: s.stepped}
	for i := range s.channels {
		r.ChannelReads = append(r.ChannelReads, s.channels[i].reads)
		r.Channels = append(r.Channels, s.channels[i].dram.Stats())
	}
	return r
}
