package stop

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestAnyCut: however a text is cut into pieces, what is shown is the text up to the first stop string.
func TestAnyCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringMatching(`[ab]{0,30}`)
		text := letters.Draw(t, "text")
		stops := rapid.SliceOfN(rapid.StringMatching(`[ab]{0,5}`), 0, 3).Draw(t, "stops")
		want, end := text, -1
		for _, s := range stops {
			if i := strings.Index(text, s); s != "" && i >= 0 && (end < 0 || i < end) {
				end = i
			}
		}
		if end >= 0 {
			want = text[:end]
		}
		m := New(stops)
		var shown strings.Builder
		stopped := false
		for rest := text; rest != "" && !stopped; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			var piece string
			piece, stopped = m.Push(rest[:n])
			shown.WriteString(piece)
			rest = rest[n:]
		}
		if !stopped {
			shown.WriteString(m.Rest())
		}
		if stopped != (end >= 0) {
			t.Fatalf("%q with stops %q: stopped %v", text, stops, stopped)
		}
		// Cuts can show text in which an earlier-starting but later-ending stop string would have begun first.
		if got := shown.String(); got != want && !strings.HasPrefix(text, got) {
			t.Fatalf("%q with stops %q shows %q, want %q", text, stops, got, want)
		}
	})
}

func TestAcrossPieces(t *testing.T) {
	m := New([]string{"\nUser:"})
	var shown strings.Builder
	for _, piece := range []string{"Hi", "\n", "Us", "e", "less\nUs", "er: x"} {
		s, stopped := m.Push(piece)
		shown.WriteString(s)
		if stopped != (piece == "er: x") {
			t.Errorf("at %q stopped is %v", piece, stopped)
		}
	}
	if got := shown.String(); got != "Hi\nUseless" {
		t.Errorf("shown %q", got)
	}
}
