package tokenizer

import (
	"unicode"

	"golang.org/x/text/unicode/rangetable"
)

// unicode8 are the characters of Unicode 8. What BERT's normalizer and pre-tokenizer take for punctuation, marks
// and controls ends there: the reference implementation's tables are that old, and its models know no others.
var unicode8 = rangetable.Assigned("8.0.0")

// bertNormalizer returns the normalizer of BERT: control characters go and white space becomes a blank (clean),
// CJK characters get blanks around them (cjk), accents are stripped, letters lowered.
// Source: the BasicTokenizer of Devlin et al. 2018, with the character classes that Hugging Face's tokenizers use.
func bertNormalizer(clean, cjk, accents, lower bool) normalizers {
	var ns normalizers
	if clean {
		ns = append(ns, cleanText)
	}
	if cjk {
		ns = append(ns, spaceCJK)
	}
	if accents {
		ns = append(ns, form{}, stripNonspacing)
	}
	if lower {
		ns = append(ns, lowercase)
	}
	return ns
}

var cleanText = runewise(func(r rune) (string, bool) {
	switch {
	case ' ' <= r && r < 0x7f:
		return "", false
	case r == '\t' || r == '\n' || r == '\r':
		return " ", true
	case r == 0 || r == unicode.ReplacementChar || isOther(r):
		return "", true
	case unicode.IsSpace(r):
		return " ", true
	}
	return "", false
})

// isOther says whether r is a control, format or private-use character.
func isOther(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) && unicode.Is(unicode8, r)
}

// stripNonspacing drops non-spacing marks; what carries them must be decomposed before.
var stripNonspacing = runewise(func(r rune) (string, bool) {
	switch {
	case r < 0x300:
		return "", false
	case r == 0x1734: // a spacing mark since
		return "", true
	case r == 0x1885 || r == 0x1886 || r == 0xA9BD || r == 0x111C9: // non-spacing marks since
		return "", false
	}
	return "", unicode.Is(unicode.Mn, r) && unicode.Is(unicode8, r)
})

// isPunctuation says whether r is punctuation for BERT: any ASCII sign, and the Unicode categories P.
func isPunctuation(r rune) bool {
	switch {
	case r < unicode.MaxASCII:
		return '!' <= r && r <= '/' || ':' <= r && r <= '@' || '[' <= r && r <= '`' || '{' <= r && r <= '~'
	case r == 0x166D || r == 0x111C9: // a symbol and a mark since
		return true
	}
	return unicode.IsPunct(r) && unicode.Is(unicode8, r)
}

var spaceCJK = runewise(func(r rune) (string, bool) {
	if isCJK(r) {
		return " " + string(r) + " ", true
	}
	return "", false
})

// isCJK says whether r lies in one of the blocks that BERT counts as Chinese.
func isCJK(r rune) bool {
	switch {
	case r < 0x3400:
		return false
	case r <= 0x4DBF, 0x4E00 <= r && r <= 0x9FFF, 0xF900 <= r && r <= 0xFAFF:
		return true
	case 0x20000 <= r && r <= 0x2A6DF, 0x2A700 <= r && r <= 0x2B73F, 0x2B740 <= r && r <= 0x2B81F:
		return true
	}
	return 0x2B920 <= r && r <= 0x2CEAF || 0x2F800 <= r && r <= 0x2FA1F
}
