package tensor

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// counting counts how often each item ran, and on which workers.
type counting struct {
	items   [1000]atomic.Int32
	busy    [8]atomic.Bool
	overlap atomic.Bool
}

func (t *counting) Run(worker, i int) {
	if !t.busy[worker].CompareAndSwap(false, true) {
		t.overlap.Store(true)
	}
	t.items[i].Add(1)
	t.busy[worker].Store(false)
}

func TestDoRunsEveryItemOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		c := NewCPU(threads, F32)
		for round := range 300 {
			task := new(counting)
			n := round * 7 % 1000
			c.Do(n, task)
			for i := range task.items {
				want := int32(0)
				if i < n {
					want = 1
				}
				if got := task.items[i].Load(); got != want {
					t.Fatalf("%d threads, %d items: item %d ran %d times", threads, n, i, got)
				}
			}
			if task.overlap.Load() {
				t.Fatalf("%d threads: a worker ran two items at once", threads)
			}
			if round%100 == 99 {
				time.Sleep(time.Millisecond) // long enough for helpers to lie down
			}
		}
		c.Close()
	}
}

func TestCloseEndsTheWorkers(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 10 {
		c := NewCPU(4, F32)
		c.Do(16, new(counting))
		c.Close()
	}
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d goroutines after closing, %d before", runtime.NumGoroutine(), before)
}

func TestThreadsAndPrecision(t *testing.T) {
	c := NewCPU(0, Int8)
	defer c.Close()
	if c.Threads() != runtime.GOMAXPROCS(0) || c.Precision() != Int8 || c.Precision().String() != "int8" || F32.String() != "f32" {
		t.Errorf("%d threads in %v", c.Threads(), c.Precision())
	}
}

func TestChooseFallsBackToTheFastest(t *testing.T) {
	for _, k := range available() {
		if got := choose(k.name); got.name != k.name {
			t.Errorf("asked for %s, got %s", k.name, got.name)
		}
	}
	if got := choose("of another machine"); got.name != available()[0].name {
		t.Errorf("an unknown set gives %s", got.name)
	}
}
