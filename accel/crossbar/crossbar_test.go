package crossbar

import (
	"testing"

	"pgregory.net/rapid"

	"spatten/accel/config"
	"spatten/accel/fetch"
)

func machine(t testing.TB, channels int) config.Machine {
	m, err := config.Load("spatten", nil)
	if err != nil {
		t.Fatal(err)
	}
	m.DRAM.Channels = channels
	return m
}

func ideal(m *config.Machine, latency int64) *Memory {
	var chs []Channel
	for range m.DRAM.Channels {
		chs = append(chs, NewIdeal(latency, int64(m.DRAM.NBL), m.DRAM.Outstanding))
	}
	return New(m, chs)
}

func run(x *Memory, jobs ...*fetch.Job) {
	for len(jobs) > 0 || !x.Idle() {
		if x.Free() && len(jobs) > 0 {
			x.Take(jobs[0])
			jobs = jobs[1:]
		}
		x.Step()
	}
}

// One row of 96 byte is three bursts: issued in cycle 0, pushed in 1, answered 10 cycles later, delivered in the next,
// two registers behind.
func TestOneRowByHand(t *testing.T) {
	m := machine(t, 16)
	x := ideal(&m, 10)
	j := &fetch.Job{Kind: fetch.Key, RowBytes: 96, Count: 1, PerLine: 8}
	run(x, j)
	if j.Done != 1+10+1+2 {
		t.Errorf("done in cycle %d, by hand 14", j.Done)
	}
	if j.Lines.First != j.Done || j.Lines.Lines != 1 {
		t.Errorf("lines %+v", j.Lines)
	}
}

// 4,096 bursts over 16 channels of one a cycle: the first is back in cycle 11, the last 255 cycles later, and delivering
// takes 3.
func TestFullBandwidth(t *testing.T) {
	m := machine(t, 16)
	x := ideal(&m, 10)
	j := &fetch.Job{Kind: fetch.Key, RowBytes: 64, Count: 2048, PerLine: 8}
	run(x, j)
	if j.Done != 11+255+3 {
		t.Errorf("done in cycle %d, by hand 269", j.Done)
	}
	for c, n := range x.ChannelBursts {
		if n != 256 {
			t.Errorf("channel %d moved %d bursts, want 256", c, n)
		}
	}
}

// What is asked for is answered, in the order of the jobs, whatever the addresses (invariant 3).
func TestConservation(t *testing.T) {
	base := machine(t, 16)
	rapid.Check(t, func(t *rapid.T) {
		m := base
		m.DRAM.Channels = 1 << rapid.IntRange(0, 4).Draw(t, "channels")
		m.DRAM.Outstanding = rapid.IntRange(1, 16).Draw(t, "outstanding")
		x := ideal(&m, rapid.Int64Range(1, 60).Draw(t, "latency"))
		var jobs []*fetch.Job
		for range rapid.IntRange(1, 4).Draw(t, "jobs") {
			rows := rapid.SliceOfNDistinct(rapid.Int32Range(0, 500), 1, 200, rapid.ID[int32]).Draw(t, "rows")
			jobs = append(jobs, &fetch.Job{Kind: fetch.Key, Rows: rows, Count: int64(len(rows)), PerLine: 8,
				RowBytes: rapid.SampledFrom([]int64{8, 16, 24, 32, 48, 64, 96}).Draw(t, "bytes")})
		}
		run(x, jobs...)
		var asked, moved, last int64
		for _, j := range jobs {
			asked += j.Bursts
			if j.Done < last {
				t.Fatalf("a job is done in cycle %d, the one before in %d", j.Done, last)
			}
			last = j.Done
			if j.Lines.Lines != (j.Count+7)/8 {
				t.Fatalf("%d lines of %d rows", j.Lines.Lines, j.Count)
			}
		}
		for _, n := range x.ChannelBursts {
			moved += n
		}
		if asked != moved || asked != x.Bursts[fetch.Key] {
			t.Fatalf("asked %d, moved %d, counted %d", asked, moved, x.Bursts[fetch.Key])
		}
	})
}

func BenchmarkMemory(b *testing.B) {
	m := machine(b, 16)
	x := ideal(&m, 20)
	j := &fetch.Job{Kind: fetch.Key, RowBytes: 96, Count: 1000, PerLine: 8}
	b.ReportAllocs()
	for b.Loop() {
		run(x, j)
	}
	b.ReportMetric(float64(x.Bursts[fetch.Key])/b.Elapsed().Seconds()/1e6, "Mreads/s")
}
