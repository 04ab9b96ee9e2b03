package generate

import "strings"

// matcher looks for strings that end a text in a stream of pieces, and holds back what might become one.
type matcher struct {
	stops []string
	held  string
}

// Push takes the next piece and returns what is certain to be text, and whether a stop string ended it.
func (m *matcher) Push(piece string) (text string, stopped bool) {
	m.held += piece
	end := -1
	for _, s := range m.stops {
		if at := strings.Index(m.held, s); s != "" && at >= 0 && (end < 0 || at < end) {
			end = at
		}
	}
	if end >= 0 {
		text, m.held = m.held[:end], ""
		return text, true
	}
	keep := 0
	for _, s := range m.stops {
		for n := min(len(s)-1, len(m.held)); n > keep; n-- {
			if strings.HasSuffix(m.held, s[:n]) {
				keep = n
				break
			}
		}
	}
	text, m.held = m.held[:len(m.held)-keep], m.held[len(m.held)-keep:]
	return text, false
}

// Rest returns what was held back.
func (m *matcher) Rest() string {
	text := m.held
	m.held = ""
	return text
}
