package template

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	kindText   kind = iota // between tags
	kindOpen               // {{ or {%
	kindClose              // }} or %}
	kindName               // also keywords
	kindString             // text is the value
	kindNumber
	kindSign // an operator or bracket
	kindEnd  // of the template
)

type token struct {
	kind kind
	text string
	line int
}

// lexer cuts a template into tokens and takes care of white space around tags.
type lexer struct {
	src       string
	at        int
	line      int
	tokens    []token
	lineStart bool // what was consumed last ended a line
}

func lex(src string) ([]token, error) {
	src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	l := &lexer{src: strings.TrimSuffix(src, "\n"), line: 1, lineStart: true}
	for l.at < len(l.src) {
		if err := l.next(); err != nil {
			return nil, fmt.Errorf("line %d: %w", l.line, err)
		}
	}
	l.add(kindEnd, "")
	return l.tokens, nil
}

func (l *lexer) add(k kind, text string) { l.tokens = append(l.tokens, token{k, text, l.line}) }

// skip consumes n bytes.
func (l *lexer) skip(n int) {
	s := l.src[l.at : l.at+n]
	l.line += strings.Count(s, "\n")
	l.at += n
	if n > 0 {
		l.lineStart = strings.HasSuffix(s, "\n")
	}
}

// next reads text up to a tag, and the tag.
func (l *lexer) next() error {
	rest := l.src[l.at:]
	n := 0
	for {
		k := strings.IndexByte(rest[n:], '{')
		if k < 0 || n+k+1 >= len(rest) {
			n = len(rest)
			break
		}
		n += k
		if c := rest[n+1]; c == '{' || c == '%' || c == '#' {
			break
		}
		n++
	}
	text := rest[:n]
	if n == len(rest) {
		if text != "" {
			l.add(kindText, text)
		}
		l.skip(n)
		return nil
	}
	open := rest[n : n+2]
	sign := byte(0)
	if n+2 < len(rest) && (rest[n+2] == '-' || rest[n+2] == '+') {
		sign = rest[n+2]
	}
	switch {
	case sign == '-':
		text = strings.TrimRight(text, " \t\n\v\f")
	case sign != '+' && open != "{{": // lstrip_blocks
		line := strings.LastIndexByte(text, '\n') + 1
		if (line > 0 || l.lineStart) && strings.Trim(text[line:], " \t\v\f") == "" {
			text = text[:line]
		}
	}
	if text != "" {
		l.add(kindText, text)
	}
	l.skip(n + 2)
	if sign != 0 {
		l.skip(1)
	}
	if open == "{#" {
		end := strings.Index(l.src[l.at:], "#}")
		if end < 0 {
			return fmt.Errorf("comment without end")
		}
		before := l.src[l.at : l.at+end]
		l.skip(end)
		l.close("#}", strings.HasSuffix(before, "-"), strings.HasSuffix(before, "+"))
		return nil
	}
	l.add(kindOpen, open)
	return l.tag(map[string]string{"{{": "}}", "{%": "%}"}[open])
}

// close consumes the end of a tag and what white space goes with it.
func (l *lexer) close(end string, strip, keep bool) {
	l.skip(len(end))
	rest := l.src[l.at:]
	switch {
	case strip:
		l.skip(len(rest) - len(strings.TrimLeft(rest, " \t\n\v\f")))
	case !keep && end != "}}" && strings.HasPrefix(rest, "\n"): // trim_blocks
		l.skip(1)
	}
}

// tag reads the tokens of an expression or statement up to its end.
func (l *lexer) tag(end string) error {
	depth := 0 // of brackets: }} may close two maps
	for {
		rest := l.src[l.at:]
		trimmed := strings.TrimLeft(rest, " \t\n\v\f")
		l.skip(len(rest) - len(trimmed))
		rest = trimmed
		if rest == "" {
			return fmt.Errorf("tag without its %q", end)
		}
		if depth == 0 {
			for _, sign := range []string{"-", "+", ""} {
				if strings.HasPrefix(rest, sign+end) && !(sign == "+" && end == "}}") {
					l.add(kindClose, end)
					l.skip(len(sign))
					l.close(end, sign == "-", sign == "+")
					return nil
				}
			}
		}
		c := rest[0]
		switch {
		case c == '\'' || c == '"':
			if err := l.quoted(c); err != nil {
				return err
			}
		case '0' <= c && c <= '9':
			l.number(rest)
		case c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			n := 1
			for n < len(rest) && (rest[n] == '_' || 'a' <= rest[n]|0x20 && rest[n]|0x20 <= 'z' || '0' <= rest[n] && rest[n] <= '9') {
				n++
			}
			l.add(kindName, rest[:n])
			l.skip(n)
		default:
			n := 1
			for _, two := range []string{"==", "!=", "<=", ">=", "//", "**"} {
				if strings.HasPrefix(rest, two) {
					n = 2
				}
			}
			if n == 1 && !strings.ContainsRune("+-*/%~|.,:()[]{}<>=", rune(c)) {
				r, _ := utf8.DecodeRuneInString(rest)
				return fmt.Errorf("unexpected %q", r)
			}
			switch c {
			case '(', '[', '{':
				depth++
			case ')', ']', '}':
				depth--
			}
			l.add(kindSign, rest[:n])
			l.skip(n)
		}
	}
}

func (l *lexer) number(rest string) {
	digits := func(n int) int {
		for n < len(rest) && ('0' <= rest[n] && rest[n] <= '9' || rest[n] == '_') {
			n++
		}
		return n
	}
	n := digits(0)
	if n+1 < len(rest) && rest[n] == '.' && '0' <= rest[n+1] && rest[n+1] <= '9' {
		n = digits(n + 1)
	}
	if e := strings.TrimLeft(rest[n:], "eE"); len(e) == len(rest[n:])-1 {
		signed := strings.TrimLeft(e, "+-")
		if end := digits(len(rest) - len(signed)); len(e)-len(signed) <= 1 && end > len(rest)-len(signed) {
			n = end
		}
	}
	l.add(kindNumber, strings.ReplaceAll(rest[:n], "_", ""))
	l.skip(n)
}

// quoted reads a string with Python's escapes.
func (l *lexer) quoted(quote byte) error {
	rest := l.src[l.at:]
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		c := rest[i]
		if c == quote {
			l.add(kindString, b.String())
			l.skip(i + 1)
			return nil
		}
		if c != '\\' || i+1 == len(rest) {
			b.WriteByte(c)
			continue
		}
		i++
		if e := strings.IndexByte("ntrabfv0", rest[i]); e >= 0 {
			b.WriteByte("\n\t\r\a\b\f\v\x00"[e])
			continue
		}
		if n := map[byte]int{'x': 2, 'u': 4, 'U': 8}[rest[i]]; n > 0 {
			if i+n >= len(rest) {
				return fmt.Errorf("escape \\%c cut short", rest[i])
			}
			r, err := strconv.ParseUint(rest[i+1:i+1+n], 16, 32)
			if err != nil || !utf8.ValidRune(rune(r)) {
				return fmt.Errorf("bad escape \\%s", rest[i:i+1+n])
			}
			b.WriteRune(rune(r))
			i += n
			continue
		}
		if rest[i] == '\n' {
			continue
		}
		if strings.IndexByte(`\'"`, rest[i]) < 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(rest[i])
	}
	return fmt.Errorf("string without end")
}
