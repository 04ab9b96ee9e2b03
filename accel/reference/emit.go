package reference

import "container/heap"

// emitted puts handshakes in order before the observer sees them: some are known before their cycle. Those of one
// cycle come in the order in which they became known.
type emitted struct {
	waiting []handshake
	n       int64
}

type handshake struct {
	cycle, n  int64
	kind      Kind
	id, flags int
}

func (e *emitted) Len() int { return len(e.waiting) }
func (e *emitted) Less(i, j int) bool {
	a, b := &e.waiting[i], &e.waiting[j]
	return a.cycle < b.cycle || a.cycle == b.cycle && a.n < b.n
}
func (e *emitted) Swap(i, j int) { e.waiting[i], e.waiting[j] = e.waiting[j], e.waiting[i] }
func (e *emitted) Push(x any)    { e.waiting = append(e.waiting, x.(handshake)) }
func (e *emitted) Pop() any {
	last := e.waiting[len(e.waiting)-1]
	e.waiting = e.waiting[:len(e.waiting)-1]
	return last
}

// event notes a handshake at now, which may be to come.
func (s *sim) event(now int64, kind Kind, j *job, flags int) {
	if s.obs.Event != nil {
		s.events.add(now, kind, j.id, flags)
	}
}

func (e *emitted) add(now int64, kind Kind, id, flags int) {
	heap.Push(e, handshake{now, e.n, kind, id, flags})
	e.n++
}

// emit shows the observer what happened before a cycle.
func (s *sim) emit(before int64) {
	for e := &s.events; len(e.waiting) > 0 && e.waiting[0].cycle < before; {
		h := heap.Pop(e).(handshake)
		s.obs.Event(h.cycle, h.kind, h.id, h.flags)
	}
}
