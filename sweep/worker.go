package sweep

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Worker computes jobs of its own version of the code, one at a time, until it is told to stop. Any number may come and go
// at any time; one that dies leaves its job to the others.
type Worker struct {
	ID    string // of this process; see NewWorkerID
	Files Files
	Log   func(format string, args ...any) // nil: silent

	compute func(context.Context, *Job, Files) (*Result, error) // tests put faults in its place
	version string                                              // the same
	mu      sync.Mutex
	tally   Tally
}

// Tally is what a worker says of itself.
type Tally struct {
	Worker     string    `json:"worker"`
	Version    string    `json:"version"`
	Seen       time.Time `json:"seen"`
	Done       int       `json:"done"`       // results stored
	Skipped    int       `json:"skipped"`    // jobs that had a result already when they came
	Duplicates int       `json:"duplicates"` // results that another had stored in the meantime: late
	Conflicts  int       `json:"conflicts"`  // of those, unequal ones
	Refused    int       `json:"refused"`    // jobs of another version, or damaged
	Failed     int       `json:"failed"`     // jobs given back, as a file could not be had
}

// NewWorkerID names a process of this machine, so that people can find it.
func NewWorkerID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	host = strings.Map(func(r rune) rune {
		if r < 128 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-') {
			return r
		}
		return '-'
	}, host)
	return fmt.Sprintf("%s-%d-%.8s", host, os.Getpid(), rand.Text())
}

const (
	pull      = 2 * time.Second // a request for a job
	reportage = 2 * time.Second // between a worker's signs of life
	giveBack  = time.Second     // until a job that was given back is given out again
)

// Run works until ctx is done. It returns early only if the coordinator has found its results to be wrong.
func (w *Worker) Run(ctx context.Context, b *Bus) error {
	if w.compute == nil {
		w.compute = compute
	}
	version := cmp.Or(w.version, Version())
	w.tally = Tally{Worker: w.ID, Version: version}
	consumer, err := b.consumer(ctx, version)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep: worker: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel(nil)
	group.Go(func() { w.report(ctx, cancel, b) })
	unsubscribe, err := b.dismissed(w.ID, func() { cancel(errDistrusted) })
	if err != nil {
		return fmt.Errorf("sweep: worker: %w", err)
	}
	defer unsubscribe()
	for ctx.Err() == nil {
		msg, err := w.next(ctx, consumer)
		if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrConsumerDeleted) {
			consumer, err = b.consumer(ctx, version)
		}
		if err != nil {
			pause(ctx, retryPause)
			continue
		}
		if msg == nil {
			continue
		}
		w.take(ctx, b, msg, version)
	}
	if err := context.Cause(ctx); errors.Is(err, errDistrusted) {
		return err
	}
	return nil
}

// next asks for a job.
func (w *Worker) next(ctx context.Context, consumer jetstream.Consumer) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, pull)
	defer cancel()
	return consumer.Next(jetstream.FetchContext(ctx))
}

// errDistrusted ends a worker whose results were wrong.
var errDistrusted = errors.New("sweep: the coordinator computed other results than this worker; see to this machine's memory and processor")

// report gives signs of life, and asks whether the worker is still trusted.
func (w *Worker) report(ctx context.Context, cancel context.CancelCauseFunc, b *Bus) {
	for {
		w.mu.Lock()
		w.tally.Seen = time.Now().UTC()
		value, _ := json.Marshal(&w.tally)
		w.mu.Unlock()
		once, done := context.WithTimeout(ctx, attempt)
		b.workers.Put(once, w.ID, value)
		if _, err := b.verdicts.Get(once, "worker."+w.ID); err == nil {
			cancel(errDistrusted)
		}
		done()
		if !pause(ctx, reportage) {
			return
		}
	}
}

// pause waits, and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// count changes the tally.
func (w *Worker) count(n *int) {
	w.mu.Lock()
	*n++
	w.mu.Unlock()
}

func (w *Worker) log(format string, args ...any) {
	if w.Log != nil {
		w.Log(format, args...)
	}
}

// take computes the job of a message, stores the result, and only then acknowledges the message.
func (w *Worker) take(ctx context.Context, b *Bus, msg jetstream.Msg, version string) {
	var j Job
	err := json.Unmarshal(msg.Data(), &j)
	if id := j.ID(); err != nil || j.Version != version || msg.Subject() != subject(version, id) {
		w.count(&w.tally.Refused)
		w.log("refused %s: a job of another version (%q), or damaged", msg.Subject(), j.Version)
		msg.Term() // whoever waits for it queues it again
		return
	}
	id := j.ID()
	if r, err := b.result(ctx, version, id); err != nil {
		msg.NakWithDelay(giveBack)
		return
	} else if r != nil {
		w.count(&w.tally.Skipped)
		w.acknowledge(ctx, msg)
		return
	}
	r, err := w.alive(ctx, b, msg, &j)
	if err != nil {
		w.count(&w.tally.Failed)
		w.log("job %.12s given back: %v", id, err)
		msg.NakWithDelay(giveBack)
		return
	}
	r.Worker = w.ID
	first, err := b.store(ctx, r)
	switch {
	case err != nil:
		w.count(&w.tally.Failed)
		w.log("job %.12s: its result cannot be stored: %v", id, err)
		msg.NakWithDelay(giveBack)
		return
	case first == nil:
		w.count(&w.tally.Done)
	case first.Hash == r.Hash:
		w.count(&w.tally.Duplicates)
		w.log("job %.12s: late, %s was first; the results are equal", id, first.Worker)
	default:
		w.count(&w.tally.Conflicts)
		w.log("job %.12s: %s has stored another result; the coordinator will settle it", id, first.Worker)
	}
	w.acknowledge(ctx, msg)
}

// acknowledge takes a job from the queue. If that is lost, the job comes again, and finds its result.
func (w *Worker) acknowledge(ctx context.Context, msg jetstream.Msg) {
	once, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	msg.DoubleAck(once)
}

// alive computes a job, and tells the server that it is being computed.
func (w *Worker) alive(ctx context.Context, b *Bus, msg jetstream.Msg, j *Job) (*Result, error) {
	beat, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	group.Go(func() {
		for pause(beat, b.ackWait/3) {
			msg.InProgress()
		}
	})
	return w.compute(ctx, j, w.Files)
}

// NewWorker makes a worker that keeps files in a folder.
func NewWorker(b *Bus, cacheDir string, log func(format string, args ...any)) (*Worker, error) {
	cache, err := NewCache(cacheDir, b.Fetch)
	if err != nil {
		return nil, err
	}
	return &Worker{ID: NewWorkerID(), Files: cache, Log: log}, nil
}
