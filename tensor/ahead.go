package tensor

import "sync/atomic"

// announced are the matrices of the products to come, and how many bytes of them have been claimed.
type announced struct {
	matrices [8][]byte
	n        int
	claimed  atomic.Int64
}

// Announce names the matrices of the products to come, in their order; the first eight that lie packed count. Whoever computes until then
// without need of memory may ask for their bytes with Ahead.
func (c *CPU) Announce(matrices ...*Weights) {
	a := &c.announced
	a.n = 0
	for _, w := range matrices {
		if a.n < len(a.matrices) && w.isPacked.Load() {
			a.matrices[a.n] = w.packed
			a.n++
		}
	}
	a.claimed.Store(0)
}

// Ahead returns the next n bytes of the matrices that have been announced, or nothing where all have been claimed. Any worker may call it. Where
// a matrix ends, what is claimed begins earlier; what would go beyond it is left out.
func (c *CPU) Ahead(n int) []byte {
	a := &c.announced
	if a.n == 0 {
		return nil
	}
	at := int(a.claimed.Add(int64(n))) - n
	for _, m := range a.matrices[:a.n] {
		if at < len(m) && n <= len(m) {
			at = min(at, len(m)-n)
			return m[at : at+n]
		}
		at -= len(m)
	}
	return nil
}
