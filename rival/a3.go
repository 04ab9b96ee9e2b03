package rival

import (
	"cmp"
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
)

// A3's approximation (HPCA 2020). Both are assumptions of ours: SpAtten's paper does not say at which level it compares.
const (
	a3Iterations = 0.5  // of the number of keys: steps of the greedy search
	a3Threshold  = 0.05 // of the largest probability: below, a value is left out
)

// Sorted is a head's keys with each dimension sorted: A3's preprocessing, reused while the keys stay.
type Sorted struct {
	keys  [][]float32
	order [][]int32 // by dimension: keys, smallest element first
}

// Sort preprocesses keys, n rows of D elements.
func Sort(keys [][]float32) *Sorted {
	s := &Sorted{keys: keys}
	for d := range keys[0] {
		o := make([]int32, len(keys))
		for i := range o {
			o[i] = int32(i)
		}
		slices.SortStableFunc(o, func(a, b int32) int { return cmp.Compare(keys[a][d], keys[b][d]) })
		s.order = append(s.order, o)
	}
	return s
}

// Candidates searches greedily: the largest remaining product of any dimension is added to its key's partial score, for
// a number of iterations; keys with a positive score are candidates.
func (s *Sorted) Candidates(query []float32, iterations int) []int {
	h := make(products, 0, len(query))
	at := func(d, i int) product {
		k := s.order[d][i]
		if query[d] >= 0 {
			k = s.order[d][len(s.keys)-1-i]
		}
		return product{query[d] * s.keys[k][d], k, d, i}
	}
	for d := range query {
		h = append(h, at(d, 0))
	}
	heap.Init(&h)
	score := make([]float32, len(s.keys))
	for range iterations {
		if len(h) == 0 {
			break
		}
		p := h[0]
		score[p.key] += p.value
		if p.index+1 < len(s.keys) {
			h[0] = at(p.dim, p.index+1)
			heap.Fix(&h, 0)
		} else {
			heap.Pop(&h)
		}
	}
	var out []int
	for k, v := range score {
		if v > 0 {
			out = append(out, k)
		}
	}
	return out
}

type product struct {
	value      float32
	key        int32
	dim, index int
}

// products is a heap with the largest on top.
type products []product

func (p products) Len() int { return len(p) }
func (p products) Less(i, j int) bool {
	return p[i].value > p[j].value || p[i].value == p[j].value && p[i].dim < p[j].dim
}
func (p products) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *products) Push(x any)   { *p = append(*p, x.(product)) }
func (p *products) Pop() any {
	x := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return x
}

// A3 is the cost of heads. What is selected is counted by running the search on independent normal keys and queries, since
// a trace holds no vectors: more peaked attention would leave fewer. Search, exact products and values are a pipeline of one key
// a cycle each, 64 multipliers at D = 64; sorting all dimensions side by side takes n log₂ n cycles a sentence and, in
// generation, log₂ n for each new key.
func A3(h Heads) Cost {
	candidates, values := selected(h.Keys, h.Dim)
	search := a3Iterations * float64(h.Keys)
	slices := math.Ceil(float64(h.Dim) / 64)
	query := max(search, slices*candidates, slices*values)
	sorting := math.Log2(float64(h.Keys))
	if h.Queries > 1 {
		sorting *= float64(h.Keys)
	}
	c := h.fetched()
	c.Cycles = float64(h.Count) * (sorting + max(c.Cycles/float64(h.Count), float64(h.Queries)*query))
	n := float64(h.Count * h.Queries)
	c.count(n*candidates*float64(h.Dim), n*values*float64(h.Dim), n*candidates, n*search*math.Log2(float64(h.Dim))+float64(h.Count*h.Dim)*sorting)
	return c
}

// selected is the mean number of candidates and of values over a few random queries.
func selected(n, dim int) (candidates, values float64) {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	row := func() []float32 {
		v := make([]float32, dim)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	keys := make([][]float32, n)
	for i := range keys {
		keys[i] = row()
	}
	s := Sort(keys)
	const queries = 8
	for range queries {
		q := row()
		found := s.Candidates(q, int(a3Iterations*float64(n)))
		candidates += float64(len(found)) / queries
		scores, top := make([]float64, len(found)), math.Inf(-1)
		for i, k := range found {
			for d := range q {
				scores[i] += float64(q[d]*keys[k][d]) / math.Sqrt(float64(dim))
			}
			top = max(top, scores[i])
		}
		for _, x := range scores {
			if math.Exp(x-top) >= a3Threshold {
				values += 1. / queries
			}
		}
	}
	return candidates, values
}
