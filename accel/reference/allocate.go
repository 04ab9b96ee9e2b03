package reference

// allocator gives out regions of a buffer first in, first out.
//
// A release takes effect late: the tag is toggled one cycle after it, read back in the next, and the head of the
// regions moves one a cycle; so room appears four cycles after a release is taken (RTL.md section 3).
type allocator struct {
	capacity, used int
	tail           int // next line
	regions        ring[region]
	first          int64 // handle of the oldest region
	lastFree       int64
}

type region struct {
	size     int
	released int64 // cycle, or never
}

const (
	allocatorInit = 16 // cycles in which the tags are cleared before the first allocation
	releaseDelay  = 4  // release taken to room seen
)

func newAllocator(lines int) allocator { return allocator{capacity: lines, lastFree: -1} }

// settle takes back what has become free by now.
func (a *allocator) settle(now int64) {
	for a.regions.n > 0 {
		at := a.freeAt()
		if at > now {
			return
		}
		a.used -= a.regions.pop().size
		a.first++
		a.lastFree = at
	}
}

// freeAt is the cycle at which the oldest region becomes free, or never.
func (a *allocator) freeAt() int64 {
	if a.regions.n == 0 || a.regions.at(0).released == never {
		return never
	}
	return max(a.regions.at(0).released+releaseDelay, a.lastFree+1)
}

// fits reports whether size lines (or a request without lines) are taken at now.
func (a *allocator) fits(now int64, size int) bool {
	a.settle(now)
	return now >= allocatorInit && a.regions.n < maxRegions && a.used+size <= a.capacity
}

// take allocates and returns the handle and the first line.
func (a *allocator) take(size int) (handle int64, start int) {
	start = a.tail
	a.regions.push(region{size, never})
	a.used += size
	a.tail = (a.tail + size) & (a.capacity - 1)
	return a.first + int64(a.regions.n) - 1, start
}

func (a *allocator) release(now, handle int64) {
	a.regions.at(int(handle - a.first)).released = now
}
