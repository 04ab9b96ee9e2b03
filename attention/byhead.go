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
		s.hide(h)
		s.run(cpu, l, l.heads[i:i+1], w.positions)
		s.settle(l.heads[i:i+1], w.positions, true)
		s.unhide()
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

// hide takes the rows of the batch whose tokens have fallen before head h out of the pass while the head runs; their
// outputs are zero.
func (s *Sequence) hide(h int32) {
	w, d := &s.work, s.shape.HeadDim
	w.alive = cleared(w.alive, len(s.pass.rows))
	at := 0
	for i, row := range s.pass.rows {
		own := int32(s.pass.first) + row
		for at < len(w.positions) && w.positions[at] < own {
			at++
		}
		if at < len(w.positions) && w.positions[at] == own {
			w.alive[i] = 1
			continue
		}
		from := i*s.shape.Heads*d + int(h)*d
		clear(w.out[from : from+d])
	}
}

// unhide ends what hide began.
func (s *Sequence) unhide() { s.work.alive = s.work.alive[:0] }
