package accel

import (
	"spatten/accel/pipe"
	"spatten/attention/record"
)

// stepBack takes one decided row through the local value selection, in the order of the queries.
func (s *sim) stepBack() bool {
	for s.queue.has(s.back.item) && s.queue.at(s.back.item).kind != visitItem {
		s.back = place{item: s.back.item + 1}
	}
	if !s.queue.has(s.back.item) {
		return false
	}
	it := s.queue.at(s.back.item)
	if s.back.query == len(it.queries) {
		s.keyFree.add(it.kFree)
		s.back = place{item: s.back.item + 1}
		return true
	}
	q := &it.queries[s.back.query]
	if !q.final {
		return false
	}
	if q.selects {
		filled := s.values.Fill(q.keys, q.decided, s.machine.Softmax.Parallelism)
		q.ids = s.values.Row(q.keys, filled, q.work)
		s.fills.add(filled)
		if s.watch != nil {
			name := rowName{it, q}.String()
			s.slice(TrackSelect, filled+1, s.values.Free()-1, name)
			s.slice(TrackFilter, s.values.Free(), q.ids.Last, name)
		}
	} else {
		q.ids = s.values.Bypass(q.decided)
		s.fills.add(q.ids.Last)
	}
	s.decisions.add(q.decided.First)
	s.scored = max(s.scored, s.acc.Probabilities(q.keys, q.decided))
	if it.generation && q.fresh > 0 {
		s.lists = append(s.lists, s.back)
	}
	s.back.query++
	return true
}

// stepSum takes one row through probability × V.
func (s *sim) stepSum() bool {
	for s.queue.has(s.summing.item) && s.queue.at(s.summing.item).kind != visitItem {
		s.summing = place{item: s.summing.item + 1}
	}
	if !s.queue.has(s.summing.item) || !s.summing.before(s.back) {
		return false
	}
	it := s.queue.at(s.summing.item)
	if s.summing.query == len(it.queries) {
		s.summing = place{item: s.summing.item + 1}
		return true
	}
	q := &it.queries[s.summing.query]
	arrival := pipe.Start()
	fetched := false
	if it.resident() {
		if it.vJob.Done <= 0 {
			return false
		}
		arrival = it.vJob.Lines
		fetched = s.summing.query == len(it.queries)-1
	} else if q.fresh > 0 {
		if len(it.valJobs) == 0 || it.valJobs[s.summing.query].Done <= 0 {
			return false
		}
		job := &it.valJobs[s.summing.query]
		arrival, fetched = job.Lines, true
	}
	q.output = q.ids.Last
	if q.values > 0 {
		dim := s.run.HeadDim
		lines := s.pv.Lines(q.values, q.keys, dim, it.generation)
		q.output = s.pv.Row(q.values, lines, dim, q.ids, arrival.Delay(s.machine.ValSRAM.WriteDelay))
		s.acc.Output(dim, q.output)
		if s.watch != nil {
			last := q.output - int64(s.pv.Latency(dim))
			s.slice(TrackPV, last-lines+1, last, rowName{it, q}.String())
		}
	}
	if fetched {
		s.valFree.add(s.pv.Free())
	}
	s.summing.query++
	return true
}

// stepClose makes the next item final if it is.
func (s *sim) stepClose() bool {
	if !s.queue.has(s.closing) {
		return false
	}
	it := s.queue.at(s.closing)
	end := s.cycle
	switch it.kind {
	case visitItem:
		if s.summing.item <= s.closing {
			return false
		}
		for i := range it.queries {
			end = max(end, it.queries[i].output)
		}
	case fcItem:
		if it.weightJob.Done <= 0 {
			return false
		}
		end = s.fc.Product(int64(it.fc.Rows), int64(it.fc.In), int64(it.fc.Out), s.cycle+1, it.weightJob.Lines)
		s.fcEnds.add(end)
		if s.watch != nil {
			s.slice(TrackFC, s.cycle+1, end, fcName(it.fc.Kind))
		}
	case rankItem:
		end = max(end, s.rankEndOf(it))
		s.rankEnd = end
	}
	it.end = end
	s.layerDone(it, end-s.cycle)
	s.cycle = end
	if it.barrier {
		s.barrierEnd = end
	}
	s.closing++
	return true
}

// rankEndOf ranks tokens as soon as their scores are up to date, heads when the last output is.
func (s *sim) rankEndOf(it *item) int64 {
	ready := s.scored
	if it.rank.Kind == record.RankHeads {
		ready = s.cycle + 1
	}
	n := int64(it.rank.Candidates)
	if it.work.Rounds == 0 || n == 0 {
		return ready
	}
	filled := s.tokens.Fill(n, pipe.Span{First: ready, Last: ready}, s.machine.TopK.Comparators)
	ids := s.tokens.Row(n, filled, it.work)
	if s.watch != nil {
		start := filled - pipe.CeilDiv(n, int64(s.machine.TopK.Comparators)) + 1
		s.slice(TrackRank, start, s.tokens.Free()-1, "rank")
	}
	return ids.Last
}

func (p place) before(o place) bool {
	return p.item < o.item || p.item == o.item && p.query < o.query
}
