package tokenizer

import "slices"

// slot is one place of a template: special tokens, or the tokens of the first (0) or second (1) text.
type slot struct {
	ids     []int32 // nil for a text
	text    int
	segment int // token type
}

// template is what surrounds the tokens of one text, and of a pair.
type template struct {
	single, pair []slot
}

var plain = template{
	single: []slot{{text: 0}},
	pair:   []slot{{text: 0}, {text: 1, segment: 1}},
}

// bertTemplate is [CLS] A [SEP], and [CLS] A [SEP] B [SEP].
func bertTemplate(cls, sep []int32) template {
	return template{
		single: []slot{{ids: cls}, {text: 0}, {ids: sep}},
		pair:   []slot{{ids: cls}, {text: 0}, {ids: sep}, {text: 1, segment: 1}, {ids: sep, segment: 1}},
	}
}

// specials returns how many tokens the slots add to the texts.
func specials(slots []slot) int {
	n := 0
	for _, s := range slots {
		n += len(s.ids)
	}
	return n
}

// texts returns the slots without those of special tokens.
func texts(slots []slot) []slot {
	return slices.DeleteFunc(slices.Clone(slots), func(s slot) bool { return s.ids != nil })
}

// fill puts texts into slots.
func (t *Tokenizer) fill(slots []slot, texts ...[]Token) []Token {
	if len(slots) == 1 && slots[0].ids == nil && slots[0].segment == 0 {
		return texts[slots[0].text]
	}
	var out []Token
	for _, s := range slots {
		for _, id := range s.ids {
			out = append(out, Token{ID: id, Piece: t.Piece(id), Segment: s.segment})
		}
		if s.ids != nil {
			continue
		}
		for _, tok := range texts[s.text] {
			tok.Segment = s.segment
			out = append(out, tok)
		}
	}
	return out
}

// shorten cuts the tokens of a pair to max together, the longer first, as Hugging Face's longest_first does.
func shorten(a, b []Token, limit int) ([]Token, []Token) {
	if len(a)+len(b) <= limit {
		return a, b
	}
	short, long := min(len(a), len(b)), max(len(a), len(b))
	if short > limit {
		long = short
	} else {
		long = max(short, limit-short)
	}
	if short+long > limit {
		short = limit / 2
		long = short + limit%2
	}
	if len(a) > len(b) {
		return a[:min(long, len(a))], b[:min(short, len(b))]
	}
	return a[:min(short, len(a))], b[:min(long, len(b))]
}

// trim takes blanks off the ends of offsets (ByteLevel and Roberta with trim_offsets).
func trim(text string, tokens []Token) {
	for i := range tokens {
		tok := &tokens[i]
		for tok.Start < tok.End && text[tok.Start] == ' ' {
			tok.Start++
		}
		for tok.Start < tok.End && text[tok.End-1] == ' ' {
			tok.End--
		}
	}
}
