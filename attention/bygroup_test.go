package attention

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"spatten/tensor"
)

// TestGroupIsTheDefinition: the values of a group's heads are those with the largest sum of probabilities, renormalized.
func TestGroupIsTheDefinition(t *testing.T) {
	cpu := tensor.NewCPU(2, tensor.F32)
	defer cpu.Close()
	rapid.Check(t, func(rt *rapid.T) {
		n, share := rapid.IntRange(1, 60).Draw(rt, "tokens"), rapid.Float64Range(0.05, 0.95).Draw(rt, "share")
		s := start(t, cpu, &Schedule{Choose: ByGroup, Values: Shares{share}, Renormalize: true, Prompt: PromptDense}, n)
		for key, row := range pass(t, s, cpu, 1, 5) {
			for i, want := range groupReference(small, 5, key[0], n, max(1, floor(n+1, share))) {
				if math.Abs(float64(row[i])-want) > 1e-4 {
					rt.Fatalf("layer %d: [%d] is %g, want %g", key[0], i, row[i], want)
				}
			}
		}
		groups := int64(small.Layers * small.KVHeads * small.HeadDim * 4)
		if got, want := s.Cost().Spatten.KVBytes, groups*int64(n+1+max(1, floor(n+1, share))); got != want {
			rt.Errorf("%d bytes read, want %d", got, want)
		}
	})
}

// groupReference is the attention of the token at a position with the best values of each group, in float64.
func groupReference(shape Shape, seed uint64, layer, position, keep int) []float64 {
	d, per := shape.HeadDim, shape.Heads/shape.KVHeads
	q, out := numbers(seed, 0, layer, position, shape.Heads*d), make([]float64, shape.Heads*d)
	for g := range shape.KVHeads {
		probs, sums, order := make([][]float64, per), make([]float64, position+1), make([]int, position+1)
		for i := range per {
			total := 0.0
			for j := range position + 1 {
				k, score := numbers(seed, 1, layer, j, shape.KVHeads*d), 0.0
				for c := range d {
					score += float64(q[(g*per+i)*d+c]) * float64(k[g*d+c])
				}
				probs[i] = append(probs[i], math.Exp(score/math.Sqrt(float64(d))))
				total += probs[i][j]
			}
			for j := range probs[i] {
				order[j] = j
				probs[i][j] /= total
				sums[j] += probs[i][j]
			}
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(sums[b], sums[a]) })
		for i := range per {
			total := 0.0
			for _, j := range order[:keep] {
				total += probs[i][j]
			}
			for _, j := range order[:keep] {
				v := numbers(seed, 2, layer, j, shape.KVHeads*d)
				for c := range d {
					out[(g*per+i)*d+c] += probs[i][j] / total * float64(v[g*d+c])
				}
			}
		}
	}
	return out
}

// TestMass: no more rows are picked than hold the mass, none fewer, and never more than the share.
func TestMass(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32Range(0.001, 1), 1, 200).Draw(rt, "sums")
		share, mass := rapid.Float64Range(0.01, 1).Draw(rt, "share"), rapid.Float64Range(0.01, 0.99).Draw(rt, "mass")
		var total float64
		for _, v := range x {
			total += float64(v)
		}
		heads := 2
		for i := range x {
			x[i] *= float32(float64(heads) / total)
		}
		w := &work{}
		w.n = len(x)
		wk := &worker{}
		wk.sums = x
		rows := w.pick(wk, share, mass, heads)
		var held, least float64
		least = math.Inf(1)
		for _, r := range rows {
			held, least = held+float64(x[r]), min(least, float64(x[r]))
		}
		most := max(1, floor(len(x), share))
		switch {
		case !slices.IsSorted(rows) || len(rows) > most || len(rows) == 0:
			rt.Fatalf("%d rows of at most %d", len(rows), most)
		case len(rows) < most && held < mass*float64(heads)-1e-5:
			rt.Fatalf("%d rows hold %g of %g", len(rows), held, mass*float64(heads))
		case held-least >= mass*float64(heads)+1e-5:
			rt.Fatalf("a row more than the mass needs: %g without it", held-least)
		}
	})
}
