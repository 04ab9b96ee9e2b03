package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// unit is one token of a piece: its id and how many bytes of the piece it covers.
type unit struct {
	id int32
	n  int
}

// segmenter cuts a piece of pre-tokenized text into tokens and appends them to dst.
type segmenter interface {
	segment(w *workspace, piece string, dst []unit) []unit
}

// rule is what happens to a pair of tokens: its place in the list of merges and the token it becomes.
type rule struct {
	rank int32
	id   int32
}

// bpe is byte-pair encoding (Sennrich et al. 2016): of all pairs of neighbours the one that stands first in the
// list of merges becomes one token, until no pair is in the list.
type bpe struct {
	vocab  *vocabulary
	merges map[uint64]rule
	first  [256]int32 // byte-level: the token of each byte, -1 for none
	bytes  bool       // byte-level

	prefix, suffix string // what characters inside, and at the end of, a word carry in the vocabulary
	unknown        int32  // -1 without
	fuseUnknown    bool   // neighbouring unknown characters become one token
	fallback       *[256]int32
	wholeWords     bool // a piece that is a token needs no merges (ignore_merges)
}

// newBPE reads merges, each two pieces. A merge that names or makes a piece that the vocabulary lacks is an error.
func newBPE(v *vocabulary, pairs [][2]string, prefix string) (*bpe, error) {
	b := &bpe{vocab: v, merges: make(map[uint64]rule, len(pairs)), prefix: prefix, unknown: -1}
	for rank, p := range pairs {
		var ids [3]int32
		right := p[1]
		if len(prefix) <= len(right) && right[:len(prefix)] == prefix {
			right = right[len(prefix):]
		}
		for i, s := range []string{p[0], p[1], p[0] + right} {
			id, ok := v.ids[s]
			if !ok {
				return nil, fmt.Errorf("merge %d (%q %q): the vocabulary has no token %q", rank, p[0], p[1], s)
			}
			ids[i] = id
		}
		key := pairKey(ids[0], ids[1])
		if _, ok := b.merges[key]; !ok {
			b.merges[key] = rule{int32(rank), ids[2]}
		}
	}
	return b, nil
}

// byteLevel makes b work on bytes.
func (b *bpe) byteLevel() {
	b.bytes = true
	for i, r := range byteRune {
		b.first[i] = -1
		if id, ok := b.vocab.ids[string(r)]; ok {
			b.first[i] = id
		}
	}
}

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

func (b *bpe) segment(w *workspace, piece string, dst []unit) []unit {
	if units, ok := w.known(piece); ok {
		return append(dst, units...)
	}
	from := len(dst)
	if id, ok := b.whole(piece); ok {
		dst = append(dst, unit{id, len(piece)})
	} else if b.bytes {
		dst = b.merge(w, b.splitBytes(piece, dst), from)
	} else {
		dst = b.merge(w, b.splitCharacters(piece, dst), from)
	}
	w.remember(piece, dst[from:])
	return dst
}

func (b *bpe) whole(piece string) (int32, bool) {
	if !b.wholeWords {
		return 0, false
	}
	if b.bytes {
		piece = byteLevelText(piece)
	}
	id, ok := b.vocab.ids[piece]
	return id, ok
}

func (b *bpe) splitBytes(piece string, dst []unit) []unit {
	lost, wasUnknown := 0, false
	for i := range len(piece) {
		id := b.first[piece[i]]
		switch {
		case id >= 0:
			dst = append(dst, unit{id, 1 + lost})
			lost = 0
		case b.unknown < 0:
			lost++ // a byte that has no token vanishes, as it does in the reference implementations
		case wasUnknown && b.fuseUnknown:
			dst[len(dst)-1].n++
		default:
			dst = append(dst, unit{b.unknown, 1})
		}
		wasUnknown = id < 0
	}
	return dst
}

func (b *bpe) splitCharacters(piece string, dst []unit) []unit {
	wasUnknown := false
	for i := 0; i < len(piece); {
		_, size := utf8.DecodeRuneInString(piece[i:])
		s := piece[i : i+size]
		name := s
		if i > 0 && b.prefix != "" {
			name = b.prefix + name
		}
		if i+size == len(piece) && b.suffix != "" {
			name += b.suffix
		}
		i += size
		if id, ok := b.vocab.ids[name]; ok {
			dst = append(dst, unit{id, size})
			wasUnknown = false
			continue
		}
		if all, ok := b.spell(s, dst); ok {
			dst = all
			wasUnknown = false
			continue
		}
		if b.unknown < 0 {
			continue
		}
		if wasUnknown && b.fuseUnknown {
			dst[len(dst)-1].n += size
			continue
		}
		dst = append(dst, unit{b.unknown, size})
		wasUnknown = true
	}
	return dst
}

// spell appends the byte tokens of a character, if there is one for each byte.
func (b *bpe) spell(s string, dst []unit) ([]unit, bool) {
	if b.fallback == nil {
		return dst, false
	}
	n := len(dst)
	for i := range len(s) {
		id := b.fallback[s[i]]
		if id < 0 {
			return dst[:n], false
		}
		dst = append(dst, unit{id, 1})
	}
	return dst, true
}

// merge applies the merges to dst[from:] in place. A heap of candidate pairs and a linked list of neighbours
// keep it at O(n log n), however long the piece.
func (b *bpe) merge(w *workspace, dst []unit, from int) []unit {
	units := dst[from:]
	if len(units) < 2 {
		return dst
	}
	c := w.chain(len(units))
	push := func(left int32) {
		right := c.next[left]
		if right < 0 {
			return
		}
		if r, ok := b.merges[pairKey(units[left].id, units[right].id)]; ok {
			c.push(candidate{rank: r.rank, left: left, right: right, id: r.id, a: units[left].id, b: units[right].id})
		}
	}
	for i := range len(units) - 1 {
		push(int32(i))
	}
	for len(c.heap) > 0 {
		m := c.pop()
		if !c.live(m.left) || !c.live(m.right) || c.next[m.left] != m.right ||
			units[m.left].id != m.a || units[m.right].id != m.b {
			continue // a neighbour has changed since
		}
		units[m.left] = unit{m.id, units[m.left].n + units[m.right].n}
		c.unlink(m.right)
		push(m.left)
		if p := c.previous[m.left]; p >= 0 {
			push(p)
		}
	}
	n := 0
	for i := int32(0); i >= 0; i = c.next[i] {
		units[n] = units[i]
		n++
	}
	return dst[:from+n]
}
