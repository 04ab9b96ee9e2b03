package attention

import (
	"runtime"
	"sync/atomic"
)

// stage is what a part of a generated token's attention does.
type stage uint8

const (
	stageScores       stage = iota // the scores of a group's query heads over a segment of its keys
	stageExponentials              // those of one head
	stageChoose                    // LSBs and choice of values of a group, or of one head
	stageValues                    // a group's query heads over a block of its values
)

// part is one item of a generated token's attention.
type part struct {
	stage stage
	group int32
	index int32 // segment, head or block
}

// ready counts what is done for a group; groups do not share cache lines.
type ready struct {
	scored, exponentials, chosen atomic.Int32
	_                            [52]byte
}

// cutParts lists the parts in an order in which each comes after those that it needs. Of several threads groups are a stage apart: while one
// chooses for a group, which no other can share, another reads keys or values of its neighbours. One takes group after group, whose
// scores it finds in its cache.
func (w *work) cutParts(threads int) {
	g, groups := &w.step, len(w.l.groups)
	g.parts = g.parts[:0]
	for len(g.ready) < groups {
		g.ready = append(g.ready, ready{})
	}
	for i := range groups {
		g.ready[i].scored.Store(0)
		g.ready[i].exponentials.Store(0)
		g.ready[i].chosen.Store(0)
	}
	add := func(s stage, group, first, last int) {
		for i := first; i < last; i++ {
			g.parts = append(g.parts, part{s, int32(group), int32(i)})
		}
	}
	choose := func(group int) {
		first, last := w.choices(group)
		add(stageChoose, group, first, last)
	}
	if threads == 1 {
		for i := range groups {
			add(stageScores, i, 0, len(g.segments))
			add(stageExponentials, i, g.first[i], g.first[i+1])
			choose(i)
			add(stageValues, i, 0, g.blocks)
		}
		return
	}
	for i := range groups + 2 {
		if before := i - 1; before >= 0 && before < groups {
			add(stageExponentials, before, g.first[before], g.first[before+1])
		}
		if i < groups {
			add(stageScores, i, 0, len(g.segments))
		}
		if before := i - 1; before >= 0 && before < groups {
			choose(before)
		}
		if before := i - 2; before >= 0 {
			add(stageValues, before, 0, g.blocks)
		}
	}
}

// choices returns the heads for which a group's values are chosen one by one: the first for all of them where they choose together.
func (w *work) choices(group int) (first, last int) {
	first, last = w.step.first[group], w.step.first[group+1]
	if w.s.schedule.Choose == ByGroup {
		last = first + 1
	}
	return first, last
}

// part does one part, once what it needs is done. What it waits for has been begun: items are begun in order.
func (w *work) part(t *worker, p part) {
	g, group := &w.step, int(p.group)
	r := &g.ready[group]
	switch p.stage {
	case stageScores:
		w.segmentScores(t, group, int(p.index))
		r.scored.Add(1)
	case stageExponentials:
		await(&r.scored, len(g.segments))
		w.first(&g.perHead[p.index], int(p.index))
		r.exponentials.Add(1)
	case stageChoose:
		await(&r.exponentials, g.first[group+1]-g.first[group])
		if w.s.schedule.Choose == ByGroup {
			w.chooseGroup(t, group)
		} else {
			w.choose(t, int(p.index))
		}
		r.chosen.Add(1)
	case stageValues:
		first, last := w.choices(group)
		await(&r.chosen, last-first)
		w.blockValues(t, group, int(p.index))
	}
}

// await returns once so many are done.
func await(done *atomic.Int32, n int) {
	for spin := 1; int(done.Load()) < n; spin++ {
		if spin%4096 == 0 {
			runtime.Gosched()
		}
	}
}
