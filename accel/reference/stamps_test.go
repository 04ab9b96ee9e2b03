package reference

import (
	"testing"
)

// TestStamps compares every stamp of every row, relative to the row's accept, with the measured one.
func TestStamps(t *testing.T) {
	for _, file := range []struct {
		name string
		m    Machine
	}{
		{"isolated-requests.csv", isolated()},
		{"gpt2-small-pruned-first8.csv", Default()},
		{"gpt2-small-pruned-iteration0-16channels.csv", Machine{Multipliers: 64, BufferLines: 2048, BandwidthDownsample: 1, FetchRounding: 8}},
		{"gpt2-small-pruned.csv", Default()},
	} {
		t.Run(file.name, func(t *testing.T) {
			_, stamps := simulate(t, file.name, file.m, Observer{})
			m := readMeasured(t, file.name)
			if len(stamps) != len(m.rows) {
				t.Fatalf("%d rows, measured %d", len(stamps), len(m.rows))
			}
			for _, c := range stampColumns {
				var off []float64
				first := -1
				exact := 0
				for i := range stamps {
					want := m.at(i, c.name)
					got := c.get(&stamps[i])
					if (want < 0) != (got < 0) {
						t.Fatalf("row %d: %s at %d, measured %d", i, c.name, got, want)
					}
					if want < 0 {
						continue
					}
					d := (got - stamps[i].Accept) - (want - m.at(i, "accept"))
					off = append(off, abs(float64(d)))
					if d == 0 {
						exact++
					} else if first < 0 {
						first = i
					}
				}
				if len(off) == 0 {
					continue
				}
				n := len(off)
				median, high := percentile(off, 0.5), percentile(off, 0.95)
				t.Logf("%-22s %5d of %5d in the very cycle, median off %3.0f, 95th %3.0f, most %4.0f, first row off %d", c.name, exact, n, median, high, off[n-1], first)
				if median > 2 || high > 10 {
					t.Errorf("%s: off by %.0f cycles in the median, %.0f at the 95th", c.name, median, high)
				}
			}
		})
	}
}

// isolated is the machine of the run whose requests are issued 64 cycles after the answer before: taken in the
// cycle after.
func isolated() Machine {
	m := Default()
	m.IssueGap, m.FirstIssue = 65, 1101
	return m
}
