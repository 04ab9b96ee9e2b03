package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// entry is a change of the store of results.
type entry struct {
	key      string
	revision uint64
	value    []byte // nil: the key was emptied
	end      bool   // not a change: what was stored at the start has been given
}

// silence is how long a watch may say nothing before it is made anew: it may have been lost with its server.
const silence = 10 * time.Second

// follow gives every change of a version's results, in order, from the first that is kept; until ctx is done.
func (b *Bus) follow(ctx context.Context, version string, to chan<- entry) {
	last, ended := uint64(0), false
	for ctx.Err() == nil {
		last, ended = b.followOnce(ctx, version, to, last, ended)
		pause(ctx, retryPause)
	}
}

func (b *Bus) followOnce(ctx context.Context, version string, to chan<- entry, last uint64, ended bool) (uint64, bool) {
	options := []jetstream.WatchOpt{jetstream.IncludeHistory()}
	if last > 0 {
		options = append(options, jetstream.ResumeFromRevision(last+1))
	}
	w, err := b.results.Watch(ctx, versionToken(version)+".>", options...)
	if err != nil {
		return last, ended
	}
	defer w.Stop()
	for {
		var e entry
		select {
		case <-ctx.Done():
			return last, ended
		case <-time.After(silence):
			return last, ended
		case change, ok := <-w.Updates():
			switch {
			case !ok:
				return last, ended
			case change == nil && ended:
				continue
			case change == nil:
				e.end, ended = true, true
			case change.Revision() <= last:
				continue
			default:
				e = entry{key: change.Key(), revision: change.Revision()}
				if change.Operation() == jetstream.KeyValuePut {
					e.value = append([]byte{}, change.Value()...)
				}
				last = e.revision
			}
		}
		select {
		case <-ctx.Done():
			return last, ended
		case to <- e:
		}
	}
}

// snapshot returns what a bucket holds.
func (b *Bus) snapshot(ctx context.Context, kv jetstream.KeyValue) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := retry(ctx, func(ctx context.Context) error {
		clear(out)
		w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
		if err != nil {
			return err
		}
		defer w.Stop()
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case e, ok := <-w.Updates():
				if !ok {
					return errors.New("the watch ended")
				}
				if e == nil {
					return nil
				}
				out[e.Key()] = e.Value()
			}
		}
	})
	return out, err
}

// empty empties a key, if it has not changed since that revision.
func (b *Bus) empty(ctx context.Context, key string, revision uint64) error {
	err := retry(ctx, func(ctx context.Context) error {
		return b.results.Purge(ctx, key, jetstream.LastRevision(revision))
	})
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return nil // there is news of it, which the watch brings
	}
	return err
}

// overrule stores a result whatever is there.
func (b *Bus) overrule(ctx context.Context, r *Result) error {
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return retry(ctx, func(ctx context.Context) error {
		_, err := b.results.Put(ctx, resultKey(r.Version, r.Job), value)
		return err
	})
}

// rule writes a verdict down.
func (b *Bus) rule(ctx context.Context, key, value string) error {
	return retry(ctx, func(ctx context.Context) error {
		_, err := b.verdicts.Put(ctx, key, []byte(value))
		return err
	})
}

// dismiss tells a worker that it is not trusted any more. If that is lost, the worker finds out at its next sign of life.
func (b *Bus) dismiss(worker string) { b.conn.Publish(dismissal+worker, nil) }

// dismissed calls back when a worker is dismissed.
func (b *Bus) dismissed(worker string, call func()) (stop func(), err error) {
	s, err := b.conn.Subscribe(dismissal+worker, func(*nats.Msg) { call() })
	if err != nil {
		return nil, err
	}
	return func() { s.Unsubscribe() }, nil
}

// Sweep is a sweep that was started.
type Sweep struct {
	ID, Name string
	Started  time.Time
}

// Sweeps lists what was started, the newest first.
func (b *Bus) Sweeps(ctx context.Context) ([]Sweep, error) {
	var out []Sweep
	err := retry(ctx, func(ctx context.Context) error {
		out = nil
		keys, err := b.sweeps.Keys(ctx)
		if errors.Is(err, jetstream.ErrNoKeysFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, key := range keys {
			e, err := b.sweeps.Get(ctx, key)
			if err != nil {
				return err
			}
			out = append(out, Sweep{key, string(e.Value()), e.Created()})
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Sweep) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, err
}

// aliveFor is how long after its last sign a worker is taken for alive.
const aliveFor = 15 * reportage

// Workers lists the workers that gave a sign lately.
func (b *Bus) Workers(ctx context.Context) ([]Tally, error) {
	values, err := b.snapshot(ctx, b.workers)
	if err != nil {
		return nil, err
	}
	var out []Tally
	for _, v := range values {
		var t Tally
		if json.Unmarshal(v, &t) == nil && time.Since(t.Seen) < aliveFor {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b Tally) int { return strings.Compare(a.Worker, b.Worker) })
	return out, nil
}
