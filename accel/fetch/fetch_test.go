package fetch

import (
	"slices"
	"testing"

	"spatten/accel/pipe"
)

func addresses(j *Job) []uint64 {
	j.Open(0)
	var out []uint64
	for {
		a, ok := j.Next(1<<40, 32)
		if !ok {
			return out
		}
		out = append(out, a)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		name string
		job  Job
		want []uint64
	}{
		{"12 bit: three bursts a row", Job{RowBytes: 96, Count: 2}, []uint64{0, 32, 64, 96, 128, 160}},
		{"6 bit: neighbours share the middle burst", Job{RowBytes: 48, Count: 2}, []uint64{0, 32, 64}},
		{"6 bit: odd rows alone need two", Job{RowBytes: 48, Count: 2, Rows: []int32{1, 4}}, []uint64{32, 64, 192, 224}},
		{"4 bit of D = 32: two rows a burst", Job{RowBytes: 16, Count: 3}, []uint64{0, 32}},
		{"base", Job{Base: 1 << 20, RowBytes: 64, Count: 1, First: 2}, []uint64{1<<20 + 128, 1<<20 + 160}},
		{"nothing", Job{RowBytes: 64}, nil},
	} {
		if got := addresses(&c.job); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if !c.job.Exhausted() || c.job.Bursts != int64(len(c.want)) {
			t.Errorf("%s: exhausted %v, %d bursts", c.name, c.job.Exhausted(), c.job.Bursts)
		}
	}
}

// Rows wait for their ids: four rows whose ids come in cycles 10 to 13.
func TestWaitsForIDs(t *testing.T) {
	j := Job{RowBytes: 32, Count: 4, IDs: pipe.Span{First: 10, Last: 13}}
	j.Open(0)
	for i, now := range []int64{10, 11, 12, 13} {
		if _, ok := j.Next(now-1, 32); ok {
			t.Fatalf("row %d given before its id", i)
		}
		if _, ok := j.Next(now, 32); !ok {
			t.Fatalf("row %d not given in cycle %d", i, now)
		}
	}
}
