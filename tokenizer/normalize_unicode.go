package tokenizer

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/rangetable"
)

// form is a Unicode normalization form (UAX 15): NFD, or with the flags NFC, NFKD, NFKC. It decomposes character
// by character, so that offsets survive and that, other than in the streaming form of x/text, no joiner is put
// into long runs of marks.
type form struct{ compat, compose bool }

func (f form) norm() norm.Form {
	switch f {
	case form{compose: true}:
		return norm.NFC
	case form{compat: true}:
		return norm.NFKD
	case form{compat: true, compose: true}:
		return norm.NFKC
	}
	return norm.NFD
}

// unicode11 are the characters that decompose: the reference implementation's tables end with Unicode 11.
var unicode11 = rangetable.Assigned("11.0.0")

// mark is one character of a decomposed text: its combining class and the bytes of the old text it comes from.
type mark struct {
	r     rune
	class uint8
	i, j  int
}

func (f form) normalize(a aligned) aligned {
	if f.norm().IsNormalString(a.text) {
		return a
	}
	w := newRewrite(a)
	var run []mark // one starter and the marks after it
	flush := func() {
		if f.compose {
			run = compose(run)
		}
		for _, m := range run {
			w.addRune(m.r, m.i, m.j)
		}
		run = run[:0]
	}
	for i, size := 0, 0; i < len(a.text); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(a.text[i:])
		if r == utf8.RuneError && size == 1 {
			sortMarks(run)
			flush()
			w.keep(i, i+1)
			continue
		}
		for _, d := range f.decompose(r) {
			m := mark{d, class(d), i, i + size}
			if m.class == 0 {
				sortMarks(run)
				if !f.compose || len(run) == 0 || !joins(run, d) {
					flush()
				}
			}
			run = append(run, m)
		}
	}
	sortMarks(run)
	flush()
	return w.done()
}

// joins says whether a starter may compose with what stands before it, directly (Hangul vowels and a few Indic signs).
func joins(run []mark, r rune) bool {
	done := compose(slices.Clone(run))
	if len(done) != 1 {
		return false
	}
	_, ok := pair(done[0].r, r)
	return ok
}

// sortMarks puts the marks after each starter into canonical order.
func sortMarks(run []mark) {
	for i := 0; i < len(run); {
		j := i + 1
		for j < len(run) && run[j].class != 0 {
			j++
		}
		from := i
		if run[i].class == 0 {
			from++
		}
		slices.SortStableFunc(run[from:j], func(x, y mark) int { return int(x.class) - int(y.class) })
		i = j
	}
}

// compose joins marks with their starter where a composed character exists and nothing of an equal or higher
// class stands between (UAX 15, D117).
func compose(run []mark) []mark {
	if len(run) < 2 {
		return run
	}
	starter, last, n := -1, uint8(0), 0
	for k, m := range run {
		if starter >= 0 && (n == starter+1 || last < m.class) {
			if r, ok := pair(run[starter].r, m.r); ok {
				run[starter].r, run[starter].j = r, max(run[starter].j, m.j)
				continue
			}
		}
		if m.class == 0 {
			starter = n
		}
		last = m.class
		run[n] = run[k]
		n++
	}
	return run[:n]
}

// pair returns the character composed of two.
func pair(a, b rune) (rune, bool) {
	s := string(a) + string(b)
	c := norm.NFC.String(s)
	r, size := utf8.DecodeRuneInString(c)
	return r, size == len(c) && c != s && unicode.Is(unicode11, r)
}

// class returns the canonical combining class of r.
func class(r rune) uint8 {
	if r < 0x300 {
		return 0
	}
	return norm.NFD.PropertiesString(string(r)).CCC()
}

// decompose returns the full decomposition of r. Hangul syllables decompose by arithmetic (Unicode 3.12).
func (f form) decompose(r rune) []rune {
	const first, last, lead, vowel, tail, vowels, tails = 0xAC00, 0xD7A3, 0x1100, 0x1161, 0x11A7, 21, 28
	if r < 0xA0 {
		return []rune{r}
	}
	if first <= r && r <= last {
		s := r - first
		d := []rune{lead + s/(vowels*tails), vowel + s%(vowels*tails)/tails}
		if t := s % tails; t != 0 {
			d = append(d, tail+t)
		}
		return d
	}
	form := norm.NFD
	if f.compat {
		form = norm.NFKD
	}
	if !unicode.Is(unicode11, r) {
		return []rune{r}
	}
	if d := form.PropertiesString(string(r)).Decomposition(); d != nil {
		return []rune(string(d))
	}
	return []rune{r}
}
