package attention

import (
	"fmt"
	"math"

	"spatten/attention/fixed"
	"spatten/attention/quant"
	"spatten/attention/record"
	"spatten/tensor"
)

// Numerics says what computes scores, probabilities and outputs.
type Numerics string

// Float is the arithmetic of the kernels; Hardware that of the accelerator's datapath, bit by bit (package fixed and
// docs/fixed-point.md): 12-bit codes, a Taylor exponential, rounded probabilities.
const (
	Float    Numerics = ""
	Hardware Numerics = "hardware"
)

// check reports what the datapath does not do.
func (n Numerics) check(s *Schedule, shape Shape) error {
	switch {
	case n != Float && n != Hardware:
		return fmt.Errorf("attention: numerics %q; there are %q and float, which is empty", n, Hardware)
	case n == Float:
		return nil
	case s.Key.Ask == AskKey || s.Choose == ByGroup || len(s.Mass) > 0 || s.Rest != "":
		return fmt.Errorf("attention: the hardware asks for LSBs and chooses values by query and head; a schedule with ask: key, choose: group, mass or rest runs on float numerics")
	case shape.HeadDim > fixed.MaxDim:
		return fmt.Errorf("attention: the hardware's adder tree ends at a head width of %d, this model has %d", fixed.MaxDim, shape.HeadDim)
	}
	return nil
}

// codePanel is one key/value head's rows as the datapath reads them: 12-bit codes with a scale a row.
type codePanel struct {
	high, both, v                []int16
	highScale, bothScale, vScale []float32
	full                         []int16 // both, or high where there is one plane
	fullScale                    []float32
}

// hardware attends with all queries on the datapath's arithmetic.
func (w *work) hardware(cpu *tensor.CPU) {
	s := w.s
	if w.codes == nil {
		w.codes = make([]codePanel, s.shape.KVHeads)
	}
	w.do(cpu, jobCodes, len(w.groups()))
	count := w.cutSpans()
	w.do(cpu, jobHardware, count)
	w.gather(count)
}

// fillCodes converts a group's rows. The bitwidth converter gives 12-bit codes whatever width memory stores.
func (w *work) fillCodes(t *worker, i int) {
	g := w.groups()[i]
	p, keys := &w.codes[g], w.l.keys[g]
	p.high, p.highScale = w.codesOf(t, p.high, p.highScale, keys, false)
	p.full, p.fullScale = p.high, p.highScale
	if keys.Format().LSB > 0 {
		p.both, p.bothScale = w.codesOf(t, p.both, p.bothScale, keys, true)
		p.full, p.fullScale = p.both, p.bothScale
	}
	p.v, p.vScale = w.codesOf(t, p.v, p.vScale, w.l.values[g], true)
}

// codesOf returns all live rows as codes, each with its scale.
func (w *work) codesOf(t *worker, codes []int16, scales []float32, r *quant.Rows, lsb bool) ([]int16, []float32) {
	d := w.s.shape.HeadDim
	codes, scales = room(codes, w.n*d), room(scales, w.n)
	t.rows = room(t.rows, d)
	for i := range w.n {
		w.read(t, t.rows, r, i, lsb, false)
		scales[i] = encode(codes[i*d:(i+1)*d], t.rows, fixed.CodeBits)
	}
	return codes, scales
}

// encode rounds a row to linear symmetric codes of so many bits and returns its scale.
func encode(dst []int16, row []float32, bits int) float32 {
	top := float32(0)
	for _, v := range row {
		top = max(top, v, -v)
	}
	if top == 0 {
		clear(dst)
		return 0
	}
	scale := top / float32(int(1)<<(bits-1)-1)
	for i, v := range row {
		dst[i] = int16(math.RoundToEven(float64(v) / float64(scale)))
	}
	return scale
}

// hardwareSpan attends with some queries of one head.
func (w *work) hardwareSpan(t *worker, i int) {
	head, from := int(w.heads[i/w.spans]), i%w.spans*w.span
	for r := from; r < min(from+w.span, len(w.see)); r++ {
		w.hardwareQuery(t, &w.items[i], head, r)
	}
}

// hardwareQuery is one query of one head on the datapath.
func (w *work) hardwareQuery(t *worker, it *item, head, r int) {
	s, d, n := w.s, w.s.shape.HeadDim, int(w.see[r])
	p, hw := &w.codes[s.shape.group(head)], &w.perHead[head]
	q := &hw.queries[r]
	*q = record.Query{}
	at := r*s.shape.Heads*d + head*d
	out := w.out[at : at+d]
	clear(out)
	if w.hidden(r) || n == 0 {
		return
	}
	bits := fixed.CodeBits
	if b := s.schedule.Query.Bits.At(s.pass.layer); b > 0 && b < bits {
		bits = b
	}
	t.codes, t.wide, t.scores = room(t.codes, d), room(t.wide, n), room(t.scores, n)
	scale := encode(t.codes, w.q[at:at+d], bits)
	q.Keys = int32(n)
	q.MaxProb = w.probabilities(t, p.high, p.highScale, scale, n)
	if key := &s.schedule.Key; key.LSB.At(s.pass.layer) > 0 && q.MaxProb < key.Threshold.At(s.pass.layer) {
		w.probabilities(t, p.full, p.fullScale, scale, n)
		q.LSBs = int32(min(n, w.coded(s.shape.group(head))))
		it.anyLSB = true
	}
	// What is accumulated and selected are the rounded probabilities.
	for k, c := range t.wide {
		t.scores[k] = float32(c) / fixed.One
	}
	if s.counts(s.pass.rows[r]) {
		for k, v := range t.scores {
			it.sums[k] += v
		}
	}
	if s.wants.Probabilities {
		copy(hw.probs[w.starts[r]:], t.scores)
	}
	kept := w.keepValues(t, it, q, n, head, r)
	if err := t.unit.Output(t.full[:n], p.v[:n*d], p.vScale[:n], kept, out); err != nil {
		panic(err) // shapes were checked when the sequence was made
	}
	if s.prunesHeads {
		it.output += magnitude(out)
	}
}

// probabilities runs the front of the datapath over n keys: t.full receives e^s / Σ e^s, t.wide its codes.
func (w *work) probabilities(t *worker, keys []int16, scales []float32, queryScale float32, n int) float32 {
	d := w.s.shape.HeadDim
	t.factor, t.full = room(t.factor, n), room(t.full, n)
	for i, k := range scales[:n] {
		t.factor[i] = fixed.Factor(queryScale, k, d)
	}
	largest, err := t.unit.Probabilities(t.codes, keys[:n*d], t.factor, t.full, t.wide)
	if err != nil {
		panic(err) // shapes were checked when the sequence was made
	}
	return largest
}

// keepValues selects the values of the largest rounded probabilities; nil is all of them.
func (w *work) keepValues(t *worker, it *item, q *record.Query, n, head, r int) []int32 {
	share := w.s.schedule.Values.At(w.s.pass.layer)
	keep := max(1, floor(n, share))
	q.Values = int32(min(keep, n))
	if keep >= n {
		if share < 1 {
			for i := range n {
				it.values[i] = 1
			}
		}
		return nil
	}
	t.chosen = t.top.Select(t.chosen[:0], t.scores[:n], keep)
	sum := float32(0)
	for _, i := range t.chosen {
		it.values[i] = 1
		sum += t.full[i]
	}
	if w.s.schedule.Renormalize && sum > 0 {
		for _, i := range t.chosen {
			t.full[i] /= sum
		}
	}
	w.listRows(&w.perHead[head].values, t.chosen, r)
	return t.chosen
}
