package sweep

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Coordinator sees a plan through: it queues jobs, watches results, and decides which are believed. It keeps nothing that
// is not in the plan and in the stores: killed at any moment, another one goes on.
type Coordinator struct {
	Audit    float64 // share of the jobs that are computed here too
	Files    Files   // for those
	Log      func(format string, args ...any)
	Progress func(done, total int)

	compute func(context.Context, *Job, Files) (*Result, error)
	step    func(event string) error // tests stop it here, before and after everything that is seen outside

	b      *Bus
	l      *ledger
	p      *Plan
	queued []bool // jobs that wait or are being computed, as far as is known here
}

const (
	atOnce    = 16               // requests under way while many jobs are queued
	patrol    = 2 * time.Second  // between looks at the queue
	nagging   = 30 * time.Second // between complaints that no worker comes
	maxQueued = 8                // times that a job is queued, before something must be wrong with it
)

// Run returns the results of all jobs, by index, and what was noticed.
func (c *Coordinator) Run(ctx context.Context, b *Bus, p *Plan) ([]*Result, Counts, error) {
	if p.Version != Version() {
		return nil, Counts{}, fmt.Errorf("sweep: the sweep is of version %q, this program is %q; use that one, or run the grid again", p.Version, Version())
	}
	if c.compute == nil {
		c.compute = compute
	}
	c.b, c.p, c.l, c.queued = b, p, newLedger(p), make([]bool, len(p.Jobs))
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	if err := c.prepare(ctx); err != nil {
		return nil, c.l.Counts, err
	}
	entries := make(chan entry, 256)
	group.Go(func() { b.follow(ctx, p.Version, entries) })
	if err := c.replay(ctx, entries); err != nil {
		return nil, c.l.Counts, err
	}
	suspects, verdicts := make(chan int, len(p.Jobs)), make(chan verdict)
	group.Go(func() { c.computeHere(ctx, suspects, verdicts) })
	err := c.watch(ctx, entries, suspects, verdicts)
	return c.l.results(), c.l.Counts, err
}

// do carries out what is seen outside.
func (c *Coordinator) do(event string, act func() error) error {
	if c.step != nil {
		if err := c.step(event); err != nil {
			return err
		}
	}
	if err := act(); err != nil {
		return fmt.Errorf("sweep: %s: %w", event, err)
	}
	if c.step != nil {
		return c.step(event)
	}
	return nil
}

func (c *Coordinator) log(format string, args ...any) {
	if c.Log != nil && format != "" {
		c.Log(format, args...)
	}
}

// prepare uploads what workers need, and reads what earlier coordinators found out about workers.
func (c *Coordinator) prepare(ctx context.Context) error {
	for _, h := range slices.Sorted(maps.Keys(c.p.files)) {
		if err := c.do("store file "+h[:12], func() error { return c.b.put(ctx, h, c.p.files[h]) }); err != nil {
			return err
		}
	}
	if err := c.do("remember the plan", func() error { return c.b.remember(ctx, c.p) }); err != nil {
		return err
	}
	if _, err := c.b.consumer(ctx, c.p.Version); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	verdicts, err := c.b.snapshot(ctx, c.b.verdicts)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	for key, value := range verdicts {
		if worker, ok := strings.CutPrefix(key, "worker."); ok {
			c.l.bad[worker] = true
		} else if id, ok := strings.CutPrefix(key, "job."); ok {
			c.l.audited[id] = string(value)
		}
	}
	return nil
}

// replay reads what is stored already.
func (c *Coordinator) replay(ctx context.Context, entries <-chan entry) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-entries:
			if e.end {
				c.progress()
				return nil
			}
			if _, note := c.l.see(e.key, e.revision, e.value); note != "" {
				c.log("%s", note)
			}
		}
	}
}

func (c *Coordinator) progress() {
	if c.Progress != nil {
		c.Progress(len(c.l.jobs)-c.l.left, len(c.l.jobs))
	}
}

// watch settles every job, and settles it again at each news, until all have results and no suspect is left.
func (c *Coordinator) watch(ctx context.Context, entries <-chan entry, suspects chan<- int, verdicts <-chan verdict) error {
	under := map[int]bool{} // suspects that are being computed
	suspect := func(i int) {
		if !under[i] && c.l.suspect(i, c.Audit) {
			under[i] = true
			suspects <- i
		}
	}
	all := make([]int, len(c.l.jobs))
	for i := range all {
		all[i] = i
		suspect(i)
	}
	if err := c.settle(ctx, all); err != nil {
		return err
	}
	look := time.NewTicker(patrol)
	defer look.Stop()
	news, nagged := time.Now(), time.Now()
	for c.l.left > 0 || len(under) > 0 {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-entries:
			i, note := c.l.see(e.key, e.revision, e.value)
			if i < 0 {
				continue
			}
			if note != "" {
				c.log("%s", note)
			}
			news = time.Now()
			c.progress()
			suspect(i)
			err = c.settle(ctx, []int{i})
		case v := <-verdicts:
			delete(under, v.job)
			news = time.Now()
			err = c.sentence(ctx, v)
			suspect(v.job)
		case <-look.C:
			if time.Since(news) > 2*c.b.ackWait {
				news = time.Now()
				err = c.repair(ctx)
			}
			if min(time.Since(nagged), time.Since(news)) > nagging {
				nagged = time.Now()
				c.nag(ctx)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settle empties the keys of jobs that hold what cannot be used, and queues those that have no result.
func (c *Coordinator) settle(ctx context.Context, jobs []int) error {
	var group sync.WaitGroup
	errs := make(chan error, len(jobs))
	slots := make(chan struct{}, atOnce)
	if c.step != nil {
		slots = make(chan struct{}, 1) // in a known order
	}
	for _, i := range jobs {
		a := &c.l.jobs[i]
		if a.result != nil {
			c.queued[i] = false
			continue
		}
		if c.queued[i] && !a.dirty {
			continue
		}
		c.queued[i] = true
		if a.tries++; a.tries > maxQueued {
			return fmt.Errorf("sweep: job %.12s was queued %d times and has no result; its workers die of it, or answer wrongly", a.id, maxQueued)
		}
		dirty := a.dirty
		a.dirty = false
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if dirty {
				if err := c.again(ctx, i); err != nil {
					errs <- err
					return
				}
			}
			if err := c.do("queue "+a.id[:12], func() error { return c.b.queue(ctx, &c.p.Jobs[i], rand.Text()) }); err != nil {
				errs <- err
			}
		})
		if len(errs) > 0 {
			break
		}
	}
	group.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// again makes room for a job that has been computed: in the store, and in the queue, where it stands as long as its worker
// has not acknowledged it.
func (c *Coordinator) again(ctx context.Context, i int) error {
	a := &c.l.jobs[i]
	if err := c.do("empty the result of "+a.id[:12], func() error { return c.b.empty(ctx, a.key, a.revision) }); err != nil {
		return err
	}
	return c.do("take from the queue "+a.id[:12], func() error { return c.b.unqueue(ctx, &c.p.Jobs[i]) })
}

// verdict is a job that was computed here.
type verdict struct {
	job   int
	truth *Result
	err   error
}

// computeHere computes suspects.
func (c *Coordinator) computeHere(ctx context.Context, suspects <-chan int, verdicts chan<- verdict) {
	for {
		select {
		case <-ctx.Done():
			return
		case i := <-suspects:
			v := verdict{job: i}
			v.truth, v.err = c.compute(ctx, &c.p.Jobs[i], c.Files)
			select {
			case <-ctx.Done():
				return
			case verdicts <- v:
			}
		}
	}
}

// sentence acts on a job that was computed here. Workers that are wrong are written down first: whoever goes on after this
// process knows them, and takes their results back.
func (c *Coordinator) sentence(ctx context.Context, v verdict) error {
	if v.err != nil {
		return fmt.Errorf("sweep: audit: %w", v.err)
	}
	a := &c.l.jobs[v.job]
	disputed := a.disputed
	wrong := c.l.judge(v.job, v.truth)
	var again []int
	for _, worker := range wrong {
		if err := c.do("distrust "+worker, func() error { return c.b.rule(ctx, "worker."+worker, a.id) }); err != nil {
			return err
		}
		c.b.dismiss(worker)
		jobs := c.l.distrust(worker)
		c.log("worker %s was wrong about job %.12s: %d of its results are discarded and computed again", worker, a.id, len(jobs))
		again = append(again, jobs...)
	}
	if disputed || len(wrong) > 0 {
		v.truth.Worker = coordinator
		if err := c.do("store "+a.id[:12], func() error { return c.b.overrule(ctx, v.truth) }); err != nil {
			return err
		}
		a.dirty = false // the truth is there
		again = slices.DeleteFunc(again, func(i int) bool { return i == v.job })
	}
	if err := c.do("audit "+a.id[:12], func() error { return c.b.rule(ctx, "job."+a.id, v.truth.Hash) }); err != nil {
		return err
	}
	return c.settle(ctx, again)
}

// repair queues jobs again that are neither queued nor with a worker, and have no result: their message was lost, or given
// out too often.
func (c *Coordinator) repair(ctx context.Context) error {
	consumer, err := c.b.consumer(ctx, c.p.Version)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	var info *jetstream.ConsumerInfo
	if err := retry(ctx, func(ctx context.Context) (err error) { info, err = consumer.Info(ctx); return err }); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	if info.NumPending > 0 || info.NumAckPending > 0 {
		return nil
	}
	var lost []int
	for i := range c.l.jobs {
		if c.l.jobs[i].result == nil {
			lost = append(lost, i)
			c.queued[i] = false
			if err := c.do("take from the queue "+c.l.jobs[i].id[:12], func() error { return c.b.unqueue(ctx, &c.p.Jobs[i]) }); err != nil {
				return err
			}
		}
	}
	if len(lost) > 0 {
		c.log("%d jobs were lost or given out %d times without a result; they are queued again", len(lost), deliveries)
	}
	return c.settle(ctx, lost)
}

// nag says so if nobody works.
func (c *Coordinator) nag(ctx context.Context) {
	workers, err := c.b.Workers(ctx)
	if err != nil || c.l.left == 0 {
		return
	}
	others := ""
	for _, w := range workers {
		if w.Version == c.p.Version {
			return
		}
		others = fmt.Sprintf("; there are workers of version %q, this sweep needs %q", w.Version, c.p.Version)
	}
	c.log("%d jobs wait, but no worker takes them: start some with 'spatten sweep work --nats URL'%s", c.l.left, others)
}
