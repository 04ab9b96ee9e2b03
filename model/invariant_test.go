package model_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"spatten/attention"
	"spatten/model"
	"spatten/tensor"
)

// schedules are what the invariants must hold for: dense, and with everything pruned that can be.
func schedules(t testing.TB) map[string]*attention.Schedule {
	t.Helper()
	s := map[string]*attention.Schedule{"dense": nil}
	for name, text := range map[string]string{
		"pruned": "{tokens: [1, 0.7, 0.4], heads: [1, 0.75, 0.5], values: 0.5, key: {msb: 6, lsb: 4, threshold: 0.2}, value: {bits: 6}, query: {bits: 10}}",
		"head":   "{tokens: [1, 0.7, 0.4], granularity: head, renormalize: true, values: 0.3}",
	} {
		parsed, err := attention.ParseSchedule(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		s[name] = parsed
	}
	return s
}

// TestBatch passes sequences together and apart, prompts beside decoded tokens: a sequence's numbers stay the same,
// bit by bit, in both precisions.
func TestBatch(t *testing.T) {
	for _, f := range families() {
		_, m := ready(t, f)
		for name, s := range schedules(t) {
			for _, p := range []tensor.Precision{tensor.F32, tensor.Int8} {
				t.Run(fmt.Sprintf("%s/%s/%v", f.name, name, p), func(t *testing.T) { compareBatch(t, newCPUOf(t, p), m, s, f.want) })
			}
		}
	}
}

func compareBatch(t *testing.T, cpu *tensor.CPU, m model.Model, s *attention.Schedule, want model.Want) {
	var b model.Batch
	prompts := [][]int32{randomIDs(5, 1), randomIDs(31, 2), randomIDs(1, 3), randomIDs(12, 4)}
	var together []model.Chunk
	var apart, steps [][]float32
	for _, ids := range prompts {
		together = append(together, model.Chunk{
			Seq: newSequence(t, m, s, attention.Options{}), Tokens: ids, Last: true, Want: want,
			Out: make([]float32, m.Info().Size(want, len(ids))),
		})
		seq := newSequence(t, m, s, attention.Options{})
		apart = append(apart, forward(t, cpu, &b, m, seq, ids, want))
		if m.Info().Causal {
			steps = append(steps, forward(t, cpu, &b, m, seq, ids[:1], model.Logits))
		}
	}
	if err := m.Forward(cpu, &b, together); err != nil {
		t.Fatal(err)
	}
	for i := range together {
		same(t, fmt.Sprintf("sequence %d", i), together[i].Out, apart[i])
	}
	if !m.Info().Causal {
		return
	}
	for i := range together { // one step of all but the second, in whose place another prompt is read
		together[i].Tokens = prompts[i][:1]
		together[i].Want, together[i].Out = model.Logits, make([]float32, m.Info().Vocab)
	}
	together[1] = model.Chunk{Seq: newSequence(t, m, s, attention.Options{}), Tokens: prompts[3], Want: model.Nothing}
	if err := m.Forward(cpu, &b, together); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2, 3} {
		same(t, fmt.Sprintf("step of sequence %d", i), together[i].Out, steps[i])
	}
}

// same compares bit by bit, NaN being equal to itself.
func same(t testing.TB, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] && (got[i] == got[i] || want[i] == want[i]) {
			t.Fatalf("%s: number %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestThreads runs prefill and decode with different numbers of threads: the numbers stay the same, bit by bit.
func TestThreads(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, f := range families() {
		_, m := ready(t, f)
		for name, s := range schedules(t) {
			t.Run(f.name+"/"+name, func(t *testing.T) {
				var first []float32
				for _, threads := range []int{1, 2, 5} {
					runtime.GOMAXPROCS(threads)
					cpu := tensor.NewCPU(threads, tensor.F32)
					defer cpu.Close()
					var b model.Batch
					seq := newSequence(t, m, s, attention.Options{})
					got := forward(t, cpu, &b, m, seq, randomIDs(29, 5), f.want)
					if m.Info().Causal {
						for i := range int32(4) {
							got = append(got, forward(t, cpu, &b, m, seq, []int32{i}, model.Logits)...)
						}
					}
					if first == nil {
						first = got
					}
					same(t, fmt.Sprintf("%d threads", threads), got, first)
				}
			})
		}
	}
}

// TestDecodeAllocates asserts that a generated token takes no memory from the heap but where the cache's room doubles.
func TestDecodeAllocates(t *testing.T) {
	for _, f := range families() {
		_, m := ready(t, f)
		if !m.Info().Causal {
			continue
		}
		for name, s := range schedules(t) {
			t.Run(f.name+"/"+name, func(t *testing.T) {
				cpu := newCPU(t)
				var b model.Batch
				seq := newSequence(t, m, s, attention.Options{})
				forward(t, cpu, &b, m, seq, randomIDs(300, 6), model.Logits)
				chunks := []model.Chunk{{Seq: seq, Tokens: []int32{1}, Last: true, Want: model.Logits, Out: make([]float32, m.Info().Vocab)}}
				step := func() {
					if err := m.Forward(cpu, &b, chunks); err != nil {
						t.Fatal(err)
					}
				}
				step()
				// The cache doubles its room now and then; between those steps nothing is taken.
				const steps = 30
				quiet := 0
				for range steps / 2 { // AllocsPerRun runs twice
					if testing.AllocsPerRun(1, step) == 0 {
						quiet++
					}
				}
				if quiet < steps/2*2/3 {
					t.Errorf("of %d steps of decoding only %d made no allocation", steps/2, quiet)
				}
			})
		}
	}
}

// TestDenseCost counts a run with nothing pruned as what a dense run costs.
func TestDenseCost(t *testing.T) {
	for _, f := range families() {
		_, m := ready(t, f)
		t.Run(f.name, func(t *testing.T) {
			cpu := newCPU(t)
			var b model.Batch
			seq := newSequence(t, m, nil, attention.Options{})
			forward(t, cpu, &b, m, seq, randomIDs(20, 6), f.want)
			if m.Info().Causal {
				forward(t, cpu, &b, m, seq, []int32{1}, model.Logits)
			}
			c := seq.Cost()
			if c.Spatten != c.DenseFP32 || c.Spatten.Operations == 0 || c.Spatten.KVBytes == 0 {
				t.Errorf("cost %+v, dense %+v", c.Spatten, c.DenseFP32)
			}
		})
	}
}

// TestRefuses hands models what they must not take; sequences stay usable.
func TestRefuses(t *testing.T) {
	for _, f := range families() {
		_, m := ready(t, f)
		t.Run(f.name, func(t *testing.T) {
			cpu := newCPU(t)
			var b model.Batch
			seq := newSequence(t, m, nil, attention.Options{})
			ok := model.Chunk{Seq: seq, Tokens: []int32{1, 2}, Last: true, Want: f.want, Out: make([]float32, m.Info().Size(f.want, 2))}
			for _, c := range []struct {
				name   string
				change func(c *model.Chunk)
			}{
				{"no sequence", func(c *model.Chunk) { c.Seq = nil }},
				{"no tokens", func(c *model.Chunk) { c.Tokens = nil }},
				{"token 1 is -1", func(c *model.Chunk) { c.Tokens = []int32{0, -1} }},
				{"token 0 is 97, the vocabulary has 97", func(c *model.Chunk) { c.Tokens = []int32{97, 0} }},
				{"513 tokens after 0, the model has 512 positions", func(c *model.Chunk) { c.Tokens = make([]int32, 513) }},
				{"room for", func(c *model.Chunk) { c.Out = c.Out[1:] }},
				{"1 segment ids for 2 tokens", func(c *model.Chunk) { c.TypeIDs = []int32{0} }},
			} {
				bad := ok
				c.change(&bad)
				if err := m.Forward(cpu, &b, []model.Chunk{ok, bad}); err == nil || !strings.Contains(err.Error(), c.name) {
					t.Errorf("%s: error %v", c.name, err)
				}
			}
			if err := m.Forward(cpu, &b, nil); err == nil {
				t.Error("an empty batch passes")
			}
			if err := m.Forward(cpu, &b, []model.Chunk{ok, ok}); err == nil {
				t.Error("one sequence twice in a batch passes")
			}
			long := ok
			long.Tokens = make([]int32, 513)
			if err := m.Forward(cpu, &b, []model.Chunk{long}); !errors.Is(err, model.ErrContext) {
				t.Errorf("513 tokens: error %v, want ErrContext", err)
			}
			if err := m.Forward(cpu, &b, []model.Chunk{ok}); err != nil {
				t.Errorf("after refusals: %v", err)
			}
		})
	}
}
