package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// lie computes a job and changes one digit of what came out.
func lie(ctx context.Context, j *Job, files Files) (*Result, error) {
	r, err := compute(ctx, j, files)
	if err == nil {
		r.Values = bytes.Replace(r.Values, []byte(`"cycles":`), []byte(`"cycles":1`), 1)
		r.seal()
	}
	return r, err
}

// tinyGrid has four jobs that no other seed has.
func tinyGrid(seed int) string {
	return fmt.Sprintf("{name: tiny, kind: simulate, workloads: [{model: bert-base, tokens: 3}], schedules: [dense, paper-default], machines: [spatten, spatten-eighth], seeds: [%d]}", seed)
}

func TestWorkerThatIsWrongIsFoundAndDiscarded(t *testing.T) {
	p := planOf(t, smallGrid)
	want, _ := bytesOf(t, localTable(t, p, 1))
	b := testBus(t, 0)
	liar, honest := newWorker(t, b), newWorker(t, b)
	liar.compute = lie
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var fate error
	var group sync.WaitGroup
	group.Go(func() {
		fate = liar.Run(ctx, b)
		honest.Run(ctx, b) // comes when the other has gone
	})
	table, counts := coordinate(t, b, p, &Coordinator{Audit: 0.5, Log: t.Logf})
	cancel()
	group.Wait()
	if got, _ := bytesOf(t, table); got != want {
		t.Error("the table has values of a worker that was wrong")
	}
	if counts.Wrong == 0 || counts.Discarded == 0 {
		t.Errorf("noticed %+v", counts)
	}
	if !errors.Is(fate, errDistrusted) {
		t.Errorf("the wrong worker ended with %v", fate)
	}
}

// held is a compute that waits with one job until it may go on.
func held(id string, reached chan<- struct{}, release <-chan struct{}) func(context.Context, *Job, Files) (*Result, error) {
	return func(ctx context.Context, j *Job, files Files) (*Result, error) {
		if j.ID() == id {
			reached <- struct{}{}
			<-release
		}
		return compute(ctx, j, files)
	}
}

func TestResultsThatAreLateTwiceOrOfAnotherVersion(t *testing.T) {
	p := planOf(t, tinyGrid(1))
	want, _ := bytesOf(t, localTable(t, p, 1))
	ctx := context.Background()
	cache, err := NewCache(t.TempDir(), p.copyFrom)
	if err != nil {
		t.Fatal(err)
	}
	result := func(worker string, i int, change func(*Result)) *Result {
		r, err := compute(ctx, &p.Jobs[i], cache)
		if err != nil {
			t.Fatal(err)
		}
		r.Worker = worker
		if change != nil {
			change(r)
		}
		return r
	}
	put := func(b *Bus, i int, r *Result) { // as one who does not ask whether a result is there
		value, _ := json.Marshal(r)
		if _, err := b.results.Put(ctx, resultKey(p.Version, p.Jobs[i].ID()), value); err != nil {
			t.Error(err)
		}
	}
	for name, c := range map[string]struct {
		inject func(b *Bus) // while the last job is being computed and the others are done
		want   func(Counts) bool
	}{
		"late": {func(b *Bus) {
			if first, err := b.store(ctx, result("late", 0, nil)); first == nil || err != nil {
				t.Errorf("late: %v, %v", first, err)
			}
		}, func(c Counts) bool { return c.Duplicates == 1 && c.Conflicts == 0 }},
		"twice": {func(b *Bus) { put(b, 0, result("again", 0, nil)); put(b, 0, result("again", 0, nil)) }, func(c Counts) bool { return c.Duplicates == 2 && c.Conflicts == 0 }},
		"late and wrong": {func(b *Bus) {
			r := result("liar", 0, nil)
			r.Values = []byte(`{"cycles":1}`)
			if first, err := b.store(ctx, r.seal()); first == nil || err != nil {
				t.Errorf("late: %v, %v", first, err)
			}
		}, func(c Counts) bool { return c.Conflicts == 1 && c.Wrong == 1 }},
		"written over": {func(b *Bus) {
			put(b, 0, result("liar", 0, func(r *Result) { r.Values = []byte(`{"cycles":1}`); r.seal() }))
		}, func(c Counts) bool { return c.Conflicts == 1 && c.Wrong == 1 }},
		"another version": {func(b *Bus) { put(b, 0, result("old", 0, func(r *Result) { r.Version = "old"; r.seal() })) }, func(c Counts) bool { return c.Refused == 1 }},
		"of another job":  {func(b *Bus) { put(b, 0, result("mixed", 1, nil)) }, func(c Counts) bool { return c.Refused == 1 }},
		"damaged":         {func(b *Bus) { put(b, 0, result("damaged", 0, func(r *Result) { r.Values = []byte(`{"cycles":1}`) })) }, func(c Counts) bool { return c.Refused == 1 }},
		"no result at all": {func(b *Bus) {
			if _, err := b.results.Put(ctx, resultKey(p.Version, p.Jobs[0].ID()), []byte("garbage")); err != nil {
				t.Error(err)
			}
		}, func(c Counts) bool { return c.Refused == 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			b := testBus(t, 0)
			reached, release := make(chan struct{}), make(chan struct{})
			one, two := newWorker(t, b), newWorker(t, b)
			one.compute = held(p.Jobs[len(p.Jobs)-1].ID(), reached, release)
			two.compute = one.compute
			work(t, b, one, two)
			others := make(chan struct{})
			go func() {
				<-reached
				<-others
				c.inject(b)
				time.Sleep(50 * time.Millisecond)
				close(release)
				for range reached {
				}
			}()
			var once sync.Once
			table, counts := coordinate(t, b, p, &Coordinator{Log: t.Logf, Progress: func(done, total int) {
				if done >= total-1 {
					once.Do(func() { close(others) })
				}
			}})
			if got, _ := bytesOf(t, table); got != want {
				t.Error("the table is not that of one process")
			}
			if !c.want(counts) {
				t.Errorf("noticed %+v", counts)
			}
		})
	}
}

func TestWorkersTakeJobsOfTheirOwnVersionOnly(t *testing.T) {
	p := planOf(t, tinyGrid(2))
	b := testBus(t, 0)
	ctx := context.Background()
	old := newWorker(t, b)
	old.version = "old"
	ours := newWorker(t, b)
	stop := work(t, b, old, ours)
	foreign := p.Jobs[0]
	foreign.Version = "old" // under our subject
	if _, err := b.js.Publish(ctx, subject(p.Version, foreign.ID()), foreign.encode()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.js.Publish(ctx, subject(p.Version, "0"), []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	coordinate(t, b, p, &Coordinator{Log: t.Logf})
	stop()
	if ours.tally.Done != len(p.Jobs) || ours.tally.Refused != 2 || old.tally.Done+old.tally.Refused != 0 {
		t.Errorf("ours: %+v; old: %+v", ours.tally, old.tally)
	}
	p.Version = "old"
	if _, _, err := (&Coordinator{}).Run(ctx, b, p); err == nil || !strings.Contains(err.Error(), `of version "old"`) {
		t.Errorf("a coordinator of another version: %v", err)
	}
}

func TestJobsThatAreLostAreQueuedAgain(t *testing.T) {
	p := planOf(t, tinyGrid(3))
	b := testBus(t, 300*time.Millisecond)
	lost := false
	c := &Coordinator{Log: t.Logf, step: nil}
	c.Progress = func(done, total int) {
		if !lost && done == 0 {
			lost = true
			go func() { // all that was acknowledged is gone, before a worker comes
				time.Sleep(300 * time.Millisecond)
				if err := b.jobs.Purge(context.Background()); err != nil {
					t.Error(err)
				}
				w, err := NewWorker(b, t.TempDir(), t.Logf)
				if err != nil {
					t.Error(err)
				}
				work(t, b, w)
			}()
		}
	}
	coordinate(t, b, p, c)
}

// TestCoordinatorKilledAnywhere stops the coordinator at every step of its log in turn, and lets another go on.
func TestCoordinatorKilledAnywhere(t *testing.T) {
	b := testBus(t, 0)
	killed := errors.New("killed")
	work(t, b, newWorker(t, b))
	cache, err := NewCache(t.TempDir(), b.Fetch)
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	for k, ended := 0, false; !ended; k++ {
		p := planOf(t, strings.Replace(tinyGrid(100+k), ", spatten-eighth", "", 1))
		want, _ := bytesOf(t, localTable(t, p, 1))
		liar := newWorker(t, b)
		liar.compute = lie
		stop := work(t, b, liar)
		run := func(at int) error {
			n, mu := 0, sync.Mutex{}
			c := &Coordinator{Audit: 1, Files: cache, step: func(event string) error {
				mu.Lock()
				defer mu.Unlock()
				if n++; n > at {
					log = append(log, event)
					return killed
				}
				return nil
			}}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			results, _, err := c.Run(ctx, b, p)
			if err != nil {
				return err
			}
			table, err := p.Table(results)
			if err != nil {
				return err
			}
			if got, _ := bytesOf(t, table); got != want {
				t.Errorf("killed at step %d: another table", at)
			}
			return nil
		}
		if err := run(k); err == nil {
			ended = true
		} else if !errors.Is(err, killed) {
			t.Fatal(err)
		} else if err := run(1 << 30); err != nil {
			t.Fatal(err)
		}
		stop()
	}
	if len(log) < 12 {
		t.Errorf("the log has only %d steps", len(log))
	}
	t.Logf("killed at %d steps, the last: %s", len(log), strings.Join(log[max(0, len(log)-8):], ", "))
}
