package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/rangetable"
)

// normalizer rewrites text before it is cut.
type normalizer interface {
	normalize(a aligned) aligned
}

// normalizers run one after the other.
type normalizers []normalizer

func (ns normalizers) normalize(a aligned) aligned {
	for _, n := range ns {
		a = n.normalize(a)
	}
	return a
}

// runewise replaces each character by what it returns; done false leaves the character as it is.
// An invalid byte counts as U+FFFD.
type runewise func(r rune) (replacement string, done bool)

func (f runewise) normalize(a aligned) aligned {
	var w *rewrite
	kept := 0
	for i, size := 0, 0; i < len(a.text); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(a.text[i:])
		s, changed := f(r)
		if !changed {
			continue
		}
		if w == nil {
			w = newRewrite(a)
		}
		w.keep(kept, i)
		w.add(s, i, i+size)
		kept = i + size
	}
	if w == nil {
		return a
	}
	w.keep(kept, len(a.text))
	return w.done()
}

// lowercase maps each character by itself, as Unicode's full mapping without context does: only İ becomes two.
var lowercase = runewise(func(r rune) (string, bool) {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			return asciiLower[r-'A'], true
		}
		return "", false
	}
	if r == 'İ' {
		return "i\u0307", true
	}
	if l := unicode.ToLower(r); l != r {
		return string(l), true
	}
	return "", false
})

var asciiLower = strings.Split("abcdefghijklmnopqrstuvwxyz", "")

// stripAccents drops combining marks; what carries them must be decomposed before.
var stripAccents = runewise(func(r rune) (string, bool) {
	if r == 0x1CF2 || r == 0x1CF3 || r == 0x111C9 { // letters and a mark since
		return "", r != 0x111C9
	}
	return "", r >= 0x300 && unicode.IsMark(r) && unicode.Is(unicode9, r)
})

// unicode9 are the characters among which the reference implementation knows combining marks.
var unicode9 = rangetable.Assigned("9.0.0")

// prependText puts a text before any text that is not empty.
type prependText string

func (p prependText) normalize(a aligned) aligned {
	if a.text == "" || p == "" {
		return a
	}
	return a.prepend(string(p))
}

// replace puts content in place of each match of a pattern.
type replace struct {
	pattern pattern
	content string
}

func (r replace) normalize(a aligned) aligned {
	w, kept := (*rewrite)(nil), 0
	for at := 0; ; {
		i, j, ok := r.pattern.find(a.text, at)
		if !ok {
			break
		}
		if w == nil {
			w = newRewrite(a)
		}
		w.keep(kept, i)
		w.add(r.content, i, j)
		kept, at = j, j
	}
	if w == nil {
		return a
	}
	w.keep(kept, len(a.text))
	return w.done()
}

// strip cuts white space from the ends.
type strip struct{ left, right bool }

func (s strip) normalize(a aligned) aligned {
	i, j := 0, len(a.text)
	if s.left {
		i = j - len(strings.TrimLeftFunc(a.text, unicode.IsSpace))
	}
	if s.right {
		j = i + len(strings.TrimRightFunc(a.text[i:], unicode.IsSpace))
	}
	return a.slice(i, j)
}
