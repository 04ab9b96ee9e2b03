package accel

import (
	"spatten/accel/config"
	"spatten/accel/pipe"
)

// advance lets every unit go as far as what is known allows.
func (s *sim) advance() {
	for s.stepFront() || s.stepBack() || s.stepSum() || s.stepClose() {
	}
	s.wake = -1
}

// stepFront takes one row through Q×K, the softmax and the decision: a second pass before a first one.
func (s *sim) stepFront() bool {
	if len(s.pending) > 0 && s.pending[0].taken && (s.pending[0].job == nil || s.pending[0].job.Done >= 0) {
		s.secondPass()
		return true
	}
	for s.queue.has(s.front.item) && s.queue.at(s.front.item).kind != visitItem {
		s.front = place{item: s.front.item + 1}
	}
	if !s.queue.has(s.front.item) {
		return false
	}
	it := s.queue.at(s.front.item)
	if s.front.query == len(it.queries) {
		s.front = place{item: s.front.item + 1}
		return true
	}
	if it.dep >= s.closing || it.kJob.Done <= 0 || it.qJob.Done <= 0 {
		return false
	}
	reorder := int64(s.machine.Requant.ReorderRows)
	slot, known := s.fills.at(s.frontRow - reorder)
	if !known {
		return false // the row that long before is being computed again
	}
	q := &it.queries[s.front.query]
	ready := max(s.barrierEnd, it.qJob.Lines.First)
	if it.progressive() {
		decided, _ := s.decisions.at(s.frontRow - reorder)
		ready = max(ready, decided)
	}
	lines := it.kJob.Lines.Delay(s.machine.KeySRAM.WriteDelay)
	if len(s.pending) > 0 && s.pending[0].report <= max(ready, s.qk.Free(), lines.First) {
		return false // the second pass goes first
	}
	q.accept = max(ready, s.qk.Free(), lines.First)
	out := s.pass(it, q, q.keys, ready, lines, slot+1, q.recomputed)
	if q.recomputed {
		s.askLSBs(it, q, s.requant.Report(out))
	} else {
		q.decided, q.final = out, true
		it.kFree = max(it.kFree, s.qk.Free())
		if it.progressive() {
			it.kFree = max(it.kFree, out.First)
		}
	}
	s.frontRow++
	s.front.query++
	return true
}

// pass takes a row of which keys keys are multiplied through Q×K, softmax and decision.
func (s *sim) pass(it *item, q *query, keys, ready int64, lines pipe.Arrival, slot int64, drop bool) pipe.Span {
	dim := s.run.HeadDim
	scores := s.qk.Row(keys, dim, ready, lines, s.softmax.Until(q.keys))
	probs := s.softmax.Row(q.keys, scores, s.requant.Until())
	out := s.requant.Row(q.keys, probs, slot, drop)
	if s.watch != nil {
		latency := s.qk.Latency(dim)
		name := rowName{it, q}
		s.slice(TrackQK, scores.First-int64(latency), scores.Last-int64(latency), name.String())
		s.slice(TrackDivide, probs.First, probs.Last, name.String())
		s.slice(TrackDecision, out.First, out.Last, name.String())
	}
	return out
}

// askLSBs queues a second pass.
func (s *sim) askLSBs(it *item, q *query, report int64) {
	a := again{place: place{s.front.item, s.front.query}, report: report}
	if len(it.lsbJobs) == 0 {
		it.lsbJobs = sized(it.lsbJobs, 1+len(it.queries))
	}
	switch whole := &it.lsbJobs[0]; {
	case q.lsbs < q.keys && q.lsbRows[1] > q.lsbRows[0]:
		a.job = &it.lsbJobs[1+s.front.query]
		s.rowsJob(a.job, it, it.positions[q.lsbRows[0]:q.lsbRows[1]])
	case whole.Count > 0:
		a.job, a.taken = whole, true // an earlier query of the visit asked for them
	default:
		a.job = whole
		s.rowsJob(a.job, it, it.positions[:it.keys])
	}
	s.pending = append(s.pending, a)
}

// secondPass computes the oldest pending query again, with its LSBs.
func (s *sim) secondPass() {
	a := s.pending[0]
	s.pending = s.pending[:copy(s.pending, s.pending[1:])]
	it := s.queue.at(a.item)
	q := &it.queries[a.query]
	lines := a.job.Lines.Delay(s.machine.KeySRAM.WriteDelay)
	out := s.pass(it, q, q.lsbs, a.report, lines, pipe.Never, false)
	q.decided, q.final = out, true
	it.kFree = max(it.kFree, s.qk.Free())
}

// long reports whether keys exceed a half of the K SRAM. Such a visit uses both halves: in generation as a ring whose
// filling follows the reading; in summarization the queries run over tiles of keys, and scores and probabilities go
// through memory between the tiles.
func long(m *config.Machine, keys int64, dim int) bool {
	words := int64(m.KeySRAM.Bytes) * 8 / int64(m.KeySRAM.WordBits)
	if m.KeySRAM.Double {
		words /= 2
	}
	return keys*int64(dim) > words
}

func (s *sim) long(it *item) bool { return long(s.machine, it.keys, s.run.HeadDim) }
