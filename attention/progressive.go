package attention

import (
	"math"
	"slices"

	"spatten/attention/kernel"
	"spatten/attention/record"
)

// progressive turns one query's scores from most significant bits into probabilities. Where the schedule asks for it, it
// fetches least significant bits and computes once more (III-D): of all keys where the distribution is flat, or of the
// keys that scored best. It returns the largest probability of the first round.
func (w *work) progressive(t *worker, it *item, p *panel, q *record.Query, row []float32, head, r, query int) float32 {
	s, layer := w.s, w.s.pass.layer
	n, k := int(q.Keys), &w.s.schedule.Key
	threshold := k.Threshold.At(layer)
	if s.wants.Scores {
		copy(w.perHead[head].scores[w.starts[r]:], row[:n])
	}
	byKey := k.Ask == AskKey && k.LSB.At(layer) > 0
	if byKey {
		t.weights = append(t.weights[:0], row[:n]...)
	}
	_, first := softmax(row, row, n)
	coded := w.coded(s.shape.group(head))
	switch {
	case byKey && !(threshold > 0 && first >= threshold):
		t.chosen = t.top.Select(t.chosen[:0], t.weights, max(1, floor(n, k.Share.At(layer))))
		again, _ := slices.BinarySearch(t.chosen, int32(coded)) // what waits for its block is read in full anyway
		full := t.full[query*len(row) : (query+1)*len(row)]
		w.finishScores(t, full, n, query, p, true)
		for _, i := range t.chosen[:again] {
			t.weights[i] = full[i]
			it.lsbs[i] = 1
		}
		copy(row, t.weights)
		q.LSBs = int32(again)
		w.listRows(&w.perHead[head].lsbs, t.chosen[:again], r)
	case !byKey && k.LSB.At(layer) > 0 && first < threshold:
		w.tileScores(row, len(row), t.q[query*s.shape.HeadDim:(query+1)*s.shape.HeadDim], 1, p.full)
		w.finishScores(t, row, n, query, p, true)
		q.LSBs = int32(min(n, coded))
		it.anyLSB = true
	default:
		return first
	}
	for i := n; i < kernel.Pad(n); i++ {
		row[i] = -inf
	}
	if s.wants.Scores {
		copy(w.perHead[head].scores[w.starts[r]:], row[:n])
	}
	softmax(row, row, n)
	return first
}

// coded returns how many of a group's live keys are in bit planes.
func (w *work) coded(g int) int {
	coded := w.l.keys[g].Coded()
	if w.index == nil {
		return coded
	}
	n, _ := slices.BinarySearch(w.index, int32(coded))
	return n
}

// quantizeQuery rounds a query to a linear symmetric scale of so many bits; 0 leaves it.
func quantizeQuery(q []float32, bits int) {
	if bits == 0 {
		return
	}
	top := float32(0)
	for _, v := range q {
		top = max(top, v, -v)
	}
	if top == 0 {
		return
	}
	levels := float64(uint32(1)<<(bits-1) - 1)
	scale := float64(top) / levels
	for i, v := range q {
		q[i] = float32(math.RoundToEven(float64(v)/scale) * scale)
	}
}
