// Package tensor is stage 3, arithmetic: it reads rows of activations and weights in their stored format and writes rows
// of activations. It knows no model. Every result has one fixed order of summation, whatever the batch, the blocking or
// the number of threads.
package tensor

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Precision is the arithmetic of the products with weights.
type Precision uint8

// F32 multiplies fp32 activations with the weights as stored. Int8 quantizes activations to 8 bits in blocks of 32 and
// multiplies integers.
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
	threads   int
	precision Precision
	task      Task
	n         atomic.Int64
	next      atomic.Int64
	start     []chan struct{}
	done      sync.WaitGroup
	scratch   [][]float32
	matmul    matmulTask
}

// NewCPU starts a pool; threads ≤ 0 stands for all cores.
func NewCPU(threads int, p Precision) *CPU {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	c := &CPU{threads: threads, precision: p, scratch: make([][]float32, threads)}
	for w := 1; w < threads; w++ {
		start := make(chan struct{}, 1)
		c.start = append(c.start, start)
		go func() {
			for range start {
				c.work(w)
				c.done.Done()
			}
		}()
	}
	return c
}

// Close ends the pool's threads.
func (c *CPU) Close() {
	for _, s := range c.start {
		close(s)
	}
	c.start = nil
}

// Threads returns the number of workers.
func (c *CPU) Threads() int { return c.threads }

// Precision returns the arithmetic of the products with weights.
func (c *CPU) Precision() Precision { return c.precision }

// Do runs t for every i in [0, n) and returns when all are done. Tasks must not call Do.
func (c *CPU) Do(n int, t Task) {
	if n <= 1 || len(c.start) == 0 {
		for i := range n {
			t.Run(0, i)
		}
		return
	}
	c.task = t
	c.next.Store(0)
	c.n.Store(int64(n))
	c.done.Add(len(c.start))
	for _, s := range c.start {
		s <- struct{}{}
	}
	c.work(0)
	c.done.Wait()
	c.task = nil
}

// work takes items until none is left.
func (c *CPU) work(worker int) {
	n := c.n.Load()
	for {
		i := c.next.Add(1) - 1
		if i >= n {
			return
		}
		c.task.Run(worker, int(i))
	}
}
