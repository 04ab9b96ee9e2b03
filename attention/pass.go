package attention

import (
	"fmt"
	"slices"

	"spatten/attention/record"
	"spatten/tensor"
)

// PassOptions says more about a pass.
type PassOptions struct {
	Protect []int32     // positions whose hidden state is read at the end: [CLS], the last of a prompt
	Last    bool        // the last chunk of the prompt, or a generated token
	CPU     *tensor.CPU // what turns a prompt that was read in full to the schedule of the generated tokens; nil: one thread
}

// Pass is one forward pass of one sequence: layer after layer Attend, then Next. It belongs to its sequence.
type Pass struct {
	seq     *Sequence
	stage   record.Stage
	first   int
	tokens  int
	layer   int
	rows    []int32 // live rows entering the layer
	protect []int32
	opened  bool // the layer's record has been written
	active  bool
	kept    []int32
	rec     record.Layer
	fc      record.FC
}

// Begin opens a pass of n tokens at positions Length() … Length()+n−1.
func (s *Sequence) Begin(n int, o PassOptions) (*Pass, error) {
	p := &s.pass
	switch {
	case p.active:
		return nil, ErrPass
	case n < 1:
		return nil, fmt.Errorf("attention: a pass of %d tokens", n)
	case !s.shape.Causal && s.length > 0:
		return nil, fmt.Errorf("attention: an encoder reads its whole text in one pass")
	case len(s.layers) == 0:
		return nil, fmt.Errorf("attention: the sequence is closed")
	}
	p.seq, p.first, p.tokens, p.layer, p.active, p.opened = s, s.length, n, 0, true, false
	p.stage = record.Summarization
	if s.shape.Causal && n == 1 && s.length > 0 {
		p.stage = record.Generation
	}
	if p.stage == record.Generation && s.after != nil {
		s.refit(o.CPU)
	}
	s.length += n
	if p.stage == record.Summarization {
		s.promptEnd = s.length
	}
	p.rows = p.rows[:0]
	for i := range n {
		p.rows = append(p.rows, int32(i))
	}
	p.protect = append(p.protect[:0], o.Protect...)
	s.seen.enter(s.length)
	if s.recorder != nil {
		s.recorder.Pass(&record.Pass{Stage: p.stage, Index: s.passes, First: p.first, Tokens: n})
	}
	s.passes++
	return p, nil
}

// Stage returns Generation for one token of a causal model after others, else Summarization.
func (p *Pass) Stage() record.Stage { return p.stage }

// First returns the position of the pass's first token.
func (p *Pass) First() int { return p.first }

// Tokens returns the number of tokens of the pass, pruned ones included.
func (p *Pass) Tokens() int { return p.tokens }

// Rows returns the numbers, within the pass, of the tokens that live entering the current layer, ascending.
func (p *Pass) Rows() []int32 { return p.rows }

// Heads returns the live query heads of the current layer.
func (p *Pass) Heads() []int32 { return p.current().heads }

// Groups returns the key/value heads of the current layer that have a live query head.
func (p *Pass) Groups() []int32 { return p.current().groups }

// current returns the layer that the pass is in; after the last one, the last.
func (p *Pass) current() *layer {
	return &p.seq.layers[min(p.layer, len(p.seq.layers)-1)]
}

// FC reports a product with stored weights: rows × in → out at so many stored bits a weight.
func (p *Pass) FC(kind record.FCKind, rows, in, out int, bits float64) {
	p.seq.countFC(kind, rows, in, out)
	if p.seq.recorder == nil {
		return
	}
	if kind == record.FCQuery || kind == record.FCKey || kind == record.FCValue {
		p.open()
	}
	p.fc = record.FC{Kind: kind, Rows: rows, In: in, Out: out, WeightBits: float32(bits)}
	p.seq.recorder.FC(&p.fc)
}

// open writes the layer's record, once.
func (p *Pass) open() {
	if p.opened || p.seq.recorder == nil {
		return
	}
	p.opened = true
	s, l := p.seq, p.current()
	r := &p.rec
	r.Index, r.Heads, r.Threshold = p.layer, l.heads, s.schedule.Key.Threshold.At(p.layer)
	r.Queries, r.Keys = r.Queries[:0], append(r.Keys[:0], l.positions...)
	for _, row := range p.rows {
		r.Queries = append(r.Queries, int32(p.first)+row)
	}
	if n := len(l.positions); n == 0 || len(r.Queries) > 0 && l.positions[n-1] < r.Queries[0] {
		r.Keys = append(r.Keys, r.Queries...) // Attend has not appended them yet
	}
	key, value := l.keys[0].Format(), l.values[0].Format()
	r.Bits = record.Bits{
		Query: uint8(s.schedule.Query.Bits.At(p.layer)), KeyMSB: uint8(key.MSB), KeyLSB: uint8(key.LSB), Value: uint8(value.MSB),
		KeyScale: uint8(key.ScaleBits(s.shape.HeadDim)), ValScale: uint8(value.ScaleBits(s.shape.HeadDim)),
	}
	if r.Bits.Query == 0 {
		r.Bits.Query = 32
	}
	s.recorder.Layer(r)
}

// Next ranks tokens and heads after a layer and enters the next one. It returns the indices into the former Rows that
// stay, ascending; the slice is valid until the next call. A causal model may call it before the feed-forward and
// spare that of the rows that fall; a mean-pooled encoder calls it after.
func (p *Pass) Next() []int32 {
	s := p.seq
	p.layer++
	p.opened = false
	p.kept = p.kept[:0]
	if p.layer >= len(s.layers) {
		for i := range p.rows {
			p.kept = append(p.kept, int32(i))
		}
		return p.kept
	}
	s.pruneHeads(p.layer)
	return p.enter(s.pruneTokens(p.layer))
}

// enter leaves only the rows whose positions are in live.
func (p *Pass) enter(live []int32) []int32 {
	to, at := 0, 0
	if i, _ := slices.BinarySearch(live, int32(p.first)); i > 0 {
		at = i
	}
	for i, row := range p.rows {
		position := int32(p.first) + row
		for at < len(live) && live[at] < position {
			at++
		}
		if at < len(live) && live[at] == position {
			p.kept = append(p.kept, int32(i))
			p.rows[to] = row
			to++
		}
	}
	p.rows = p.rows[:to]
	return p.kept
}

// End closes the pass.
func (p *Pass) End() { p.active = false }
