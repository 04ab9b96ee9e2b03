package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// sentencePiece is the byte-pair encoding of SentencePiece (Kudo and Richardson 2018) as Llama 1 and 2 use it:
// two neighbours join if the vocabulary holds the joined piece, the one with the best score first. What is left
// and not in the vocabulary is spelled in byte tokens.
type sentencePiece struct {
	vocab  *vocabulary
	scores []float64
	bytes  [256]int32
	rank   []int32 // of each token among the scores, the best first
}

// byteTokens returns the ids of the tokens <0x00> … <0xFF>, -1 where there is none.
func byteTokens(v *vocabulary) *[256]int32 {
	var ids [256]int32
	for b := range ids {
		ids[b] = -1
		if id, ok := v.ids[fmt.Sprintf("<0x%02X>", b)]; ok {
			ids[b] = id
		}
	}
	return &ids
}

func (m *sentencePiece) segment(w *workspace, piece string, dst []unit) []unit {
	from := len(dst)
	for i := 0; i < len(piece); {
		_, size := utf8.DecodeRuneInString(piece[i:])
		id, ok := m.vocab.ids[piece[i:i+size]]
		if !ok {
			id = -1
		}
		dst = append(dst, unit{id, size})
		i += size
	}
	units := dst[from:]
	if len(units) == 0 {
		return dst
	}
	starts := make([]int, len(units))
	at := 0
	for i, u := range units {
		starts[i] = at
		at += u.n
	}
	c := w.chain(len(units))
	push := func(left int32) {
		right := c.next[left]
		if right < 0 || units[left].n+units[right].n > m.vocab.longest {
			return
		}
		end := starts[right] + units[right].n
		if id, ok := m.vocab.ids[piece[starts[left]:end]]; ok {
			c.push(candidate{rank: m.rank[id], left: left, right: right, id: id, a: int32(units[left].n), b: int32(units[right].n)})
		}
	}
	for i := range len(units) - 1 {
		push(int32(i))
	}
	for len(c.heap) > 0 {
		p := c.pop()
		if !c.live(p.left) || !c.live(p.right) || c.next[p.left] != p.right ||
			units[p.left].n != int(p.a) || units[p.right].n != int(p.b) {
			continue
		}
		units[p.left] = unit{p.id, units[p.left].n + units[p.right].n}
		c.unlink(p.right)
		push(p.left)
		if q := c.previous[p.left]; q >= 0 {
			push(q)
		}
	}
	out := w.units[:0]
	for i := int32(0); i >= 0; i = c.next[i] {
		if u := units[i]; u.id >= 0 {
			out = append(out, u)
			continue
		}
		for k := range units[i].n {
			out = append(out, unit{m.bytes[piece[starts[i]+k]], 1})
		}
	}
	w.units = out
	return append(dst[:from], out...)
}
