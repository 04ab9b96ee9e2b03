package accel

import (
	"fmt"
	"iter"
	"math"
	"testing"

	"spatten/accel/config"
	"spatten/accel/synthetic"
	"spatten/internal/shared"
	"spatten/trace"
)

func simulate(t testing.TB, m config.Machine, shape synthetic.Shape, tokens int, set synthetic.Setting) Result {
	t.Helper()
	key := fmt.Sprint(m.Hash(), shape.Name, tokens, set)
	if r, ok := simulated.Load(key); ok {
		return r.(Result)
	}
	r, err := Simulate(t.Context(), synthetic.Sentence(shape, tokens, set), m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	simulated.Store(key, r)
	return r
}

// The paper's TITAN Xp takes 366.7 ms, Fig. 14's speedup is 134.9: 2.72 ms on SpAtten.
func TestPaperGPT2Medium(t *testing.T) {
	r := simulateFile(t, machine(t, "spatten"), shared.Path(t, "reference", "workloads", "gpt2-medium-wikitext2-pruned.csv"), Options{})
	ms := r.Seconds * 1e3
	t.Logf("GPT-2-medium on WikiText-2: %.3f ms, the paper 2.72 (ratio %.3f); %.1f GB/s, the paper 260; %.2f TFLOPS", ms, ms/2.718, float64(r.DRAMBytes)/r.Seconds/1e9, r.Roof.TFLOPS)
	t.Logf("Table IV has 2.13 ms for four such benchmarks without head pruning, Fig. 18 0.43 TFLOPS over eight: their pruning is unpublished")
	if math.Abs(ms/2.718-1) > 0.25 {
		t.Errorf("%.3f ms is more than 25 %% from the paper's 2.72", ms)
	}
}

// Table IV: 25.75 ms for the 8-bit FC layers of 32 generated tokens.
func TestPaperFC(t *testing.T) {
	set := synthetic.Static12
	set.FC = true
	shape := synthetic.GPT2Medium
	const share = 8 * 32 // 3 of the 24 equal layers, 1 of the 32 tokens
	shape.Layers = 3
	r, err := Simulate(t.Context(), synthetic.Generation(shape, 1023, 1, set), machine(t, "spatten-e2e"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ms := share * float64(r.FCCycles) / 1e6
	t.Logf("8-bit FC of GPT-2-medium: %.2f ms, the paper 25.75 (ratio %.3f); %.2f GFLOP, the paper 19.33", ms, ms/25.75, share*float64(r.FCOperations)/1e9)
	if math.Abs(ms/25.75-1) > 0.1 {
		t.Errorf("%.2f ms is more than 10 %% from the paper's 25.75", ms)
	}
}

// The 22 computation-bound benchmarks reach 1.61 TFLOPS.
func TestPaperBERT(t *testing.T) {
	for _, c := range []struct {
		name   string
		values float64
	}{{"all values", 1}, {"30 % of the values pruned", 0.7}} {
		set := synthetic.Static12
		set.Values = c.values
		var ops, cycles, bytes int64
		bertMix(t, set, func(shape synthetic.Shape, n int, r Result) {
			t.Logf("%s, %d tokens, %s: %.2f TFLOPS", shape.Name, n, c.name, r.Roof.TFLOPS)
			ops, cycles, bytes = ops+r.Operations, cycles+r.Cycles, bytes+r.DRAMBytes
		})
		tflops := float64(ops) / float64(cycles) / 1e3
		t.Logf("%s: %.3f TFLOPS over all, the paper 1.61 (ratio %.3f); %.1f GB/s", c.name, tflops, tflops/1.61, float64(bytes)/float64(cycles))
		if c.values == 1 && math.Abs(tflops/1.61-1) > 0.1 {
			t.Errorf("%.3f TFLOPS is more than 10 %% from the paper's 1.61", tflops)
		}
	}
}

// SpAtten-1/8 (Table III: 360 GOP/s, counted dense) on the BERT mix and on GPT-2-medium. Printed, no bar: what the paper
// ran is not published.
func TestPaperEighth(t *testing.T) {
	m := machine(t, "spatten-eighth")
	gops := func(name string, pruned, dense iter.Seq2[trace.Record, error]) {
		r, err := Simulate(t.Context(), pruned, m, Options{})
		if err != nil {
			t.Fatal(err)
		}
		all, err := trace.Summarize(dense)
		if err != nil {
			t.Fatal(err)
		}
		got := float64(all[0].AttentionOps) / float64(r.Cycles)
		t.Logf("spatten-eighth, %s: %.0f GOP/s dense-equivalent (paper 360)", name, got)
		if got <= 0 || got > 4*256 {
			t.Errorf("%s: %.0f GOP/s cannot be", name, got)
		}
	}
	bert := synthetic.Sentence(synthetic.BERTBase, 69, synthetic.Static12)
	gops("BERT-base, 69 tokens", bert, bert)
	gops("GPT-2-medium on WikiText-2", medium(t, 1), Dense(medium(t, 1), 12))
}
