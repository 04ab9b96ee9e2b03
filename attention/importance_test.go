package attention

import (
	"slices"
	"testing"

	"spatten/attention/topk"
	"spatten/tensor"
)

// kept returns the positions that a policy keeps of n, given what each received and how many queries could see it.
func kept(t *testing.T, p Policy, n, keep int, sums, queries []float32) []int32 {
	t.Helper()
	policy, err := p.importance()
	if err != nil {
		t.Fatal(err)
	}
	c := &Candidates{Length: n, Keep: keep, Positions: count(n), Sums: sums, Queries: queries}
	scores := make([]float32, n)
	policy.Score(scores, c)
	var s topk.Selector
	return s.Select(nil, scores, keep)
}

// TestPolicies: what each policy keeps of ten tokens, by its definition.
func TestPolicies(t *testing.T) {
	sums := []float32{9, 1, 8, 2, 7, 3, 6, 4, 5, 0.5}
	queries := []float32{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
	for _, c := range []struct {
		policy Policy
		keep   int
		want   []int32
	}{
		{Policy{}, 4, []int32{0, 2, 4, 6}},
		{Policy{Policy: "cumulative"}, 4, []int32{0, 2, 4, 6}},
		{Policy{Policy: "normalized"}, 4, []int32{4, 6, 7, 8}},
		{Policy{Policy: "window", Window: 3}, 2, []int32{0, 2}},
		{Policy{Policy: "cumulative", Pool: 3}, 3, []int32{0, 1, 2}},
		{Policy{Policy: "h2o"}, 4, []int32{0, 2, 8, 9}},
		{Policy{Policy: "streaming"}, 6, []int32{0, 1, 2, 3, 8, 9}},
		{Policy{Policy: "recency"}, 3, []int32{7, 8, 9}},
		{Policy{Policy: "snapkv", Window: 2, Pool: 1}, 4, []int32{0, 2, 8, 9}},
	} {
		if got := kept(t, c.policy, 10, c.keep, sums, queries); !slices.Equal(got, c.want) {
			t.Errorf("%+v keeps %v, want %v", c.policy, got, c.want)
		}
	}
	a, b := kept(t, Policy{Policy: "random", Seed: 1}, 200, 50, nil, nil), kept(t, Policy{Policy: "random", Seed: 2}, 200, 50, nil, nil)
	if slices.Equal(a, b) {
		t.Error("random keeps the same with two seeds")
	}
	for _, p := range kept(t, Policy{Policy: "random", Seed: 1}, 200, 20, nil, nil) {
		if !slices.Contains(a, p) {
			t.Errorf("random keeps %d of 20 and not of 50: the cascade would not be nested", p)
		}
	}
}

// TestAccumulatedProbability: what is accumulated over a pass is one for each counted query, head and layer, and a
// window forgets the queries that have left it.
func TestAccumulatedProbability(t *testing.T) {
	cpu := tensor.NewCPU(2, tensor.F32)
	defer cpu.Close()
	for _, c := range []struct {
		policy Policy
		want   []float64 // after a prompt of 40 and each of 6 tokens more
	}{
		{Policy{}, []float64{40, 41, 42, 43, 44, 45, 46}},
		{Policy{Policy: "window", Window: 3}, []float64{3, 4, 5, 3, 3, 3, 3}}, // a pass is forgotten as a whole
	} {
		s, err := NewSequence(small, &Schedule{Tokens: Shares{1, 1, 1, 0.999}, Importance: c.policy}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			n := 1
			if i == 0 {
				n = 40
			}
			pass(t, s, cpu, n, 17)
			total := 0.0
			for _, v := range s.Importance() {
				total += float64(v)
			}
			want *= float64(small.Heads * small.Layers)
			if total < want*0.97 || total > want*1.03 { // the last layer has dropped a token
				t.Errorf("%+v: %g after %d passes, want %g", c.policy, total, i+1, want)
			}
		}
	}
}

// TestBytesAreMonotone: fewer tokens, heads, values or bits never read more bytes of K and V.
func TestBytesAreMonotone(t *testing.T) {
	cpu := tensor.NewCPU(2, tensor.F32)
	defer cpu.Close()
	read := func(s *Schedule) int64 {
		q, err := NewSequence(small, s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		pass(t, q, cpu, 120, 19)
		for range 4 {
			pass(t, q, cpu, 1, 19)
		}
		return q.Cost().Spatten.KVBytes
	}
	shares := []float64{1, 0.8, 0.6, 0.4, 0.2, 0.1}
	for name, of := range map[string]func(i int) *Schedule{
		"tokens": func(i int) *Schedule { return &Schedule{Tokens: Shares{1, shares[i], shares[i], shares[i]}} },
		"heads":  func(i int) *Schedule { return &Schedule{Heads: Shares{1, shares[i], shares[i], shares[i]}} },
		"values": func(i int) *Schedule { return &Schedule{Values: Shares{shares[i]}} },
		"keys":   func(i int) *Schedule { return &Schedule{Key: KeyBits{MSB: Widths{12 - 2*i}}} },
		"lsbs": func(i int) *Schedule {
			return &Schedule{Key: KeyBits{MSB: Widths{4}, LSB: Widths{4}, Ask: AskKey, Share: Shares{shares[i]}}}
		},
		"threshold": func(i int) *Schedule {
			return &Schedule{Key: KeyBits{MSB: Widths{4}, LSB: Widths{4}, Threshold: Thresholds{float32(shares[i])}}}
		},
		"value bits": func(i int) *Schedule { return &Schedule{Value: ValueBits{Bits: Widths{12 - 2*i}}} },
	} {
		last := read(&Schedule{})
		first := last
		for i := range shares {
			n := read(of(i))
			if n > last && !(i == 0 && n <= first) {
				t.Errorf("%s: step %d reads %d bytes, the one before %d", name, i, n, last)
			}
			last = n
		}
		if last >= first {
			t.Errorf("%s: the last step reads %d bytes, dense %d", name, last, first)
		}
	}
}
