package pipe

import (
	"testing"

	"pgregory.net/rapid"
)

// A reader that steps line by line ends where Slack says.
func TestSlackEqualsStepping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gaps := rapid.SliceOfN(rapid.Int64Range(0, 5), 1, 40).Draw(t, "gaps")
		start := rapid.Int64Range(0, 60).Draw(t, "start")
		a := Start()
		now, read := int64(0), start-1
		for i, g := range gaps {
			now += g
			a.Upto(int64(i+1), now)
			read = max(read+1, now)
		}
		if want := max(start, a.Slack) + a.Lines - 1; read != want {
			t.Fatalf("stepping ends at %d, slack says %d", read, want)
		}
	})
}
