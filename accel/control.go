package accel

import (
	"context"
	"errors"
	"fmt"
	"math"

	"spatten/accel/fetch"
	"spatten/accel/pipe"
	"spatten/accel/qk"
)

// prefetched is how many visits, FC layers and rankings the controller knows ahead of the fetcher.
const prefetched = 4

// simulate runs the program to its end.
func (s *sim) simulate(ctx context.Context, progress func(cycle int64)) error {
	var tick int
	for {
		for !s.over && s.nextKey+prefetched >= s.queue.end() {
			if _, err := s.extend(); err != nil {
				return err
			}
			s.advance()
		}
		now := s.memory.Now()
		if s.memory.Free() && s.wake <= now {
			if s.grant(now) {
				continue
			}
		}
		if s.memory.Idle() {
			if s.wake == pipe.Forever {
				if s.over && s.closing == s.queue.end() {
					return nil
				}
				return errors.New("accel: the machine waits for itself; this is an error of the simulator")
			}
			s.memory.Skip(s.wake)
			continue
		}
		if s.watch != nil && now&(sampled-1) == 0 {
			s.sample(now)
		}
		if done := s.memory.Step(); len(done) > 0 {
			if s.watch != nil {
				for _, j := range done {
					s.slice(TrackFetch, j.Granted, j.Issued, j.Kind.String())
				}
			}
			s.advance()
			s.retire()
			if tick++; tick&1023 == 0 {
				if err := ctx.Err(); err != nil {
					return fmt.Errorf("accel: stopped in cycle %d: %w", s.memory.Now(), err)
				}
				if progress != nil {
					progress(s.memory.Now())
				}
			}
		}
	}
}

// grant gives the fetcher the job that has waited longest, and otherwise notes when there will be one. Jobs that became
// ready in the same cycle go in the order query, LSBs, values, keys, weights, outputs.
func (s *sim) grant(now int64) bool {
	best, kind := pipe.Forever, fetch.Kinds
	offer := func(ready int64, ok bool, k fetch.Kind) {
		if ok && ready < best {
			best, kind = ready, k
		}
	}
	ready, ok := s.queryReady()
	offer(ready, ok, fetch.Query)
	if i := s.untaken(); i >= 0 {
		offer(s.pending[i].report, true, fetch.LSB)
	}
	ready, ok = s.valueReady()
	offer(ready, ok, fetch.Value)
	ready, ok = s.keyReady()
	offer(ready, ok, fetch.Key)
	if s.machine.FC.Enabled {
		ready, ok = s.weightReady()
		offer(ready, ok, fetch.Weight)
	}
	ready, ok = s.writeReady()
	offer(ready, ok, fetch.Write)
	if best > now {
		s.wake = best
		return false
	}
	s.wake = -1
	switch kind {
	case fetch.Query:
		s.takeQuery()
	case fetch.LSB:
		a := &s.pending[s.untaken()]
		a.taken = true
		s.memory.Take(a.job)
	case fetch.Value:
		s.takeValue()
	case fetch.Key:
		s.takeKey()
	case fetch.Weight:
		s.takeWeight()
	case fetch.Write:
		s.takeWrite()
	}
	return true
}

func (s *sim) untaken() int {
	for i := range s.pending {
		if !s.pending[i].taken {
			return i
		}
	}
	return -1
}

// next moves an item's number on to the next item of a kind that the stage wants.
func (s *sim) next(at *int64, want func(*item) bool) *item {
	*at = max(*at, s.queue.base)
	for s.queue.has(*at) {
		if it := s.queue.at(*at); want(it) {
			return it
		}
		*at++
	}
	return nil
}

func isVisit(it *item) bool    { return it.kind == visitItem }
func isResident(it *item) bool { return it.kind == visitItem && it.resident() }
func isFC(it *item) bool       { return it.kind == fcItem }

// data gives the cycle from which what an item waits for exists.
func (s *sim) data(it *item) (int64, bool) { return s.barrierEnd, it.dep < s.closing }

// keyReady: half of the K SRAM is free, and the ids of the live tokens are known (in summarization: K exists).
func (s *sim) keyReady() (int64, bool) {
	it := s.next(&s.nextKey, isVisit)
	if it == nil {
		return 0, false
	}
	back := int64(2)
	if !s.machine.KeySRAM.Double || s.long(it) || it.afterLong {
		back = 1
	}
	free, ok := s.keyFree.at(it.number - back)
	if !ok {
		return 0, false
	}
	if !it.generation || s.long(it) {
		at, ok := s.data(it)
		return max(free, at), ok
	}
	return max(free, s.rankEnd), it.fetchDep < s.closing
}

func (s *sim) takeKey() {
	it := s.queue.at(s.nextKey)
	j := &it.kJob
	*j = fetch.Job{Kind: fetch.Key, Base: region(&s.run, it.layer, it.group, fetch.Key), RowBytes: s.rowBytes(int(it.bits.KeyMSB), int(it.bits.KeyScale)),
		Rows: it.positions[:it.keys], Count: it.keys, PerLine: qk.Lanes(s.machine.QK.Multipliers, s.run.HeadDim)}
	s.nextKey++
	s.memory.Take(j)
}

// queryReady: the layer's inputs exist and a register is free.
func (s *sim) queryReady() (int64, bool) {
	it := s.next(&s.nextQuery, isVisit)
	if it == nil {
		return 0, false
	}
	free, ok := s.keyFree.at(it.number - 2)
	at, exists := s.data(it)
	return max(free, at), ok && exists
}

func (s *sim) takeQuery() {
	it := s.queue.at(s.nextQuery)
	n := int64(len(it.queries))
	it.qJob = fetch.Job{Kind: fetch.Query, Base: 1 << 32, First: s.visitRows(it), RowBytes: s.rowBytes(int(it.bits.Query), 0), Count: n, PerLine: 1}
	s.nextQuery++
	s.memory.Take(&it.qJob)
}

// visitRows spreads the visits' queries and outputs over memory.
func (s *sim) visitRows(it *item) int64 { return it.queries[0].row & (1<<20 - 1) }

// valueReady: in generation the first ids of the list have come out of the engine, in summarization V exists; and half
// of the V SRAM is free.
func (s *sim) valueReady() (int64, bool) {
	free, ok := s.valFree.at(s.valCount - 2)
	if !ok {
		return 0, false
	}
	if len(s.lists) > 0 {
		p := s.lists[0]
		it := s.queue.at(p.item)
		return max(free, it.queries[p.query].ids.First+int64(s.machine.Fetch.RequestCycles)), true
	}
	it := s.next(&s.nextValue, isResident)
	if it == nil {
		return 0, false
	}
	at, exists := s.data(it)
	return max(free, at), exists
}

func (s *sim) takeValue() {
	s.valCount++
	lanes := qk.Lanes(s.machine.PV.Multipliers, s.run.HeadDim)
	if len(s.lists) == 0 {
		it := s.queue.at(s.nextValue)
		it.vJob = fetch.Job{Kind: fetch.Value, Base: region(&s.run, it.layer, it.group, fetch.Value), RowBytes: s.rowBytes(int(it.bits.Value), int(it.bits.ValScale)),
			Rows: it.positions[:it.keys], Count: it.keys, PerLine: lanes}
		s.nextValue++
		s.memory.Take(&it.vJob)
		return
	}
	p := s.lists[0]
	s.lists = s.lists[:copy(s.lists, s.lists[1:])]
	it := s.queue.at(p.item)
	q := &it.queries[p.query]
	if len(it.valJobs) == 0 {
		it.valJobs = sized(it.valJobs, len(it.queries))
	}
	j := &it.valJobs[p.query]
	*j = fetch.Job{Kind: fetch.Value, Base: region(&s.run, it.layer, it.group, fetch.Value), RowBytes: s.rowBytes(int(it.bits.Value), int(it.bits.ValScale)),
		Rows: it.positions[q.rows[0]:q.rows[1]], Count: q.fresh, PerLine: lanes, IDs: q.ids.Delay(s.machine.Fetch.RequestCycles)}
	s.memory.Take(j)
}

// weightReady: weights stream behind those of the product before, of which two may be unfinished. During attention the
// SRAMs are K's and V's, so that a product after it has its weights fetched when attention is over.
func (s *sim) weightReady() (int64, bool) {
	it := s.next(&s.nextWeight, isFC)
	if it == nil {
		return 0, false
	}
	if at := s.nextWeight - 1; at < s.queue.base || s.queue.at(at).kind != fcItem {
		return s.data(it)
	}
	return s.fcEnds.at(s.fcCount - 2)
}

func (s *sim) takeWeight() {
	it := s.queue.at(s.nextWeight)
	bits := it.fc.WeightBits
	if s.machine.FC.WeightBits > 0 {
		bits = float32(s.machine.FC.WeightBits)
	}
	line := int64(math.Ceil(float64(bits) * float64(s.fc.PerLine()) / 8))
	n := pipe.CeilDiv(int64(it.fc.In)*int64(it.fc.Out), s.fc.PerLine())
	it.weightJob = fetch.Job{Kind: fetch.Weight, Base: 2<<32 + uint64(s.fcCount%64)<<24, RowBytes: line, Count: n, PerLine: 1}
	s.nextWeight++
	s.fcCount++
	s.memory.Take(&it.weightJob)
}

// writeReady: the outputs of a visit are complete.
func (s *sim) writeReady() (int64, bool) {
	it := s.next(&s.nextWrite, isVisit)
	if it == nil || s.nextWrite >= s.closing {
		return 0, false
	}
	return it.end, true
}

// takeWrite writes a visit's outputs, and the rows of K and V that its pass adds.
func (s *sim) takeWrite() {
	it := s.queue.at(s.nextWrite)
	out := s.rowBytes(s.machine.ValSRAM.WordBits, 0)
	kv := s.rowBytes(int(it.bits.KeyMSB)+int(it.bits.KeyLSB), 0) + s.rowBytes(int(it.bits.Value), 0)
	it.writeJob = fetch.Job{Kind: fetch.Write, Base: 3 << 32, First: s.visitRows(it), RowBytes: out, PerLine: 1,
		Count: int64(len(it.queries)) + pipe.CeilDiv(kv*it.newRows, out)}
	s.nextWrite++
	s.memory.Take(&it.writeJob)
}

// rowsJob prepares a fetch of LSBs. Where the keys exceed a half of the K SRAM their MSBs are gone and come again.
func (s *sim) rowsJob(j *fetch.Job, it *item, rows []int32) {
	bits := int(it.bits.KeyLSB)
	if s.long(it) {
		bits += int(it.bits.KeyMSB)
	}
	*j = fetch.Job{Kind: fetch.LSB, Base: region(&s.run, it.layer, it.group, fetch.LSB), RowBytes: s.rowBytes(bits, 0),
		Rows: rows, Count: int64(len(rows)), PerLine: qk.Lanes(s.machine.QK.Multipliers, s.run.HeadDim), Done: -1}
}

// rowBytes is what one row of D numbers takes in memory, in whole bytes.
func (s *sim) rowBytes(bits, scale int) int64 {
	return max(1, pipe.CeilDiv(int64(s.run.HeadDim)*int64(bits)+int64(scale), 8))
}

// retire gives up items whose outputs are written.
func (s *sim) retire() {
	for s.retiring < s.closing {
		it := s.queue.at(s.retiring)
		if it.kind == visitItem && it.writeJob.Done <= 0 {
			break
		}
		s.account(it)
		s.retiring++
	}
	s.queue.release(s.retiring)
}
