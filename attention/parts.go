package attention

import (
	"runtime"
	"sync/atomic"
)

// stage is what a part of a generated token's attention does.
type stage uint8

const (
	stageScores stage = iota // the scores of a group's query heads over a segment of its keys
	stageChoose              // probabilities, LSBs and choice of values of a group, or of one head
	stageValues              // a group's query heads over a block of its values
)

// part is one item of a generated token's attention.
type part struct {
	stage stage
	group int32
	index int32 // segment, head or block
}

// ready counts what is done for a group; groups do not share cache lines.
type ready struct {
	scored, chosen atomic.Int32
	_              [56]byte
}

// cutParts lists the parts in an order in which each comes after those that it needs. Groups are a stage apart: while one thread chooses for
// a group, which no other can share, another reads keys or values of its neighbours.
func (w *work) cutParts() {
	g, groups := &w.step, len(w.l.groups)
	g.parts = g.parts[:0]
	for len(g.ready) < groups {
		g.ready = append(g.ready, ready{})
	}
	for i := range groups {
		g.ready[i].scored.Store(0)
		g.ready[i].chosen.Store(0)
	}
	add := func(s stage, group, first, last int) {
		if group < 0 || group >= groups {
			return
		}
		for i := first; i < last; i++ {
			g.parts = append(g.parts, part{s, int32(group), int32(i)})
		}
	}
	for i := range groups + int(stageValues) {
		add(stageScores, i, 0, len(g.segments))
		if at := i - int(stageChoose); at >= 0 && at < groups {
			first, last := w.choices(at)
			add(stageChoose, at, first, last)
		}
		add(stageValues, i-int(stageValues), 0, g.blocks)
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
	case stageChoose:
		await(&r.scored, len(g.segments))
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
