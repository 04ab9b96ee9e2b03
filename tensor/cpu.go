// Package tensor is stage 3, arithmetic: it reads rows of activations and weights in their stored format and writes rows
// of activations. It knows no model. Every result has one fixed order of summation, whatever the batch, the blocking or
// the number of threads. Portable Go comes first; on amd64 assembly stands beside it, chosen once at start.
package tensor

import (
	"runtime"
	"sync/atomic"
)

// Precision is the arithmetic of the products with weights.
type Precision uint8

// F32 multiplies fp32 activations with the weights as stored. Int8 quantizes activations to 8 bits in blocks of 32 and
// multiplies integers; plain weights (F32, F16, BF16) are then quantized in the same way.
const (
	F32 Precision = iota
	Int8
)

// String returns the name that commands print.
func (p Precision) String() string {
	if p == Int8 {
		return "int8"
	}
	return "f32"
}

// Task is work that can be cut into n independent items.
type Task interface {
	// Run does item i on the given worker; a worker does one item at a time.
	Run(worker, i int)
}

// CPU is a fixed pool of threads with their scratch memory. One forward pass at a time uses it.
type CPU struct {
	precision Precision
	kernels   *kernels
	helpers   []*helper // the caller of Do is worker 0
	scratch   []scratch // one a worker
	spins     int
	closed    atomic.Bool

	task    Task
	product product  // the running product, kept so that a call allocates nothing
	outputs []output // and what it is multiplied with

	announced announced

	integers []byte    // its activations, quantized
	floats   []float32 // its activations, gathered

	// What the threads write while they work has cache lines of its own.
	_      [cacheLine]byte
	claims atomic.Uint64 // low half: items claimed of the running task; high half: items it has
	_      [cacheLine]byte
	done   atomic.Uint32 // items finished
	_      [cacheLine]byte
}

// helper is how a worker other than the caller sleeps.
type helper struct {
	parked atomic.Bool
	wake   chan struct{}
}

// spins is how often an idle worker looks for work before it sleeps: some 200 µs, longer than what lies between the
// products of a token, since a worker that sleeps takes 10 µs to wake on an idle machine and far longer on a busy one.
const spins = 400_000

// NewCPU starts a pool; threads ≤ 0 stands for all cores.
func NewCPU(threads int, p Precision) *CPU {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	c := &CPU{precision: p, kernels: active, scratch: make([]scratch, threads)}
	if threads <= runtime.GOMAXPROCS(0) {
		c.spins = spins
	}
	for worker := 1; worker < threads; worker++ {
		h := &helper{wake: make(chan struct{}, 1)}
		c.helpers = append(c.helpers, h)
		go c.help(h, worker)
	}
	return c
}

// Close ends the pool's threads.
func (c *CPU) Close() {
	c.closed.Store(true)
	for _, h := range c.helpers {
		h.rouse()
	}
	c.helpers = nil
}

// Threads returns the number of workers.
func (c *CPU) Threads() int { return len(c.scratch) }

// Precision returns the arithmetic of the products with weights.
func (c *CPU) Precision() Precision { return c.precision }

// Do runs t for every i in [0, n) and returns when all are done. Tasks must not call Do. n must fit 31 bits.
func (c *CPU) Do(n int, t Task) {
	if n <= 1 || len(c.helpers) == 0 {
		for i := range n {
			t.Run(0, i)
		}
		return
	}
	c.task = t
	c.done.Store(0)
	c.claims.Store(uint64(n) << 32)
	for _, h := range c.helpers {
		h.rouse()
	}
	c.work(0)
	for spin := 1; c.done.Load() != uint32(n); spin++ {
		if spin%4096 == 0 {
			runtime.Gosched()
		}
	}
}

// work claims and runs items until none is left. A claim carries the number of items that it was made against, so a
// worker that comes late to one task cannot mistake it for the next.
func (c *CPU) work(worker int) {
	for c.pending() {
		claim := c.claims.Add(1)
		i, n := uint32(claim)-1, uint32(claim>>32)
		if i >= n {
			return
		}
		c.task.Run(worker, int(i))
		c.done.Add(1)
	}
}

// pending reports whether an item is unclaimed.
func (c *CPU) pending() bool {
	claims := c.claims.Load()
	return uint32(claims) < uint32(claims>>32)
}

// help is a helper's life: work, look for more a while, sleep.
func (c *CPU) help(h *helper, worker int) {
	for !c.closed.Load() {
		c.work(worker)
		for spin := 0; spin < c.spins && !c.pending(); spin++ {
		}
		h.parked.Store(true)
		if (c.pending() || c.closed.Load()) && h.parked.CompareAndSwap(true, false) {
			continue
		}
		<-h.wake
	}
}

// rouse wakes a helper that sleeps.
func (h *helper) rouse() {
	if h.parked.Load() && h.parked.CompareAndSwap(true, false) {
		h.wake <- struct{}{}
	}
}
