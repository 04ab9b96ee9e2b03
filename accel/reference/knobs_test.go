package reference

import (
	"runtime"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// knob is a number of which more is meant to help, and by how much of a run more of it may cost all the same.
//
// What the reference costs with more, and why: a larger buffer takes longer to initialise (half as many cycles as
// lines, taken out below) and lets more new rows in before rows that are recomputed; with it and with more multipliers
// the table of key indices, and so the addresses, are others; more channels spread the same addresses otherwise; a
// row that leaves the top-k earlier may take the fetcher, matrix by matrix, from the keys that everything waits for.
type knob struct {
	name string
	more func(*Machine, []Row) bool // whether there is more to have
	cost float64
}

var knobs = []knob{
	{"bandwidth", func(m *Machine, _ []Row) bool { m.BandwidthDownsample /= 2; return m.BandwidthDownsample >= 1 }, 0.10},
	{"buffer", func(m *Machine, _ []Row) bool { m.BufferLines *= 2; return m.BufferLines <= 2048 }, 0.25},
	{"multipliers", func(m *Machine, _ []Row) bool { m.Multipliers *= 2; return m.Multipliers <= 512 }, 0.20},
	{"comparators", func(_ *Machine, rows []Row) bool {
		for i := range rows {
			rows[i].TopKLatency /= 2
		}
		return true
	}, 0.15},
}

// More of anything never costs beyond the recorded exceptions, and over many runs it gains. Rows that come one by one,
// with nothing to disturb, never lose by more comparators.
func TestMonotone(t *testing.T) {
	gained, worst := make([]int64, len(knobs)), make([]float64, len(knobs))
	rapid.Check(t, func(r *rapid.T) {
		m := anyMachine(r)
		m.FetchRounding = 64
		rows := firstRows(anyRows(r, m), 8)
		cycles := func(m Machine, rows []Row) int64 {
			out := try(rows, m, false, Observer{})
			if out.err != "" {
				r.Fatal(out.err)
			}
			return out.result.Cycles - int64(m.BufferLines/2)
		}
		less := cycles(m, rows)
		for i, k := range knobs {
			richer, same := m, slices.Clone(rows)
			if !k.more(&richer, same) {
				continue
			}
			more := cycles(richer, same)
			gained[i] += less - more
			cost := float64(more-less) / float64(less)
			worst[i] = max(worst[i], cost)
			if cost > k.cost {
				r.Fatalf("more %s costs %.1f %%: %d cycles, %d with %+v", k.name, 100*cost, less, more, richer)
			}
		}
		m.IssueGap, m.FirstIssue = 64, m.BufferLines
		for i := range rows { // pairs come together
			rows[i].KeyBits, rows[i].ValueBits = 8, 4
		}
		alone, same := cycles(m, rows), slices.Clone(rows)
		knobs[3].more(&m, same)
		if more := cycles(m, same); more > alone {
			r.Fatalf("more comparators cost rows that come one by one: %d cycles, %d", alone, more)
		}
	})
	for i, k := range knobs {
		t.Logf("more %s: costs at most %.1f %%, gains %d cycles in all", k.name, 100*worst[i], gained[i])
		if gained[i] <= 0 {
			t.Errorf("more %s gains nothing: %d cycles in all", k.name, gained[i])
		}
	}
}

// firstRows is about n of the rows, pairs whole.
func firstRows(rows []Row, n int) []Row {
	i := 0
	for i < min(n, len(rows)) {
		if rows[i].KeyBits == 6 || rows[i].ValueBits == 6 {
			i++
		}
		i++
	}
	return rows[:i]
}

// Runs side by side on all processors show what each shows alone.
func TestSideBySide(t *testing.T) {
	machines := []Machine{Default(), Default(), {Multipliers: 512, BufferLines: 256, BandwidthDownsample: 1, FetchRounding: 64}}
	machines[1].BandwidthDownsample = 1
	machines[1].FetchRounding = 32
	run := func(i int) trial {
		rows := slices.Repeat([]Row{{Keys: 100 + 16*i, Values: 40 + 8*i, KeyBits: 8, ValueBits: 6, TopKLatency: 50, Recomputed: i%2 == 0}}, 8)
		return try(rows, machines[i%len(machines)], false, Observer{})
	}
	const runs = 12
	together := make([]trial, runs)
	var wait sync.WaitGroup
	for i := range runs {
		wait.Go(func() { together[i] = run(i) })
	}
	wait.Wait()
	for i := range runs {
		alone := run(i)
		if alone.err != "" || alone.result.Cycles != together[i].result.Cycles || !slices.Equal(alone.stamps, together[i].stamps) {
			t.Errorf("run %d: %d cycles alone, %d among others; %s", i, alone.result.Cycles, together[i].result.Cycles, alone.err)
		}
	}
}

// Memory does not grow with the run: eight times the rows allocate as many bytes, and no event any.
func TestMemoryIsBounded(t *testing.T) {
	allocated := func(rows int) uint64 {
		seq := func(yield func(Row, error) bool) {
			for i := range rows {
				r := Row{Index: i, Keys: 200 + i/2%7*8, Values: 40, KeyBits: 6, ValueBits: 6, TopKLatency: i * 37 % 211, Recomputed: i%5 == 0}
				if !yield(r, nil) {
					return
				}
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Simulate(seq, Default(), Observer{Row: func(*Row, *Stamps) {}}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	allocated(64)
	short, long := allocated(128), allocated(1024)
	t.Logf("%d bytes for 128 rows, %d for 1,024", short, long)
	if long > short+16<<10 {
		t.Errorf("%d bytes for 128 rows, %d for 1,024", short, long)
	}
}
