package attention

import (
	"math"
	"testing"

	"spatten/tensor"
)

// TestRestIsTheDefinition: what the chosen values leave of the probability is multiplied with the mean of all values.
func TestRestIsTheDefinition(t *testing.T) {
	cpu := tensor.NewCPU(2, tensor.F32)
	defer cpu.Close()
	const n = 40
	cut := start(t, cpu, &Schedule{Prompt: PromptDense, Values: Shares{0.2}}, n)
	rest, err := start(t, cpu, nil, n).Refit(&Schedule{Prompt: PromptDense, Values: Shares{0.2}, Rest: RestMean})
	if err != nil {
		t.Fatal(err)
	}
	fork := rest.Fork()
	pass(t, fork, cpu, 3, 9) // other tokens: the original's means stay
	without, with := pass(t, cut, cpu, 1, 5), pass(t, rest, cpu, 1, 5)
	d := small.HeadDim
	for key, row := range with {
		for h := range small.Heads {
			mean := make([]float64, d)
			for j := range n + 1 {
				for c, v := range numbers(5, 2, key[0], j, small.KVHeads*d)[small.group(h)*d:][:d] {
					mean[c] += float64(v) / (n + 1)
				}
			}
			left := math.NaN() // the same probability in every channel
			for c := range d {
				p := float64(row[h*d+c]-without[key][h*d+c]) / mean[c]
				if math.Abs(mean[c]) < 0.05 {
					continue
				}
				if math.IsNaN(left) {
					left = p
				}
				if p < 0 || p > 1 || math.Abs(p-left) > 1e-3 {
					t.Fatalf("layer %d, head %d, channel %d: the mean has weight %g, elsewhere %g", key[0], h, c, p, left)
				}
			}
		}
	}
}
