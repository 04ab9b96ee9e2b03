package tokenizer

import "strings"

// workspace is what one call of Encode works with; the next call gets it again. Its cache of pieces is bounded.
type workspace struct {
	cache map[string][]unit
	links chain
	units []unit
}

const (
	maxCachedPieces = 1 << 14
	maxCachedBytes  = 48 // of one piece

	maxIdleCandidates = 1 << 12
)

// maxIdle is how many workspaces wait for the next call.
const maxIdle = 4

// borrow returns a workspace that no other call has.
func (t *Tokenizer) borrow() *workspace {
	t.lock.Lock()
	defer t.lock.Unlock()
	n := len(t.idle)
	if n == 0 {
		return new(workspace)
	}
	w := t.idle[n-1]
	t.idle = t.idle[:n-1]
	return w
}

// giveBack keeps a workspace for the next call, unless it has grown out of proportion.
func (t *Tokenizer) giveBack(w *workspace) {
	if cap(w.links.heap) > maxIdleCandidates {
		w.links, w.units = chain{}, nil
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if len(t.idle) < maxIdle {
		t.idle = append(t.idle, w)
	}
}

// known returns the tokens of a piece that was cut before.
func (w *workspace) known(piece string) ([]unit, bool) {
	if len(piece) > maxCachedBytes {
		return nil, false
	}
	units, ok := w.cache[piece]
	return units, ok
}

// remember keeps the tokens of a piece. A full cache starts anew.
func (w *workspace) remember(piece string, units []unit) {
	if len(piece) > maxCachedBytes {
		return
	}
	if w.cache == nil || len(w.cache) >= maxCachedPieces {
		w.cache = make(map[string][]unit)
	}
	w.cache[strings.Clone(piece)] = append([]unit(nil), units...)
}

// candidate is a pair of neighbours that a merge would join: the lowest rank first, then the leftmost.
type candidate struct {
	rank, left, right int32
	id                int32 // what the pair becomes
	a, b              int32 // what the pair was when this was written
}

func (x candidate) before(y candidate) bool {
	return x.rank < y.rank || x.rank == y.rank && x.left < y.left
}

// chain is a doubly linked list over the positions of a piece with a heap of candidates.
type chain struct {
	next, previous []int32
	heap           []candidate
}

const unlinked = -2

// chain returns an emptied list of n positions in a row.
func (w *workspace) chain(n int) *chain {
	c := &w.links
	c.next, c.previous, c.heap = c.next[:0], c.previous[:0], c.heap[:0]
	for i := range int32(n) {
		c.next, c.previous = append(c.next, i+1), append(c.previous, i-1)
	}
	c.next[n-1] = -1
	return c
}

func (c *chain) live(i int32) bool { return c.next[i] != unlinked }

func (c *chain) unlink(i int32) {
	p, n := c.previous[i], c.next[i]
	if p >= 0 {
		c.next[p] = n
	}
	if n >= 0 {
		c.previous[n] = p
	}
	c.next[i] = unlinked
}

func (c *chain) push(x candidate) {
	c.heap = append(c.heap, x)
	h := c.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (c *chain) pop() candidate {
	h := c.heap
	top := h[0]
	h[0] = h[len(h)-1]
	h = h[:len(h)-1]
	c.heap = h
	for i := 0; ; {
		least := i
		for _, k := range [2]int{2*i + 1, 2*i + 2} {
			if k < len(h) && h[k].before(h[least]) {
				least = k
			}
		}
		if least == i {
			return top
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
