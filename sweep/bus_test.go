package sweep

import (
	"context"
	"sync"
	"testing"
	"time"
)

// testBus starts a server in this process and connects to it.
func testBus(t testing.TB, ackWait time.Duration) *Bus {
	t.Helper()
	s, err := StartServer(ServerOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	b, err := Connect(context.Background(), BusOptions{Server: s, AckWait: ackWait}, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// work starts workers until the test ends, or stop is called.
func work(t testing.TB, b *Bus, workers ...*Worker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() { w.Run(ctx, b) })
	}
	stop = func() { cancel(); group.Wait() }
	t.Cleanup(stop)
	return stop
}

func newWorker(t testing.TB, b *Bus) *Worker {
	t.Helper()
	w, err := NewWorker(b, t.TempDir(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// coordinate sees a plan through, and returns the table.
func coordinate(t testing.TB, b *Bus, p *Plan, c *Coordinator) (*Table, Counts) {
	t.Helper()
	if c.Files == nil {
		cache, err := NewCache(t.TempDir(), b.Fetch)
		if err != nil {
			t.Fatal(err)
		}
		c.Files = cache
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	results, counts, err := c.Run(ctx, b, p)
	if err != nil {
		t.Fatal(err)
	}
	table, err := p.Table(results)
	if err != nil {
		t.Fatal(err)
	}
	return table, counts
}

func TestManyWorkersMakeTheTableOfOneProcess(t *testing.T) {
	p := planOf(t, smallGrid)
	want, wantParquet := bytesOf(t, localTable(t, p, 1))
	b := testBus(t, 0)
	stop := work(t, b, newWorker(t, b), newWorker(t, b))
	table, counts := coordinate(t, b, p, &Coordinator{Audit: 0.3, Log: t.Logf})
	if got, parquet := bytesOf(t, table); got != want || parquet != wantParquet {
		t.Error("the table differs from that of one process")
	}
	if counts.Audited == 0 || counts != (Counts{Audited: counts.Audited}) {
		t.Errorf("noticed %+v", counts)
	}
	stop()
	// The same grid again needs no worker, and what was audited is not computed again.
	table, counts = coordinate(t, b, p, &Coordinator{Audit: 0.3, Log: t.Logf})
	if got, _ := bytesOf(t, table); got != want || counts != (Counts{}) {
		t.Errorf("a second time: noticed %+v", counts)
	}
	again, err := b.Plan(context.Background(), "small")
	if err != nil || again.ID() != p.ID() {
		t.Errorf("the plan that is remembered: %v", err)
	}
}
