package topk

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"spatten/accel/config"
	"spatten/accel/pipe"
)

var spec = config.TopK{Comparators: 16, FIFODepth: 64, RoundCycles: 3}

// sorted gives the positions of the k largest by sorting, leftmost first among equals.
func sorted(values []float32, k int) []int32 {
	order := make([]int32, len(values))
	for i := range order {
		order[i] = int32(i)
	}
	key := func(i int32) float64 {
		if v := float64(values[i]); v == v {
			return v
		}
		return math.Inf(-1)
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
	order = order[:k]
	slices.Sort(order)
	return order
}

// Top-k = sort (invariant 5), for every row of up to 6 small values and every k.
func TestSelectEqualsSortExhaustively(t *testing.T) {
	u := New(spec, 1)
	for n := 2; n <= 6; n++ {
		values := make([]float32, n)
		for code := range int(math.Pow(4, float64(n))) {
			for i := range values {
				values[i] = []float32{0, float32(math.Copysign(0, -1)), 1, 2}[code>>(2*i)&3]
			}
			for k := 1; k < n; k++ {
				if got, _ := u.Select(values, k); !slices.Equal(got, sorted(values, k)) {
					t.Fatalf("top %d of %v: %v, sorting gives %v", k, values, got, sorted(values, k))
				}
			}
		}
	}
}

func TestSelectEqualsSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := spec
		s.Comparators = 1 << rapid.IntRange(0, 8).Draw(t, "comparators")
		u := New(s, rapid.Uint64().Draw(t, "seed"))
		values := rapid.SliceOfN(rapid.Float32(), 2, 400).Draw(t, "values")
		k := rapid.IntRange(1, len(values)-1).Draw(t, "k")
		got, w := u.Select(values, k)
		if !slices.Equal(got, sorted(values, k)) {
			t.Fatalf("top %d: %v, sorting gives %v", k, got, sorted(values, k))
		}
		if w.Rounds < 1 || w.Comparisons < int64(len(values)) || w.Words*int64(s.Comparators) < w.Comparisons {
			t.Fatalf("work %+v", w)
		}
	})
}

func TestEliminator(t *testing.T) {
	v := []float32{0, 3, 0, 0, 1, 2, 0, 4} // Fig. 10's kind of vector
	if stages := Eliminate(v); stages != 3 || !slices.Equal(v, []float32{3, 1, 2, 4, 0, 0, 0, 0}) {
		t.Errorf("%d stages, %v", stages, v)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.SampledFrom([]float32{0, 1, 2, 3}), 1, 70).Draw(t, "v")
		keep, want := uint64(0), []float32(nil)
		for i, x := range v {
			if x != 0 {
				keep |= 1 << (i & 63)
				want = append(want, x)
			}
		}
		if len(v) <= 64 {
			if got := squeeze(nil, v, keep); !slices.Equal(got, want) {
				t.Fatalf("squeeze %v, want %v", got, want)
			}
		}
		got := slices.Clone(v)
		Eliminate(got)
		if !slices.Equal(got[:len(want)], want) {
			t.Fatalf("eliminated %v, want %v", got, want)
		}
	})
}

// 160 items fill in 20 cycles at 8 a cycle; one round over 160 and one over 40 take 10 + 3 + 3 + 3; the filter 10 + 3.
func TestRowByHand(t *testing.T) {
	u := New(spec, 1)
	filled := u.Fill(160, pipe.Span{First: 100, Last: 119}, 8)
	var w Work
	w.round(160, 16)
	w.round(40, 16)
	ids := u.Row(160, filled, w)
	if filled != 119 || ids != (pipe.Span{First: 142, Last: 151}) || u.Free() != 139 {
		t.Errorf("filled %d, ids in %v, next row from %d; by hand 119, 142 to 151, 139", filled, ids, u.Free())
	}
	if out := u.Bypass(pipe.Span{First: 140, Last: 143}); out != (pipe.Span{First: 152, Last: 155}) {
		t.Errorf("a row of which all is kept passes in %v, by hand 152 to 155", out)
	}
}

// The paper: 1.4 times the throughput of a Batcher odd-even sorter of the same width on 1,024 items in the worst case,
// selection of the median. No number here is chosen for it.
func TestAgainstBatcher(t *testing.T) {
	const n, trials = 1024, 4000
	u := New(spec, 7)
	var sum int64
	for range trials {
		sum += u.Cycles(u.Draw(n, n/2)) + u.FilterTime(n)
	}
	mean := float64(sum) / trials
	ratio := float64(BatcherCycles(n, 16)) / mean
	t.Logf("quick-select %.1f cycles, Batcher %d: %.2f times the throughput (paper: 1.4)", mean, BatcherCycles(n, 16), ratio)
	if math.Abs(ratio-1.4) > 0.1 {
		t.Errorf("%.2f times the throughput, the paper has 1.4", ratio)
	}
}

// A drawn order costs what real random values cost.
func TestDrawIsLikeSelect(t *testing.T) {
	const n, k, trials = 500, 150, 3000
	u := New(spec, 3)
	r := random(5)
	values := make([]float32, n)
	var drawn, real int64
	for range trials {
		for i := range values {
			values[i] = float32(r.next()>>40) / (1 << 24)
		}
		_, w := u.Select(values, k)
		real += u.Cycles(w)
		drawn += u.Cycles(u.Draw(n, k))
	}
	if ratio := float64(drawn) / float64(real); math.Abs(ratio-1) > 0.03 {
		t.Errorf("drawn orders cost %.3f times what values cost", ratio)
	}
}
