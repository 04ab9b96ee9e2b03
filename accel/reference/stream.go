package reference

// never is later than any cycle.
const never = int64(1) << 62

// beat is one word of a row in a stream.
type beat struct {
	j      *job
	word   int32
	second bool // of the recomputation
	last   bool
}

func (b *beat) pass() int {
	if b.second {
		return 1
	}
	return 0
}

func (b *beat) flags() int {
	f := 0
	if b.last {
		f |= FlagLast
	}
	if b.second {
		f |= FlagSecondPass
	}
	return f
}

// fifo is SpinalHDL's StreamFifo with its memory read synchronously: what is pushed at t can be popped from
// t+2, one a cycle; room counts what is in it at the start of the cycle.
type fifo[T any] struct {
	items         []T
	head, n       int
	depth         int
	pushAt, popAt int64
	mask          int
}

func newFIFO[T any](depth int) fifo[T] {
	size := 1
	for size < depth {
		size *= 2
	}
	return fifo[T]{items: make([]T, size), mask: size - 1, depth: depth, pushAt: -8, popAt: -8}
}

// room reports whether a push at now is taken. The reader of the FIFO has had its turn in this cycle.
func (f *fifo[T]) room(now int64) bool {
	n := f.n
	if f.popAt == now {
		n++
	}
	return n < f.depth
}

func (f *fifo[T]) push(now int64, v T) {
	f.items[(f.head+f.n)&f.mask] = v
	f.n++
	f.pushAt = now
}

// valid reports whether the head can be popped at now.
func (f *fifo[T]) valid(now int64) bool {
	return f.n > 1 || f.n == 1 && f.pushAt < now-1
}

// next is the first cycle after now at which the head can be popped by time alone.
func (f *fifo[T]) next(now int64) int64 {
	if f.n == 0 {
		return never
	}
	return max(f.pushAt+2, now+1)
}

func (f *fifo[T]) pop(now int64) T {
	v := f.items[f.head]
	f.head = (f.head + 1) & f.mask
	f.n--
	f.popAt = now
	return v
}

// words is a fifo of words. It holds runs of a row's words, which are the words from and to a number, so that its
// memory follows the rows and not the words in it. Runs that nothing can stop are pushed and popped at once, with
// the cycles that they will take.
type words struct {
	runs  ring[run]
	n     int // words in it, and to come
	depth int
	popAt int64 // cycle of the last pop, which may be to come
	run   int   // pops that end with the last, one a cycle
}

type run struct {
	j        *job
	second   bool
	steady   bool  // words were pushed, or will be, one a cycle
	from, to int32 // words in the FIFO
	pushedAt int64 // cycle of the first word's push
	lastAt   int64 // of the last's
}

func newWords(depth int) words { return words{depth: depth, popAt: -8} }

// holds is how many words are in the FIFO at the start of a cycle, with those to come.
func (f *words) holds(now int64) int {
	if f.popAt >= now {
		return f.n + min(int(f.popAt-now)+1, f.run)
	}
	return f.n
}

func (f *words) room(now int64) bool { return f.holds(now) < f.depth }

func (f *words) push(now int64, b *beat) {
	if b.word == 0 {
		f.runs.push(run{j: b.j, second: b.second, pushedAt: now})
	}
	r := f.runs.at(f.runs.n - 1)
	r.to, r.lastAt = b.word+1, now
	f.n++
}

// pushRun takes a row's words.
func (f *words) pushRun(r run) {
	f.runs.push(r)
	f.n += int(r.to)
}

// next is the first cycle at which the head can be popped by time alone.
func (f *words) next() int64 {
	if f.n == 0 {
		return never
	}
	r := f.runs.at(0)
	switch {
	case r.steady:
		return r.pushedAt + int64(r.from) + 2
	case r.to-r.from > 1:
		return r.lastAt + 1
	}
	return r.lastAt + 2
}

func (f *words) valid(now int64) bool { return f.next() <= now }

// head is the run of the oldest word.
func (f *words) head() *run { return f.runs.at(0) }

// pop takes the oldest word; total is how many the row has here, which tells the last.
func (f *words) pop(now int64, total int) beat {
	r := f.runs.at(0)
	b := beat{j: r.j, word: r.from, second: r.second, last: int(r.from) == total-1}
	f.popRun(now, 1, total)
	return b
}

// popRun takes n words of the oldest row from now on, one a cycle.
func (f *words) popRun(now int64, n, total int) {
	r := f.runs.at(0)
	r.from += int32(n)
	if int(r.from) == total {
		f.runs.pop()
	}
	f.n -= n
	f.popAt, f.run = now+int64(n)-1, n
}

// ring is a plain queue that grows.
type ring[T any] struct {
	items   []T
	head, n int
}

func (r *ring[T]) push(v T) {
	if r.n == len(r.items) {
		grown := make([]T, max(16, 2*r.n))
		for i := range r.n {
			grown[i] = r.items[(r.head+i)&(len(r.items)-1)]
		}
		r.items, r.head = grown, 0
	}
	r.items[(r.head+r.n)&(len(r.items)-1)] = v
	r.n++
}

func (r *ring[T]) at(i int) *T { return &r.items[(r.head+i)&(len(r.items)-1)] }

func (r *ring[T]) pop() T {
	v := r.items[r.head]
	r.head = (r.head + 1) & (len(r.items) - 1)
	r.n--
	return v
}
