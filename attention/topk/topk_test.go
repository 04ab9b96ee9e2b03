package topk

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// bySorting is the definition: a stable sort from the largest, NaN last, the first k, in their original order.
func bySorting(scores []float32, k int) []int32 {
	order := make([]int32, len(scores))
	for i := range order {
		order[i] = int32(i)
	}
	key := func(i int32) float32 {
		if v := scores[i]; v == v {
			return v
		}
		return float32(math.Inf(-1))
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		switch x, y := key(a), key(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	kept := slices.Clone(order[:max(0, min(k, len(order)))])
	slices.Sort(kept)
	return kept
}

// TestExhaustive tries every arrangement of five kinds of value up to eight elements, at every k.
func TestExhaustive(t *testing.T) {
	kinds := []float32{float32(math.NaN()), float32(math.Copysign(0, -1)), 0, 1}
	var s Selector
	for n := range 9 {
		total := 1
		for range n {
			total *= len(kinds)
		}
		scores := make([]float32, n)
		for c := range total {
			for i, v := 0, c; i < n; i, v = i+1, v/len(kinds) {
				scores[i] = kinds[v%len(kinds)]
			}
			for k := -1; k <= n+1; k++ {
				if got, want := s.Select(nil, scores, k), bySorting(scores, k); !slices.Equal(got, want) {
					t.Fatalf("top %d of %v is %v, want %v", k, scores, got, want)
				}
			}
		}
	}
}

// TestRandom tries a million random cases: sizes to 64, few distinct values so that ties are common.
func TestRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s Selector
	scores, got := make([]float32, 64), make([]int32, 0, 64)
	for range 1_000_000 {
		n, distinct := r.IntN(24), 1+r.IntN(12)
		if r.IntN(100) == 0 {
			n = 64
		}
		for i := range n {
			scores[i] = float32(r.IntN(distinct)) - 3
		}
		if n > 0 && r.IntN(8) == 0 {
			scores[r.IntN(n)] = float32(math.Inf(r.IntN(2)*2 - 1))
		}
		k := r.IntN(n + 2)
		got = s.Select(got[:0], scores[:n], k)
		if want := bySorting(scores[:n], k); !slices.Equal(got, want) {
			t.Fatalf("top %d of %v is %v, want %v", k, scores[:n], got, want)
		}
	}
}

func TestSelectAllocatesNothing(t *testing.T) {
	var s Selector
	scores, dst := make([]float32, 1000), make([]int32, 0, 1000)
	for i := range scores {
		scores[i] = float32(i * 7919 % 1000)
	}
	if n := testing.AllocsPerRun(50, func() { dst = s.Select(dst[:0], scores, 300) }); n != 0 {
		t.Errorf("a selection allocates %g times", n)
	}
}

// TestSampleMisleads: the sample of many scores sees nothing but one kind, and the k-th largest is of the other.
func TestSampleMisleads(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var s Selector
	scores := make([]float32, 4*asked)
	for _, k := range []int{1, 100, asked, 2 * asked, 3*asked + 5, len(scores) - 1} {
		for _, sign := range []float32{1, -1} {
			for i := range scores {
				scores[i] = r.Float32()
				if i%(len(scores)/asked) == 0 {
					scores[i] += 2 * sign
				}
			}
			if got, want := s.Select(nil, scores, k), bySorting(scores, k); !slices.Equal(got, want) {
				t.Fatalf("top %d differs from the sort's", k)
			}
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	scores, dst := make([]float32, 7900), make([]int32, 0, 7900)
	for i := range scores {
		scores[i] = float32(math.Exp(r.NormFloat64() * 2))
	}
	var s Selector
	b.SetBytes(4 * 7900)
	for b.Loop() {
		dst = s.Select(dst[:0], scores, 790)
	}
}

// TestManyScores compares both ways to the k-th largest on lists long enough for the counting one, ties, infinities and NaNs included.
func TestManyScores(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var s Selector
	for round := range 3000 {
		n := many + r.IntN(700)
		if round%8 < 4 && round < 400 { // so many that a sample is asked first
			n = great + r.IntN(8000)
		}
		scores := make([]float32, n)
		for i := range scores {
			switch round % 4 {
			case 0:
				scores[i] = r.Float32()
			case 1:
				scores[i] = float32(r.IntN(20) - 10)
			case 2:
				scores[i] = float32(math.Exp(r.NormFloat64() * 80)) // reaches 0 and infinity
			default:
				scores[i] = float32(math.Log(r.NormFloat64())) // half of them NaN
			}
		}
		k := 1 + r.IntN(n)
		if got, want := s.Select(nil, scores, k), bySorting(scores, k); !slices.Equal(got, want) {
			t.Fatalf("round %d: top %d of %d: %d indices differ from the sort's", round, k, n, len(got))
		}
		kth, equals := s.Threshold(scores, k)
		if want, wanted := s.partition(scores, k); kth != want || equals != wanted {
			t.Fatalf("round %d: threshold %g (%d equals), by partition %g (%d)", round, kth, equals, want, wanted)
		}
	}
}

// TestEliminate: the shift network does what a filter does, for every pattern up to ten elements.
func TestEliminate(t *testing.T) {
	for n := range 11 {
		for pattern := range 1 << n {
			x, keep := make([]int, n), make([]bool, n)
			var want []int
			for i := range x {
				x[i], keep[i] = i, pattern>>i&1 == 1
				if keep[i] {
					want = append(want, i)
				}
			}
			if got := Eliminate(x, keep, make([]int32, n)); !slices.Equal(got, want) {
				t.Fatalf("pattern %b of %d: %v, want %v", pattern, n, got, want)
			}
		}
	}
}

// TestMass compares with taking the largest one by one, ties included: scores are multiples of 1/8, whose sums are exact.
func TestMass(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var s Selector
	for range 20000 {
		n := 1 + r.IntN(40)
		scores, list := make([]float32, n), []int32(nil)
		for i := range scores {
			scores[i] = float32(r.IntN(12)) / 8
			if r.IntN(3) > 0 {
				list = append(list, int32(i))
			}
		}
		order := slices.Clone(list)
		slices.SortStableFunc(order, func(a, b int32) int {
			switch {
			case scores[a] > scores[b]:
				return -1
			case scores[a] < scores[b]:
				return 1
			}
			return 0
		})
		want, sum := float64(1+r.IntN(120))/8, 0.0
		var expected []int32
		for _, i := range order {
			if sum >= want {
				break
			}
			sum += float64(scores[i])
			expected = append(expected, i)
		}
		slices.Sort(expected)
		if got := s.Mass(slices.Clone(list), scores, want); !slices.Equal(got, expected) {
			t.Fatalf("of %v with %v, %g: %v, want %v", list, scores, want, got, expected)
		}
	}
}
