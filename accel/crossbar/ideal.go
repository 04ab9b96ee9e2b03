package crossbar

// Ideal is a channel without banks: every request is answered after a fixed latency, and one every Interval half cycles
// at most. It is the memory of the standard "ideal", and the one that tests count by hand with.
type Ideal struct {
	Latency  int64 // cycles from push to answer
	Interval int64 // half cycles between answers
	Depth    int   // requests held

	queue      []uint32
	due        []int64
	head, tail uint32
	next       int64 // half cycle from which an answer may come
}

// NewIdeal makes a channel that holds depth requests.
func NewIdeal(latency, interval int64, depth int) *Ideal {
	size := 1
	for size < depth {
		size *= 2
	}
	return &Ideal{Latency: latency, Interval: interval, Depth: depth, queue: make([]uint32, size), due: make([]int64, size)}
}

// Push implements Channel.
func (c *Ideal) Push(now int64, _ uint64, write bool, id uint32) bool {
	if write {
		c.next = max(c.next, 2*(now+c.Latency)) + c.Interval
		return true
	}
	if int(c.tail-c.head) == c.Depth {
		return false
	}
	c.next = max(c.next, 2*(now+c.Latency))
	i := c.tail & uint32(len(c.queue)-1)
	c.queue[i], c.due[i] = id, c.next/2
	c.next += c.Interval
	c.tail++
	return true
}

// Tick implements Channel.
func (c *Ideal) Tick(now int64) (uint32, bool) {
	i := c.head & uint32(len(c.queue)-1)
	if c.head == c.tail || c.due[i] > now {
		return 0, false
	}
	c.head++
	return c.queue[i], true
}
