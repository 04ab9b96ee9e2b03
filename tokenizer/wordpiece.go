package tokenizer

import "unicode/utf8"

// wordPiece cuts a word from the left into the longest pieces that the vocabulary holds (Wu et al. 2016, as BERT
// uses it); pieces inside a word carry a prefix there. A word that cannot be cut is one unknown token.
type wordPiece struct {
	vocab    *vocabulary
	prefix   string
	unknown  int32
	maxRunes int // longer words are unknown
}

func (m *wordPiece) segment(w *workspace, piece string, dst []unit) []unit {
	if units, ok := w.known(piece); ok {
		return append(dst, units...)
	}
	from := len(dst)
	dst = m.cut(piece, dst)
	w.remember(piece, dst[from:])
	return dst
}

func (m *wordPiece) cut(word string, dst []unit) []unit {
	from := len(dst)
	if utf8.RuneCountInString(word) > m.maxRunes {
		return append(dst, unit{m.unknown, len(word)})
	}
	buf := make([]byte, 0, len(m.prefix)+len(word))
	for i := 0; i < len(word); {
		buf = buf[:0]
		if i > 0 {
			buf = append(buf, m.prefix...)
		}
		head := len(buf)
		// No piece is longer than the vocabulary's longest.
		buf = append(buf, word[i:min(len(word), i+m.vocab.longest)]...)
		found := false
		for n := len(buf); n > head; n-- {
			if n < len(buf) && !utf8.RuneStart(buf[n]) {
				continue
			}
			if id, ok := m.vocab.ids[string(buf[:n])]; ok {
				dst = append(dst, unit{id, n - head})
				i += n - head
				found = true
				break
			}
		}
		if !found {
			return append(dst[:from], unit{m.unknown, len(word)})
		}
	}
	return dst
}
