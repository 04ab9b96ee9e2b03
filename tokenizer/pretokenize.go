package tokenizer

import (
	"strings"
	"unicode"
)

// splitter cuts a piece of text into smaller ones and yields them in order. Empty pieces are not yielded.
type splitter interface {
	split(a aligned, yield func(aligned))
}

// splitters cut one after the other: each cuts the pieces of the one before.
type splitters []splitter

func (ss splitters) split(a aligned, yield func(aligned)) {
	if len(ss) == 0 {
		if a.text != "" {
			yield(a)
		}
		return
	}
	ss[0].split(a, func(piece aligned) { ss[1:].split(piece, yield) })
}

// behaviour says what becomes of the matches of a pattern.
type behaviour string

const (
	removed            behaviour = "Removed"
	isolated           behaviour = "Isolated"
	mergedWithPrevious behaviour = "MergedWithPrevious"
	mergedWithNext     behaviour = "MergedWithNext"
	contiguous         behaviour = "Contiguous"
)

// cut splits at the matches of a pattern; inverted, the text between matches counts as match.
type cut struct {
	pattern   pattern
	behaviour behaviour
	invert    bool
}

func (c cut) split(a aligned, yield func(aligned)) {
	emit := func(i, j int) {
		if i < j {
			yield(a.slice(i, j))
		}
	}
	begin, previous := 0, false // the piece not yet emitted, and whether the part before was a match
	part := func(i, j int, match bool) {
		if i == j {
			return
		}
		switch c.behaviour {
		case removed:
			if !match {
				emit(i, j)
			}
		case isolated:
			emit(i, j)
		case contiguous:
			if match != previous {
				emit(begin, i)
				begin = i
			}
		case mergedWithPrevious:
			if !match || previous {
				emit(begin, i)
				begin = i
			}
		case mergedWithNext:
			if match || !previous {
				emit(begin, i)
				begin = i
			}
		}
		previous = match
	}
	end := 0
	for {
		i, j, ok := c.pattern.find(a.text, end)
		if !ok {
			break
		}
		part(end, i, c.invert)
		part(i, j, !c.invert)
		end = j
	}
	part(end, len(a.text), c.invert)
	if c.behaviour != removed && c.behaviour != isolated {
		emit(begin, len(a.text))
	}
}

// prefixSpace puts a blank before a piece that does not begin with one (ByteLevel with add_prefix_space).
type prefixSpace struct{}

func (prefixSpace) split(a aligned, yield func(aligned)) {
	if a.text != "" && a.text[0] != ' ' {
		a = a.prepend(" ")
	}
	if a.text != "" {
		yield(a)
	}
}

// metaspace writes blanks as a mark, puts one before the text and cuts before each.
type metaspace struct {
	mark   string
	prefix string // "always", "first" (at the beginning of the text only), "never"
	cut    bool
}

func (m metaspace) split(a aligned, yield func(aligned)) {
	a = replace{pattern: literal(" "), content: m.mark}.normalize(a)
	if start, _ := a.span(0, 0); m.prefix == "always" || m.prefix == "first" && start == 0 {
		if a.text != "" && !strings.HasPrefix(a.text, m.mark) {
			a = a.prepend(m.mark)
		}
	}
	if a.text == "" {
		return
	}
	if !m.cut {
		yield(a)
		return
	}
	cut{pattern: literal(m.mark), behaviour: mergedWithNext}.split(a, yield)
}

// bertSplitter cuts at white space, which goes, and around each punctuation character.
var bertSplitter = splitters{
	cut{pattern: oneRune(unicode.IsSpace), behaviour: removed},
	cut{pattern: oneRune(isPunctuation), behaviour: isolated},
}

// wordSplitter keeps runs of word characters and runs of other signs (\w+|[^\w\s]+), and drops white space.
var wordSplitter = splitters{
	cut{pattern: oneRune(unicode.IsSpace), behaviour: removed},
	cut{pattern: oneRune(isWord), behaviour: contiguous},
}

// isWord is \w of Unicode regular expressions (UTS 18, annex C).
func isWord(r rune) bool {
	const nonJoiner, joiner = 0x200C, 0x200D
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic) ||
		r == nonJoiner || r == joiner
}
