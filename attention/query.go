package attention

import (
	"math"
	"slices"

	"spatten/attention/record"
	"spatten/tensor"
)

// query is one query of one head: scores, softmax, the decision about LSBs, the choice of values, their weighted sum.
func (w *work) query(t *worker, it *item, head, row int) {
	s := w.s
	d := s.shape.HeadDim
	at := row*s.shape.Heads*d + head*d
	p := &w.panels[s.shape.group(head)]
	n := int(w.see[row])
	hw := &w.perHead[head]
	q := &hw.queries[row]
	*q = record.Query{Keys: int32(n)}
	out := w.out[at : at+d]
	clear(out)
	if n == 0 {
		return
	}
	t.q = quantizeQuery(append(t.q[:0], w.q[at:at+d]...), s.schedule.Query.Bits.At(s.pass.layer))
	t.scores = slices.Grow(t.scores[:0], n)[:n]
	t.probs = slices.Grow(t.probs[:0], n)[:n]
	w.score(t, t.scores, p.high)
	copy(t.probs, t.scores)
	tensor.Softmax(t.probs)
	q.MaxProb = slices.Max(t.probs)
	w.progressive(t, it, p, q, head, row)
	if s.counts(s.pass.rows[row]) {
		tensor.Add(it.sums[:n], t.probs)
	}
	w.values(t, it, p, q, out, head, row)
	for _, v := range out {
		it.output += max(v, -v)
	}
	if s.wants.Probabilities {
		w.list(&hw.probs, t.probs, row)
	}
	if s.wants.Scores {
		w.list(&hw.scores, t.scores, row)
	}
}

// score writes q·k/√D of the keys that the query sees.
func (w *work) score(t *worker, dst, keys []float32) {
	tensor.DotRows(dst, t.q, keys)
	scale := float32(1 / math.Sqrt(float64(w.s.shape.HeadDim)))
	for i := range dst {
		dst[i] *= scale
	}
}

// progressive fetches least significant bits where the schedule asks for them and computes the probabilities once
// more (III-D): of all keys where the distribution is flat, or of the keys that scored best.
func (w *work) progressive(t *worker, it *item, p *panel, q *record.Query, head, row int) {
	k, layer := &w.s.schedule.Key, w.s.pass.layer
	threshold := k.Threshold.At(layer)
	if k.LSB.At(layer) == 0 {
		return
	}
	n := len(t.scores)
	switch {
	case k.Ask == AskKey:
		if threshold > 0 && q.MaxProb >= threshold {
			return
		}
		t.again = t.top.Select(t.again[:0], t.scores, max(1, floor(n, k.Share.At(layer))))
		d := w.s.shape.HeadDim
		scale := float32(1 / math.Sqrt(float64(d)))
		for _, i := range t.again {
			t.scores[i] = tensor.Dot(t.q, p.full[int(i)*d:(int(i)+1)*d]) * scale
			it.lsbs[i] = true
		}
		q.LSBs = int32(len(t.again))
		w.listRows(&w.perHead[head].lsbs, t.again, row)
	case q.MaxProb < threshold:
		w.score(t, t.scores, p.full)
		q.LSBs = int32(n)
		it.anyLSB = true
	default:
		return
	}
	copy(t.probs, t.scores)
	tensor.Softmax(t.probs)
}

// values multiplies the value rows with the largest probabilities (III-C).
func (w *work) values(t *worker, it *item, p *panel, q *record.Query, out []float32, head, row int) {
	n := len(t.probs)
	share := w.s.schedule.Values.At(w.s.pass.layer)
	keep := max(1, floor(n, share))
	q.Values = int32(keep)
	if keep >= n {
		q.Values = int32(n)
		tensor.WeightedSum(out, t.probs, p.v)
		if share < 1 {
			for i := range n {
				it.values[i] = true
			}
		}
		return
	}
	t.chosen = t.top.Select(t.chosen[:0], t.probs, keep)
	t.weights = t.weights[:0]
	var sum float32
	for _, i := range t.chosen {
		it.values[i] = true
		t.weights = append(t.weights, t.probs[i])
		sum += t.probs[i]
	}
	if w.s.schedule.Renormalize && sum > 0 {
		for i := range t.weights {
			t.weights[i] /= sum
		}
	}
	tensor.WeightedSumOf(out, t.weights, p.v, t.chosen)
	w.listRows(&w.perHead[head].values, t.chosen, row)
}

// quantizeQuery rounds a query to a linear symmetric scale of so many bits; 0 leaves it.
func quantizeQuery(q []float32, bits int) []float32 {
	if bits == 0 {
		return q
	}
	top := float32(0)
	for _, v := range q {
		top = max(top, v, -v)
	}
	if top == 0 {
		return q
	}
	levels := float64(uint32(1)<<(bits-1) - 1)
	scale := float64(top) / levels
	for i, v := range q {
		q[i] = float32(math.RoundToEven(float64(v)/scale) * scale)
	}
	return q
}
