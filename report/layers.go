// Package report is stage 9, results to people: it reads what runs and simulations found out and writes tables, pictures
// and files. It computes nothing of its own.
package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Word is a token's place in a text, in bytes; Start == End for tokens that stand for nothing in the text ([CLS]).
type Word struct {
	Piece      string
	Start, End int
}

// Layer is what lived in one layer: positions of tokens and numbers of heads.
type Layer struct {
	Tokens, Heads []int32
}

// Colors says whether a terminal's escape codes may be used.
type Colors bool

// dim and strong wrap text for a terminal; without colors what is dim is left out of sight as dots.
func (c Colors) dim(s string) string {
	if c {
		return "\x1b[2;9m" + s + "\x1b[0m"
	}
	return strings.Repeat("·", utf8.RuneCountInString(s))
}

// Sentence writes a text once a layer, with the tokens that were pruned before the layer struck out, and beside it how
// many tokens and which heads live. Layers in which nothing changed are folded into one line (the paper's Fig. 1 and 22).
func Sentence(out io.Writer, text string, words []Word, layers []Layer, heads int, colors Colors) error {
	for first := 0; first < len(layers); {
		last := first
		for last+1 < len(layers) && same(layers[last+1], layers[first]) {
			last++
		}
		l := layers[first]
		name := fmt.Sprintf("layer %d", first)
		if last > first {
			name = fmt.Sprintf("layers %d-%d", first, last)
		}
		_, err := fmt.Fprintf(out, "%-13s %4d of %d tokens, %2d of %d heads  %s\n", name, len(l.Tokens), len(words), len(l.Heads), heads, line(text, words, l.Tokens, colors))
		if err != nil {
			return err
		}
		first = last + 1
	}
	return nil
}

func same(a, b Layer) bool { return len(a.Tokens) == len(b.Tokens) && len(a.Heads) == len(b.Heads) }

// line renders one layer's text.
func line(text string, words []Word, live []int32, colors Colors) string {
	alive := make([]bool, len(words))
	for _, p := range live {
		if int(p) < len(words) {
			alive[p] = true
		}
	}
	var b strings.Builder
	at := 0
	for i, w := range words {
		if w.Start > at {
			b.WriteString(flat(text[at:w.Start]))
		}
		piece := flat(text[min(w.Start, len(text)):min(w.End, len(text))])
		if w.Start == w.End {
			piece = w.Piece
		}
		space := len(piece) - len(strings.TrimLeft(piece, " "))
		b.WriteString(piece[:space])
		if piece = piece[space:]; alive[i] {
			b.WriteString(piece)
		} else {
			b.WriteString(colors.dim(piece))
		}
		at = max(at, w.End)
	}
	return b.String()
}

// flat keeps a text on its line and free of control characters.
func flat(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
