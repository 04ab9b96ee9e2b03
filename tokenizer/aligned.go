package tokenizer

import "unicode/utf8"

// aligned is a text on its way through normalizers and pre-tokenizers that remembers where each of its bytes
// came from. Byte i stands for the bytes from[i] ≤ … < to[i] of the original; with from nil it is the
// original itself, from byte base on.
type aligned struct {
	text     string
	base     int
	from, to []int
}

// slice returns the bytes i … j of a.
func (a aligned) slice(i, j int) aligned {
	if a.from == nil {
		return aligned{text: a.text[i:j], base: a.base + i}
	}
	return aligned{text: a.text[i:j], from: a.from[i:j], to: a.to[i:j]}
}

// span returns the range of the original that the bytes i … j stand for.
func (a aligned) span(i, j int) (start, end int) {
	switch {
	case a.from == nil:
		return a.base + i, a.base + j
	case i < j:
		return a.from[i], a.to[j-1]
	case i < len(a.from):
		return a.from[i], a.from[i]
	case i > 0:
		return a.to[i-1], a.to[i-1]
	}
	return 0, 0
}

// rewrite builds a changed copy of a text, byte ranges of the old one in hand.
type rewrite struct {
	old      aligned
	text     []byte
	from, to []int
}

func newRewrite(old aligned) *rewrite {
	n := len(old.text) + len(old.text)/8
	return &rewrite{old: old, text: make([]byte, 0, n), from: make([]int, 0, n), to: make([]int, 0, n)}
}

// add appends s in place of the bytes i … j of the old text.
func (w *rewrite) add(s string, i, j int) {
	start, end := w.old.span(i, j)
	w.text = append(w.text, s...)
	for range len(s) {
		w.from, w.to = append(w.from, start), append(w.to, end)
	}
}

// addRune appends r in place of the bytes i … j of the old text.
func (w *rewrite) addRune(r rune, i, j int) {
	var b [utf8.UTFMax]byte
	w.add(string(b[:utf8.EncodeRune(b[:], r)]), i, j)
}

// keep appends the bytes i … j of the old text unchanged.
func (w *rewrite) keep(i, j int) {
	w.text = append(w.text, w.old.text[i:j]...)
	if w.old.from != nil {
		w.from, w.to = append(w.from, w.old.from[i:j]...), append(w.to, w.old.to[i:j]...)
		return
	}
	for k := i; k < j; k++ {
		// A character's bytes stand for themselves: byte-level tokens may begin inside a character.
		w.from, w.to = append(w.from, w.old.base+k), append(w.to, w.old.base+k+1)
	}
}

func (w *rewrite) done() aligned {
	if w.from == nil {
		w.from, w.to = []int{}, []int{}
	}
	return aligned{text: string(w.text), from: w.from, to: w.to}
}

// prepend puts s before a; it stands for the empty range at a's beginning.
func (a aligned) prepend(s string) aligned {
	w := newRewrite(a)
	w.add(s, 0, 0)
	w.keep(0, len(a.text))
	return w.done()
}
