package attention

import "spatten/tensor"

// attendByHead runs the heads in order and ranks before each of them but the first, on the scores accumulated so
// far: what falls is gone for the following heads and layers ("in both head-wise and layer-wise granularity", III-A). The share
// falls evenly over the heads, from the layer's own to the next layer's.
func (s *Sequence) attendByHead(cpu *tensor.CPU, l *layer) {
	w := &s.work
	for len(l.until) < len(l.positions) {
		l.until = append(l.until, int16(s.shape.Heads))
	}
	for i, h := range l.heads {
		w.index, w.positions = w.index[:0], w.positions[:0]
		for row, p := range l.positions {
			if l.until[row] > int16(h) {
				w.index = append(w.index, int32(row))
				w.positions = append(w.positions, p)
			}
		}
		if i > 0 {
			s.fall(l, h, float64(i)/float64(len(l.heads)))
		}
		w.hide()
		s.run(cpu, l.heads[i:i+1], w.positions)
		s.settle(l.heads[i:i+1], w.positions, true)
		w.dead = w.dead[:0]
	}
}

// fall ranks the rows in work.index before head h and marks those that fall.
func (s *Sequence) fall(l *layer, h int32, progress float64) {
	w := &s.work
	next := min(s.pass.layer+1, s.shape.Layers-1)
	here, there := s.schedule.keep(s.pass.layer, s.length), s.schedule.keep(next, s.length)
	keep := max(1, here-int(float64(here-there)*progress))
	if keep >= len(w.index) {
		return
	}
	r := &w.rank
	r.live = append(r.live[:0], w.positions...)
	s.rankTokens(s.pass.layer+1, keep)
	to, at := 0, 0
	for i, p := range w.positions {
		if at < len(r.live) && r.live[at] == p {
			w.index[to], w.positions[to] = w.index[i], p
			to++
			at++
			continue
		}
		l.until[w.index[i]] = int16(h)
	}
	w.index, w.positions = w.index[:to], w.positions[:to]
}

// hide marks the rows of the batch whose tokens have fallen before the head that runs next; their outputs are zero.
func (w *work) hide() {
	p := &w.s.pass
	w.dead = room(w.dead, len(p.rows))
	at := 0
	for i, row := range p.rows {
		own := int32(p.first) + row
		for at < len(w.positions) && w.positions[at] < own {
			at++
		}
		w.dead[i] = at == len(w.positions) || w.positions[at] != own
	}
}
