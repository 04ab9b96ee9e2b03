package hbm

import (
	"testing"

	"pgregory.net/rapid"
)

// channel is a controller with its log under the checker.
func channel(t testing.TB, s Standard, o Options) (*Controller, *Checker) {
	t.Helper()
	c, err := NewController(s, o)
	if err != nil {
		t.Fatal(err)
	}
	k := NewChecker(s)
	c.SetLog(func(sent Sent) {
		if err := k.Check(sent); err != nil {
			t.Error(err)
		}
	})
	return c, k
}

// read pushes addr at now and returns the cycle at which it pops, with nothing else under way.
func read(t testing.TB, c *Controller, now int64, addr uint64) int64 {
	t.Helper()
	if !c.Push(now, addr, 0, false) {
		t.Fatalf("cycle %d: no room", now)
	}
	for at := now; at < now+10000; at++ {
		if _, ok := c.Pop(at); ok {
			return at
		}
		c.Step(at)
	}
	t.Fatal("no answer")
	return 0
}

// The three latencies of the reference, measured with its driver alone: closed bank 19, row hit 12, row
// conflict 26.
func TestLatencies(t *testing.T) {
	c, _ := channel(t, HBM2Reference(), Options{Outstanding: 16})
	for _, want := range []struct {
		name string
		at   int64
		addr uint64
		took int64
	}{
		{"closed bank", 0, 0, 19},
		{"row hit", 100, 32, 12},
		{"row conflict", 200, 1 << 14, 26},
		{"other pseudo-channel", 300, 512, 19},
	} {
		if got := read(t, c, want.at, want.addr) - want.at; got != want.took {
			t.Errorf("%s: %d cycles, want %d", want.name, got, want.took)
		}
	}
	s := c.Stats()
	if s.Reads != 4 || s.Activations != 3 || s.Precharges != 1 || s.RowHits != 1 || s.RowConflicts != 1 || s.RowMisses != 2 {
		t.Errorf("counts: %+v", s)
	}
}

func TestRefreshIsKept(t *testing.T) {
	s := HBM2()
	c, k := channel(t, s, Options{Outstanding: 16})
	var refreshes []int64
	c.SetLog(func(sent Sent) {
		if err := k.Check(sent); err != nil {
			t.Error(err)
		}
		if sent.Command == REF {
			refreshes = append(refreshes, sent.Cycle)
		}
	})
	addr, pushed := uint64(0), 0
	for now := int64(0); now < 40_000; now++ {
		if c.Push(now, addr, 0, false) {
			addr += 32
			pushed++
		}
		c.Pop(now)
		c.Step(now)
	}
	if len(refreshes) != 10 {
		t.Fatalf("%d refreshes in 40,000 cycles, want 10", len(refreshes))
	}
	for i, at := range refreshes {
		if due := int64(i+1) * int64(s.Timing.REFI); at < due || at > due+100 {
			t.Errorf("refresh %d due at %d sent at %d", i, due, at)
		}
	}
	if got := c.Stats().Reads; got < int64(pushed-16) {
		t.Errorf("%d of %d reads served", got, pushed)
	}
}

// Any traffic on any standard: every command legal, every read answered once, and the same cycles whether the
// controller is stepped in every cycle or only in those that Next names, and whether reads are planned or not, as with a log.
func TestRandomTraffic(t *testing.T) {
	for _, s := range Standards() {
		t.Run(s.Name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				span := rapid.SampledFrom([]int{10, 14, 16, 20, 25}).Draw(r, "address bits")
				gap := rapid.IntRange(0, 12).Draw(r, "gap")
				writes := rapid.IntRange(-3, 3).Draw(r, "writes of 4")
				length := rapid.SampledFrom([]uint64{1, 1, 4, 20, 40}).Draw(r, "bursts in sequence")
				outstanding := rapid.SampledFrom([]int{4, 16, 17, 40, 64}).Draw(r, "outstanding")
				seed := rapid.Uint64().Draw(r, "seed")
				run := func(every, logged bool) (answers [][2]int64, stats Stats) {
					c, err := NewController(s, Options{Outstanding: outstanding})
					if err != nil {
						r.Fatal(err)
					}
					k := NewChecker(s)
					if logged {
						c.SetLog(func(sent Sent) {
							if err := k.Check(sent); err != nil {
								r.Fatal(err)
							}
						})
					}
					x, addr := seed, seed>>8
					const n = 300
					var read, popped, sent int
					at := int64(0)
					for now := int64(0); sent < n || popped < read || c.QueuedWrites() > 0; now++ {
						if now > 200_000 {
							r.Fatalf("not finished: %d sent, %d of %d answered", sent, popped, read)
						}
						if sent < n && now >= at {
							y := x*6364136223846793005 + 1442695040888963407
							write := int(y>>60&3) < writes
							if c.Push(now, (addr+32)&(1<<span-1)&^31, uint32(sent), write) {
								if addr, x = addr+32, y; uint64(sent)%length == 0 {
									addr = y >> 20
								}
								sent++
								at = now + 1 + int64(y>>33)%int64(gap+1)
								if !write {
									read++
								}
							}
						}
						if tag, ok := c.Pop(now); ok {
							popped++
							answers = append(answers, [2]int64{now, int64(tag)})
						}
						if every {
							c.next = min(c.next, now)
						}
						c.Step(now)
					}
					return answers, c.Stats()
				}
				slow, slowStats := run(true, true)
				for _, logged := range []bool{true, false} {
					fast, fastStats := run(false, logged)
					if slowStats != fastStats || len(slow) != len(fast) {
						r.Fatalf("stepped %+v, by events (logged: %v) %+v", slowStats, logged, fastStats)
					}
					for i := range slow {
						if slow[i] != fast[i] {
							r.Fatalf("answer %d (cycle and tag) is %d when stepped, %d by events (logged: %v)", i, slow[i], fast[i], logged)
						}
					}
				}
			})
		})
	}
}

func TestNoAllocation(t *testing.T) {
	c, err := NewController(HBM2Reference(), Options{Outstanding: 16})
	if err != nil {
		t.Fatal(err)
	}
	now, addr := int64(0), uint64(0)
	if n := testing.AllocsPerRun(1000, func() {
		for range 100 {
			if c.Push(now, addr, 0, false) {
				addr += 1 << 9
			}
			c.Pop(now)
			c.Step(now)
			now++
		}
	}); n != 0 {
		t.Errorf("%v allocations per 100 cycles", n)
	}
}

func BenchmarkSequentialReads(b *testing.B) {
	c, err := NewController(HBM2Reference(), Options{Outstanding: 16})
	if err != nil {
		b.Fatal(err)
	}
	addr, now := uint64(0), int64(0)
	for n := 0; n < b.N; now++ {
		if c.Push(now, addr, 0, false) {
			addr += 32
		}
		if _, ok := c.Pop(now); ok {
			n++
		}
		c.Step(now)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mreads/s")
}
