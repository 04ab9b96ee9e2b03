package tokenizer

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// decodeStep changes a token's text on the way back; first says that nothing has been decoded before it.
type decodeStep func(s string, first bool) string

// Decode returns the text of ids, without special tokens if skipSpecial. Ids outside the vocabulary have no text.
// Byte-level ids that end inside a character give text that is not valid UTF-8; a Decoder holds such ends back.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	d := t.NewDecoder(skipSpecial)
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(d.piece(id))
	}
	return b.String()
}

// Decoder turns a stream of ids into text. Joined, what it returns is what Decode returns of all ids, except that
// it never returns part of a character: bytes that cannot become valid UTF-8 any more are replaced by U+FFFD.
type Decoder struct {
	t           *Tokenizer
	skipSpecial bool
	begun       bool
	held        []byte
}

// NewDecoder returns a decoder at the beginning of a text.
func (t *Tokenizer) NewDecoder(skipSpecial bool) *Decoder {
	return &Decoder{t: t, skipSpecial: skipSpecial}
}

// Next returns the text that is complete with id: nothing while a character is incomplete.
func (d *Decoder) Next(id int32) string {
	d.held = append(d.held, d.piece(id)...)
	n := len(d.held)
	for k := 1; k < utf8.UTFMax && k <= len(d.held); k++ {
		if tail := d.held[len(d.held)-k:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				n -= k
			}
			break
		}
	}
	s := valid(d.held[:n])
	d.held = append(d.held[:0], d.held[n:]...)
	return s
}

// Flush returns what is left: U+FFFD if the stream ended inside a character.
func (d *Decoder) Flush() string {
	s := valid(d.held)
	d.held = d.held[:0]
	return s
}

// valid replaces each longest part of a character that is not one by U+FFFD (Unicode 3.9, "maximal subparts").
func valid(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			for size < len(b) && !utf8.FullRune(b[:size+1]) {
				size++
			}
		}
		out.WriteRune(r)
		b = b[size:]
	}
	return out.String()
}

// piece returns the text of the next token.
func (d *Decoder) piece(id int32) string {
	t := d.t
	if id < 0 || int(id) >= len(t.vocab.pieces) || d.skipSpecial && t.vocab.special[id] {
		return ""
	}
	s := t.vocab.pieces[id]
	if !t.verbatim[id] {
		for _, step := range t.decode {
			s = step(s, !d.begun)
		}
	}
	d.begun = true
	return s
}

// byteLevelStep turns the byte-level alphabet back into bytes.
func byteLevelStep(s string, _ bool) string { return string(appendBytes(nil, s)) }

// byteFallbackStep turns <0x41> into its byte.
func byteFallbackStep(s string, _ bool) string {
	if len(s) == 6 && strings.HasPrefix(s, "<0x") && s[5] == '>' {
		if b, err := strconv.ParseUint(s[3:5], 16, 8); err == nil {
			return string([]byte{byte(b)})
		}
	}
	return s
}

// replaceStep puts content in place of each match.
func replaceStep(p pattern, content string) decodeStep {
	return func(s string, _ bool) string { return replace{p, content}.normalize(aligned{text: s}).text }
}

// stripStep takes up to left characters c off the beginning and right off the end; with whole, of the text, not
// of each token.
func stripStep(c string, left, right int, whole bool) decodeStep {
	return func(s string, first bool) string {
		if whole && !first {
			return s
		}
		for n := 0; n < left && strings.HasPrefix(s, c) && c != ""; n++ {
			s = s[len(c):]
		}
		for n := 0; n < right && strings.HasSuffix(s, c) && c != ""; n++ {
			s = s[:len(s)-len(c)]
		}
		return s
	}
}

// metaspaceStep turns marks into blanks and drops those of the first token if the tokenizer put one there.
func metaspaceStep(mark string, drop bool) decodeStep {
	return func(s string, first bool) string {
		if first && drop {
			return strings.ReplaceAll(s, mark, "")
		}
		return strings.ReplaceAll(s, mark, " ")
	}
}

// wordPieceStep joins pieces that carry the prefix to what is before them and puts blanks before others. cleanup
// takes the blank before punctuation and English contractions out again.
func wordPieceStep(prefix string, cleanup bool) decodeStep {
	return func(s string, first bool) string {
		if !first {
			if tail, ok := strings.CutPrefix(s, prefix); ok && prefix != "" {
				s = tail
			} else {
				s = " " + s
			}
		}
		if cleanup {
			s = cleaner.Replace(s)
		}
		return s
	}
}

var cleaner = strings.NewReplacer(
	" .", ".", " ?", "?", " !", "!", " ,", ",", " ' ", "'", " n't", "n't", " 'm", "'m", " do not", " don't",
	" 's", "'s", " 've", "'ve", " 're", "'re")
