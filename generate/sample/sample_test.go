package sample

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func logitsOf(t *rapid.T) []float32 {
	return rapid.SliceOfN(rapid.Float32Range(-8, 8), 1, 40).Draw(t, "logits")
}

func sampler(t *rapid.T, o Options) *Sampler {
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGreedyIsTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := logitsOf(t)
		want := int32(slices.Index(logits, slices.Max(logits)))
		for _, o := range []Options{{Greedy: true}, {TopK: 1, Seed: 3}, {Temperature: 1e-6, Seed: 1}} {
			got := sampler(t, o).Next(slices.Clone(logits))
			if logits[want]-logits[got] > 1e-4 { // nearer ones are drawn too at a temperature of 1e-6
				t.Fatalf("%+v took %d of %v", o, got, logits)
			}
		}
	})
}

func remaining(t *rapid.T, o Options, logits []float32) []candidate {
	c, _ := sampler(t, o).cut(logits)
	return c
}

// TestCutsTogether compares with sorting everything and cutting one after the other.
func TestCutsTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := logitsOf(t)
		o := Options{
			TopK: rapid.IntRange(0, 12).Draw(t, "k"),
			TopP: rapid.SampledFrom([]float64{0, 0.1, 0.5, 0.9, 0.999, 1}).Draw(t, "p"),
			MinP: rapid.SampledFrom([]float64{0, 0.01, 0.3, 1}).Draw(t, "min-p"),
		}
		var want []candidate
		for i, v := range logits {
			want = append(want, candidate{id: int32(i), logit: float64(v)})
		}
		slices.SortFunc(want, func(a, b candidate) int {
			if before(a, b) {
				return -1
			}
			return 1
		})
		if o.TopK > 0 {
			want = want[:min(o.TopK, len(want))]
		}
		top, total, sum := want[0].logit, 0.0, 0.0
		for _, c := range want {
			total += math.Exp(c.logit - top)
		}
		for i, c := range want {
			sum += math.Exp(c.logit - top)
			if math.Abs(sum-o.TopP*total) < 1e-9 {
				t.Skip("on the edge")
			}
			if o.TopP > 0 && o.TopP < 1 && sum >= o.TopP*total {
				want = want[:i+1]
				break
			}
		}
		if o.MinP > 0 {
			want = slices.DeleteFunc(want, func(c candidate) bool { return c.logit < top+math.Log(o.MinP) })
		}
		got := remaining(t, o, logits)
		same := len(got) == len(want)
		for i := range want {
			same = same && got[i].id == want[i].id
		}
		if !same && (o.TopK > 0 && o.TopK < len(logits) || o.TopP > 0 && o.TopP < 1 || o.MinP > 0) {
			t.Fatalf("%+v of %v: %v, want %v", o, logits, got, want)
		}
	})
}

func TestNoAllocation(t *testing.T) {
	logits := make([]float32, 5000)
	for i := range logits {
		logits[i] = float32(math.Sin(float64(i)))
	}
	for _, o := range []Options{{}, {Greedy: true}, {TopK: 40, TopP: 0.9, MinP: 0.05}, {TopP: 0.5}} {
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Next(logits)
		if n := testing.AllocsPerRun(10, func() { s.Next(logits) }); n != 0 {
			t.Errorf("%+v allocates %g times a token", o, n)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	logits := make([]float32, 49152)
	for i := range logits {
		logits[i] = float32(random.NormFloat64() * 3)
	}
	for name, o := range map[string]Options{"all": {}, "greedy": {Greedy: true}, "top-k": {TopK: 40}, "top-p": {TopP: 0.9}, "min-p": {MinP: 0.05}, "usual": {TopK: 40, TopP: 0.95, MinP: 0.05, Temperature: 0.8}} {
		b.Run(name, func(b *testing.B) {
			s, _ := New(o)
			for b.Loop() {
				s.Next(logits)
			}
		})
	}
}

// TestCuts compares what remains with the definitions.
func TestCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := logitsOf(t)
		p := func(i int32) float64 { return math.Exp(float64(logits[i]) - LogSum(logits)) }
		k := rapid.IntRange(1, 50).Draw(t, "k")
		if got := len(remaining(t, Options{TopK: k}, logits)); got != min(k, len(logits)) {
			t.Fatalf("top %d of %d leaves %d", k, len(logits), got)
		}
		mass := rapid.Float64Range(0.05, 0.999).Draw(t, "p")
		sum, before := 0.0, 0.0
		for _, c := range remaining(t, Options{TopP: mass}, logits) {
			before = sum
			sum += p(c.id)
		}
		if sum < mass-1e-9 || before > mass+1e-9 {
			t.Fatalf("top-p %g keeps %g, without its last %g", mass, sum, before)
		}
		share := rapid.Float64Range(0.01, 1).Draw(t, "min-p")
		kept := map[int32]bool{}
		for _, c := range remaining(t, Options{MinP: share}, logits) {
			kept[c.id] = true
		}
		best := math.Exp(float64(slices.Max(logits)) - LogSum(logits))
		for i := range logits {
			if q := p(int32(i)); kept[int32(i)] != (q >= share*best) && math.Abs(q-share*best) > 1e-9 {
				t.Fatalf("min-p %g: %d with %g of %g kept: %v", share, i, q, best, kept[int32(i)])
			}
		}
	})
}

func TestSeedRepeats(t *testing.T) {
	draw := func(seed uint64) (ids []int32) {
		s, _ := New(Options{Seed: seed, RepetitionPenalty: 1.1})
		for range 50 {
			ids = append(ids, s.Next([]float32{1, 2, 0.5, 1.5}))
		}
		return ids
	}
	if !slices.Equal(draw(1), draw(1)) {
		t.Error("the same seed draws other tokens")
	}
	if slices.Equal(draw(1), draw(2)) {
		t.Error("another seed draws the same tokens")
	}
}

func TestFrequencies(t *testing.T) {
	s, _ := New(Options{Seed: 5})
	logits := []float32{0, float32(math.Log(3))} // 1 : 3
	n := 0
	for range 4000 {
		n += int(s.Next(logits))
	}
	if n < 2880 || n > 3120 { // 3000 ± 4.4 standard deviations
		t.Errorf("token 1 drawn %d times of 4000, expected about 3000", n)
	}
}

func TestHostileNumbers(t *testing.T) {
	nan := float32(math.NaN())
	s, _ := New(Options{Seed: 1, TopP: 0.9})
	if got := s.Next([]float32{nan, 1, nan}); got != 1 {
		t.Errorf("drew %d, the only number is 1", got)
	}
	s.Next([]float32{nan, nan}) // must return something
	for _, o := range []Options{{Temperature: -1}, {Temperature: math.NaN()}, {TopK: -1}, {TopP: 2}, {MinP: -1}, {RepetitionPenalty: -2}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestTop(t *testing.T) {
	got := Top([]float32{1, 3, 2, 3}, 3)
	if len(got) != 3 || got[0].ID != 1 || got[1].ID != 3 || got[2].ID != 2 {
		t.Errorf("top 3: %+v", got)
	}
	if len(Top([]float32{1}, 0)) != 0 {
		t.Error("none of one is not none")
	}
}
