package attention

// accumulator holds what importance policies look at: for every position the probability that it has received, and the number of
// queries that could see it.
type accumulator struct {
	want    Sums
	sums    [][]float32 // scope × position; one scope, or one a layer
	queries [][]float32
	ring    []step // of a window: what the newest passes added, oldest first
}

// step is what one pass added: taken back once its queries leave the window.
type step struct {
	last    int // position of its newest query
	sums    [][]float32
	queries [][]float32
}

func newAccumulator(want Sums, layers int) accumulator {
	a := accumulator{want: want}
	scopes := 1
	if want.Layerwise {
		scopes = layers
	}
	a.sums, a.queries = make([][]float32, scopes), make([][]float32, scopes)
	return a
}

func (a *accumulator) scope(layer int) int {
	if a.want.Layerwise {
		return layer
	}
	return 0
}

// enter makes room for a sequence of length tokens and forgets the queries that a window has left behind. A pass of
// several queries counts as one: it is forgotten when its newest query leaves.
func (a *accumulator) enter(length int) {
	if a.want.None {
		return
	}
	grow(a.sums, length)
	grow(a.queries, length)
	if a.want.Window == 0 || a.want.Prompt {
		return
	}
	fresh := step{}
	for len(a.ring) > 0 && a.ring[0].last < length-a.want.Window {
		fresh = a.ring[0] // its memory serves the new step
		a.ring = append(a.ring[:0], a.ring[1:]...)
		for s := range fresh.sums {
			for i, v := range fresh.sums[s] {
				a.sums[s][i] = max(0, a.sums[s][i]-v)
				a.queries[s][i] -= fresh.queries[s][i]
			}
			clear(fresh.sums[s])
			clear(fresh.queries[s])
		}
	}
	if fresh.sums == nil {
		fresh = step{sums: make([][]float32, len(a.sums)), queries: make([][]float32, len(a.sums))}
	}
	a.push(fresh, length)
}

// push opens the step of a pass.
func (a *accumulator) push(s step, length int) {
	s.last = length - 1
	grow(s.sums, length)
	grow(s.queries, length)
	a.ring = append(a.ring, s)
}

// counts reports whether the query at a position counts.
func (a *accumulator) counts(position, length int, prompt bool) bool {
	return !a.want.None && (!a.want.Prompt || prompt) && (a.want.Window == 0 || position >= length-a.want.Window)
}

// add adds what counted queries gave to the keys of a layer.
func (a *accumulator) add(layer int, positions []int32, sums, queries []float32) {
	s := a.scope(layer)
	into := func(sum, count []float32) {
		for i, p := range positions {
			sum[p] += sums[i]
			count[p] += queries[i]
		}
	}
	into(a.sums[s], a.queries[s])
	if len(a.ring) > 0 {
		newest := &a.ring[len(a.ring)-1]
		into(newest.sums[s], newest.queries[s])
	}
}

// grow extends every list with zeros to at least n.
func grow(lists [][]float32, n int) {
	for s, list := range lists {
		for len(list) < n {
			if cap(list) < n {
				wider := make([]float32, len(list), n+n/4+64)
				copy(wider, list)
				list = wider
			}
			list = list[:len(list)+1]
			list[len(list)-1] = 0
		}
		lists[s] = list
	}
}

// clone copies the accumulator for an independent continuation.
func (a *accumulator) clone() accumulator {
	c := *a
	copies := func(lists [][]float32) [][]float32 {
		out := make([][]float32, len(lists))
		for i, l := range lists {
			out[i] = append([]float32(nil), l...)
		}
		return out
	}
	c.sums, c.queries = copies(a.sums), copies(a.queries)
	c.ring = make([]step, len(a.ring))
	for i, s := range a.ring {
		c.ring[i] = step{s.last, copies(s.sums), copies(s.queries)}
	}
	return c
}
