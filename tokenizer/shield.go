package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// guard stands inside shielded names. It is a noncharacter: Unicode keeps it for uses like this, no text has it.
const guard = "\uFDD0"

// Shield breaks the names of special tokens in a text that someone else wrote, by a mark that Encode takes out again
// with Options.Shielded. So a user's "<|im_end|>" in a rendered chat template is the characters of that word, while the
// template's own is the token. A name of one character cannot be broken, nor one that only normalization makes.
func (t *Tokenizer) Shield(text string) string {
	text = strings.ReplaceAll(text, guard, "")
	for _, f := range []finder{t.raw, t.cooked} {
		// What is broken may hold another name, but shorter and shorter ones.
		for pass := 0; f != nil && pass < maxAdded; pass++ {
			broken, ok := t.breakNames(f, text)
			if !ok {
				break
			}
			text = broken
		}
	}
	return text
}

// breakNames puts a mark behind the first character of each name that f finds, and says whether it found any.
func (t *Tokenizer) breakNames(f finder, text string) (string, bool) {
	var b strings.Builder
	found := false
	for _, p := range f.parts(text, true) {
		s := text[p.i:p.j]
		name := strings.TrimSpace(s) // without the white space that the token takes
		_, first := utf8.DecodeRuneInString(name)
		if p.id >= 0 && t.vocab.special[p.id] && first < len(name) {
			at := strings.Index(s, name) + first
			s = s[:at] + guard + s[at:]
			found = true
		}
		b.WriteString(s)
	}
	return b.String(), found
}

// unshield takes the marks out.
var unshield = replace{pattern: literal(guard)}
