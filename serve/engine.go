// Package serve is stage 9 for those who call over a network: it reads HTTP requests and writes texts, embeddings and
// pictures of what was pruned. Many requests share the weights of a model; each has its own sequence.
package serve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"spatten/generate"
	"spatten/model"
)

// Limits bound what an Engine takes on.
type Limits struct {
	Queue      int   // requests that wait for a place
	Active     int   // requests that are served at once
	CacheBytes int64 // keys and values of all of them together
	Prefill    int   // tokens of prompts a pass, where the schedule leaves the chunk open
}

// Reasons why a request is not taken on, or given up.
var (
	ErrQueueFull = errors.New("serve: the queue is full; try again later")
	ErrTooLarge  = errors.New("serve: the request needs more cache memory than the server has for all requests")
	ErrClosed    = errors.New("serve: the server is shutting down")
	ErrSlow      = errors.New("serve: the client did not read what was sent to it")
)

// Event is one step of a job: a token, or its end.
type Event struct {
	Token  generate.Token
	Result *generate.Result // of the whole text, with the last event
	Err    error            // the last event too
}

// Job is one text that is being continued. Its Events end with one that has a Result or an Err.
type Job struct {
	Events <-chan Event

	events   chan Event
	ctx      context.Context
	prompt   []int32
	options  generate.Options
	reserved int64
	stream   *generate.Stream
	arrived  time.Time
	stalled  time.Time // since when the client has not read; zero while it does
	prefill  time.Duration
	began    time.Time
}

// eventBuffer is how many tokens a client may lag behind before its job pauses.
const eventBuffer = 32

// stallLimit is how long a job may pause for its client before it is given up.
const stallLimit = 30 * time.Second

// Engine continues the texts of many requests with one model: each pass of the model takes the next chunk of all of
// them (continuous batching). A request's text is the same whatever is served beside it.
type Engine struct {
	name    string
	gen     *generate.Generator
	limits  Limits
	memory  *Memory
	turn    *sync.Mutex // one pass at a time over all engines: they share the cores
	prefix  *prefixes
	observe Observer

	mu      sync.Mutex
	wake    *sync.Cond
	waiting []*Job
	active  int
	closing bool
	stopped chan struct{}
}

// Observer is told what an engine does; metrics implement it.
type Observer interface {
	Queued(model string, waiting, active int)
	Prefilled(model string, tokens int)
	First(model string, wait time.Duration)
	Decoded(model string, tokens int)
	Finished(model string, result *generate.Result)
}

// NewEngine starts an engine. Engines that share cores share turn and memory.
func NewEngine(name string, gen *generate.Generator, limits Limits, memory *Memory, turn *sync.Mutex, o Observer) *Engine {
	e := &Engine{name: name, gen: gen, limits: limits, memory: memory, turn: turn, observe: o, stopped: make(chan struct{})}
	e.wake = sync.NewCond(&e.mu)
	e.prefix = newPrefixes(memory, limits.CacheBytes/4)
	go e.loop()
	return e
}

// Submit queues a prompt. The job ends early when ctx does.
func (e *Engine) Submit(ctx context.Context, prompt []int32, o generate.Options) (*Job, error) {
	info := e.gen.Model.Info()
	tokens := len(prompt) + o.MaxTokens
	if o.MaxTokens == 0 || tokens > info.MaxPositions {
		tokens = info.MaxPositions
	}
	o.Chunk = e.limits.Prefill
	need, err := o.Schedule.CacheBytes(info.Shape(), tokens, o.CacheBits)
	if err != nil {
		return nil, err
	}
	if need > e.limits.CacheBytes {
		return nil, fmt.Errorf("%w: %d MB for %d tokens, of %d MB; ask for fewer tokens or a tighter schedule", ErrTooLarge, need>>20, tokens, e.limits.CacheBytes>>20)
	}
	// The checks that a stream makes come before the queue, so that a wrong request is told so at once.
	probe, err := e.gen.NewStream(prompt, o)
	if err != nil {
		return nil, err
	}
	probe.Close()
	events := make(chan Event, eventBuffer+1) // the end always fits
	j := &Job{Events: events, events: events, ctx: ctx, prompt: prompt, options: o, reserved: need, arrived: time.Now()}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closing:
		return nil, ErrClosed
	case len(e.waiting) >= e.limits.Queue:
		return nil, ErrQueueFull
	}
	e.waiting = append(e.waiting, j)
	e.wake.Signal()
	context.AfterFunc(ctx, e.wake.Broadcast)
	return j, nil
}

// Close finishes what was begun and queued, and stops the engine. Where ctx ends first, the rest is given up.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closing = true
	e.wake.Broadcast()
	e.mu.Unlock()
	select {
	case <-e.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("serve: requests were still running: %w", ctx.Err())
	}
}

// loop serves jobs until the engine is closed and none is left.
func (e *Engine) loop() {
	defer close(e.stopped)
	var active []*Job
	var batch model.Batch
	for {
		var ok bool
		if active, ok = e.admit(active); !ok {
			return
		}
		if !e.step(&batch, active) {
			time.Sleep(time.Millisecond) // every client is behind
		}
		active = e.settle(active)
	}
}

// admit moves waiting jobs in, first come first served, as long as places and memory last. It waits while there is
// nothing to do, and returns false when the engine is done.
func (e *Engine) admit(active []*Job) ([]*Job, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		rest := e.waiting[:0]
		for i, j := range e.waiting {
			switch {
			case j.ctx.Err() != nil:
				j.end(nil, j.ctx.Err())
			case len(rest) == 0 && len(active) < e.limits.Active && e.reserve(j.reserved):
				if err := e.open(j); err != nil {
					e.memory.release(j.reserved)
					j.end(nil, err)
					continue
				}
				active = append(active, j)
			default:
				rest = append(rest, e.waiting[i])
			}
		}
		e.waiting, e.active = rest, len(active)
		e.observe.Queued(e.name, len(rest), len(active))
		if len(active) > 0 {
			return active, true
		}
		if e.closing && len(rest) == 0 {
			return nil, false
		}
		if len(rest) > 0 { // the memory is another engine's for now
			e.mu.Unlock()
			time.Sleep(5 * time.Millisecond)
			e.mu.Lock()
			continue
		}
		e.wake.Wait()
	}
}

// reserve takes memory for a job; what is remembered of earlier prompts gives way.
func (e *Engine) reserve(n int64) bool {
	for !e.memory.reserve(n) {
		if !e.prefix.evict() {
			return false
		}
	}
	return true
}

// open begins a job's stream, on a known prefix where there is one.
func (e *Engine) open(j *Job) error {
	j.began = time.Now()
	prefix := e.prefix.find(j.prompt, &j.options)
	var err error
	j.stream, err = e.gen.Resume(prefix, j.prompt, j.options)
	return err
}

// step passes the next chunk of every job whose client keeps up through the model. Prompts are read one job at a time, in the
// order of their arrival, so that they do not hold up those that are writing for long.
func (e *Engine) step(batch *model.Batch, active []*Job) bool {
	var chunks []model.Chunk
	var jobs []*Job
	reading := false
	for _, j := range active {
		if j.ctx.Err() != nil || len(j.events) >= eventBuffer || j.stream.Reading() && reading {
			continue
		}
		reading = reading || j.stream.Reading()
		if c, ok := j.stream.Chunk(); ok {
			chunks, jobs = append(chunks, c), append(jobs, j)
		}
	}
	if len(jobs) == 0 {
		return false
	}
	e.turn.Lock()
	begin := time.Now()
	err := e.gen.Model.Forward(e.gen.CPU, batch, chunks)
	took := time.Since(begin)
	e.turn.Unlock()
	decoded := 0
	for i, j := range jobs {
		if err != nil {
			j.end(nil, err)
			continue
		}
		if len(chunks[i].Tokens) > 1 || !j.stream.Reading() && j.prefill == 0 {
			j.prefill += took
			e.prefix.offer(j.prompt, &j.options, j.stream)
			e.observe.Prefilled(e.name, len(chunks[i].Tokens))
			if !j.stream.Reading() {
				e.observe.First(e.name, time.Since(j.arrived))
			}
		} else {
			decoded++
		}
		if t, ok := j.stream.Take(); ok {
			j.events <- Event{Token: t}
		}
	}
	e.observe.Decoded(e.name, decoded)
	return true
}

// settle ends the jobs that have finished, whose client is gone, or does not read.
func (e *Engine) settle(active []*Job) []*Job {
	rest := active[:0]
	for _, j := range active {
		if len(j.events) < eventBuffer {
			j.stalled = time.Time{}
		} else if j.stalled.IsZero() {
			j.stalled = time.Now()
		}
		var result *generate.Result
		var err error
		switch {
		case j.events == nil: // ended by an error
		case j.ctx.Err() != nil:
			err = j.ctx.Err()
		case !j.stalled.IsZero() && time.Since(j.stalled) > stallLimit:
			err = ErrSlow
		case j.stream.Finish() != "":
			result = j.stream.Result(j.prefill, time.Since(j.began)-j.prefill)
			e.observe.Finished(e.name, result)
		default:
			rest = append(rest, j)
			continue
		}
		j.stream.Close() // before the end is known: it completes the job's trace
		e.memory.release(j.reserved)
		j.end(result, err)
	}
	return rest
}

// end sends the job's last event. Its channel has room for it.
func (j *Job) end(r *generate.Result, err error) {
	if j.events == nil {
		return
	}
	j.events <- Event{Result: r, Err: err}
	close(j.events)
	j.events = nil
}
