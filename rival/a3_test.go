package rival

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// With as many iterations as there are products, the partial scores are the exact ones.
func TestCandidatesAreExactInTheLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		n, dim := 1+r.IntN(20), 1+r.IntN(8)
		row := func() []float32 {
			v := make([]float32, dim)
			for i := range v {
				v[i] = float32(r.IntN(9) - 4) // exact in any order of summation
			}
			return v
		}
		keys := make([][]float32, n)
		for i := range keys {
			keys[i] = row()
		}
		q := row()
		var want []int
		for k, key := range keys {
			sum := float32(0)
			for d := range q {
				sum += q[d] * key[d]
			}
			if sum > 0 {
				want = append(want, k)
			}
		}
		if got := Sort(keys).Candidates(q, n*dim+5); !slices.Equal(got, want) {
			t.Fatalf("candidates %v, want %v", got, want)
		}
	}
}

// One iteration finds the key with the largest product of all.
func TestFirstCandidate(t *testing.T) {
	keys := [][]float32{{1, -9}, {5, 1}, {-3, 2}}
	if got := Sort(keys).Candidates([]float32{1, -1}, 1); !slices.Equal(got, []int{0}) {
		t.Errorf("candidates %v, want key 0 with −1 × −9", got)
	}
}

// Both rivals move every byte, so that no share that they skip brings them under the time of the memory.
func TestRivalsFetchEverything(t *testing.T) {
	h := Heads{Count: 10, Queries: 1, Keys: 1000, Dim: 64}
	bytes := 10 * 2 * 1001 * 64 * 12 / 8.
	for name, c := range map[string]Cost{"A3": A3(h), "MNNFast": MNNFast(h, 0.01)} {
		if got := float64(c.Counts.DRAMBits) / 8; got != bytes {
			t.Errorf("%s moves %g byte, want %g", name, got, bytes)
		}
		if c.Cycles < bytes/64 {
			t.Errorf("%s: %g cycles are less than the memory takes", name, c.Cycles)
		}
	}
}
