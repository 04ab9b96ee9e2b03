// Package stop is part of stage 5, layers to text: it reads a text piece by piece and writes what may be shown of it, up to the
// first stop string, wherever the pieces are cut.
package stop

import "strings"

// Matcher looks for stop strings. What could be the beginning of one is held back until more of the text is known.
type Matcher struct {
	stops []string
	held  string
	done  bool
}

// New returns a Matcher for the given strings; empty ones are left out.
func New(stops []string) *Matcher {
	m := &Matcher{}
	for _, s := range stops {
		if s != "" {
			m.stops = append(m.stops, s)
		}
	}
	return m
}

// Push adds a piece and returns what may be shown now, and whether a stop string has ended the text: then what came before
// it is returned, and nothing after.
func (m *Matcher) Push(piece string) (show string, stopped bool) {
	if m.done {
		return "", true
	}
	text := m.held + piece
	first := -1
	for _, s := range m.stops {
		if i := strings.Index(text, s); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first >= 0 {
		m.held, m.done = "", true
		return text[:first], true
	}
	keep := 0
	for _, s := range m.stops {
		keep = max(keep, overlap(text, s))
	}
	m.held = text[len(text)-keep:]
	return text[:len(text)-keep], false
}

// Rest returns what is still held back once the text has ended.
func (m *Matcher) Rest() string {
	rest := m.held
	m.held = ""
	return rest
}

// overlap returns the length of the longest end of text that is a beginning of s.
func overlap(text, s string) int {
	for n := min(len(text), len(s)-1); n > 0; n-- {
		if strings.HasPrefix(s, text[len(text)-n:]) {
			return n
		}
	}
	return 0
}
