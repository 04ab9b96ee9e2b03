package sweep

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// State is how far a sweep is.
type State struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Version string `json:"version"`
	Points  int    `json:"points"`
	Jobs    int    `json:"jobs"`
	Done    int    `json:"done"`
	Queued  uint64 `json:"queued"`     // jobs of this version that wait, of all sweeps
	Running int    `json:"in_hand"`    // jobs of this version that were given out, of all sweeps
	Workers int    `json:"workers"`    // of this version, alive
	Others  int    `json:"others"`     // workers of other versions, which this sweep has no use for
	Bad     int    `json:"distrusted"` // workers whose results were wrong
}

// Known replays what is stored of a plan: the results that are believed, nil where none is yet, and what was noticed.
func (b *Bus) Known(ctx context.Context, p *Plan) ([]*Result, Counts, error) {
	l, err := b.ledger(ctx, p)
	if err != nil {
		return nil, Counts{}, err
	}
	return l.results(), l.Counts, nil
}

// ledger rebuilds the ledger of a plan.
func (b *Bus) ledger(ctx context.Context, p *Plan) (*ledger, error) {
	l := newLedger(p)
	verdicts, err := b.snapshot(ctx, b.verdicts)
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	for key := range verdicts {
		if worker, ok := strings.CutPrefix(key, "worker."); ok {
			l.bad[worker] = true
		}
	}
	return l, b.replay(ctx, p, l, nil)
}

// replay reads what is stored of a plan into a ledger, and goes on with what comes as long as each, called first when all
// that is stored was read and then at every change, says so. Without each it ends there.
func (b *Bus) replay(ctx context.Context, p *Plan, l *ledger, each func() bool) error {
	ctx, cancel := context.WithCancel(ctx)
	entries := make(chan entry, 256)
	done := make(chan struct{})
	go func() { b.follow(ctx, p.Version, entries); close(done) }()
	defer func() { cancel(); <-done }()
	for ended := false; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-entries:
			if e.end {
				ended = true
			} else if i, _ := l.see(e.key, e.revision, e.value); i < 0 {
				continue
			}
			if ended && (each == nil || !each()) {
				return nil
			}
		}
	}
}

// Watch calls progress at every result until all are there.
func (b *Bus) Watch(ctx context.Context, p *Plan, progress func(done, total int)) error {
	l := newLedger(p)
	return b.replay(ctx, p, l, func() bool {
		progress(len(l.jobs)-l.left, len(l.jobs))
		return l.left > 0
	})
}

// State says how far a plan is.
func (b *Bus) State(ctx context.Context, p *Plan) (*State, error) {
	l, err := b.ledger(ctx, p)
	if err != nil {
		return nil, err
	}
	s := &State{ID: p.ID(), Name: p.Name, Kind: p.Kind, Version: p.Version, Points: len(p.Points), Jobs: len(l.jobs), Done: len(l.jobs) - l.left, Bad: len(l.bad)}
	consumer, err := b.consumer(ctx, p.Version)
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	if err := retry(ctx, func(ctx context.Context) error {
		var info *jetstream.ConsumerInfo
		if info, err = consumer.Info(ctx); err == nil {
			s.Queued, s.Running = info.NumPending, info.NumAckPending
		}
		return err
	}); err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	workers, err := b.Workers(ctx)
	for _, w := range workers {
		if w.Version == p.Version {
			s.Workers++
		} else {
			s.Others++
		}
	}
	return s, err
}
