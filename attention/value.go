package attention

import (
	"math"

	"spatten/attention/kernel"
	"spatten/attention/record"
)

// cutValues leaves one query only the largest probabilities of its n keys: the values of the others are not
// multiplied (III-C). row is padded with zeros.
func (w *work) cutValues(t *worker, it *item, q *record.Query, row []float32, n, head, r int) {
	share := w.s.schedule.Values.At(w.s.pass.layer)
	keep := max(1, floor(n, share))
	if q.Values = int32(min(keep, n)); keep >= n {
		if share < 1 {
			for i := range n {
				it.values[i] = 1
			}
		}
		return
	}
	kth, equals := t.top.Threshold(row[:n], keep)
	if kernel.Count(row[:n], below(kth)) > keep {
		for i, v := range row[:n] { // of equals at the cut the leftmost stay
			if v == kth {
				if equals--; equals < 0 {
					row[i] = -1
				}
			}
		}
	}
	if w.s.listsRows() {
		t.chosen = room(t.chosen, n+kernel.Lanes)
		w.listRows(&w.perHead[head].values, t.chosen[:kernel.Above(t.chosen, row[:n], kth, nil)], r)
	}
	sum := kernel.Cut(row, kth, it.values)
	if w.s.schedule.Renormalize && sum > 0 {
		kernel.Scale(row, 1/sum)
	}
}

// below returns the next number under v.
func below(v float32) float32 { return math.Nextafter32(v, -inf) }
