package attention

import (
	"errors"
	"maps"
	"math"
	"slices"
	"testing"

	"spatten/attention/quant"
	"spatten/tensor"
)

// start returns a sequence that has read a prompt of n tokens.
func start(t *testing.T, cpu *tensor.CPU, s *Schedule, n int) *Sequence {
	t.Helper()
	q, err := NewSequence(small, s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	pass(t, q, cpu, n, 5)
	return q
}

func equalRows(a, b map[[2]int][]float32) bool {
	return maps.EqualFunc(a, b, func(x, y []float32) bool { return slices.Equal(x, y) })
}

// TestPromptDense: a prompt is read as without a schedule, and what follows is as if a dense sequence had been refitted.
func TestPromptDense(t *testing.T) {
	cpu := tensor.NewCPU(2, tensor.F32)
	defer cpu.Close()
	sched := &Schedule{Prompt: PromptDense, Values: Shares{0.2}, Key: KeyBits{MSB: Widths{3}, Scale: ByChannel, Center: true}, Value: ValueBits{Bits: Widths{4}}}
	plain, err := NewSequence(small, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	own, err := NewSequence(small, sched, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !equalRows(pass(t, plain, cpu, 150, 5), pass(t, own, cpu, 150, 5)) {
		t.Error("the prompt is not read as without a schedule")
	}
	refitted, err := plain.Refit(sched)
	if err != nil {
		t.Fatal(err)
	}
	before := own.Bytes()
	for range 70 { // over the end of a block
		a, b := pass(t, own, cpu, 1, 5), pass(t, refitted, cpu, 1, 5)
		if !equalRows(a, b) {
			t.Fatal("a refitted sequence goes on differently")
		}
	}
	if a, b := own.Cost().Spatten, refitted.Cost().Spatten; a.KVBytes != b.KVBytes || a.KVBytes == 0 {
		t.Errorf("%d bytes of K and V, refitted %d", a.KVBytes, b.KVBytes)
	}
	if own.Bytes() > before/2 {
		t.Errorf("the prompt's %d bytes have become %d", before, own.Bytes())
	}
	if equalRows(pass(t, plain, cpu, 1, 5), pass(t, start(t, cpu, sched, 150), cpu, 1, 5)) {
		t.Error("the generated token is not pruned")
	}
	if own.Schedule().Hash() != sched.Hash() {
		t.Error("the sequence does not name its schedule")
	}
}

func TestRefitErrors(t *testing.T) {
	cpu := tensor.NewCPU(1, tensor.F32)
	defer cpu.Close()
	plain := start(t, cpu, nil, 20)
	if _, err := plain.Refit(&Schedule{Tokens: Shares{1, 0.5, 0.5, 0.5}}); !errors.Is(err, ErrRefit) {
		t.Errorf("tokens by an importance that nobody accumulated: %v", err)
	}
	if _, err := plain.Refit(&Schedule{Tokens: Shares{1, 0.5}}); err == nil {
		t.Error("lists of a wrong length")
	}
	if _, err := start(t, cpu, &Schedule{Values: Shares{0.5}}, 20).Refit(&Schedule{}); !errors.Is(err, ErrRefit) {
		t.Errorf("a prompt that was pruned: %v", err)
	}
	pass(t, plain, cpu, 1, 5)
	if _, err := plain.Refit(&Schedule{}); !errors.Is(err, ErrRefit) {
		t.Errorf("after a generated token: %v", err)
	}
}

// TestRefitPrunes: tokens fall by what the prompt's queries found important.
func TestRefitPrunes(t *testing.T) {
	cpu := tensor.NewCPU(1, tensor.F32)
	defer cpu.Close()
	sched := &Schedule{Prompt: PromptDense, Tokens: Shares{1, 1, 0.5, 0.25}}
	s := start(t, cpu, sched, 100)
	if n := len(s.Live(3)); n != 100 {
		t.Fatalf("%d of 100 tokens of the prompt live", n)
	}
	pass(t, s, cpu, 1, 5)
	if a, b := len(s.Live(2)), len(s.Live(3)); a != 50 || b != 25 {
		t.Errorf("%d and %d tokens live", a, b)
	}
}

// TestCenter: keys that share a large mean are scored better less it, by far.
func TestCenter(t *testing.T) {
	const n, d = 128, 16
	f := quant.Format{MSB: 3, PerChannel: true}
	rows := quant.NewRows(d, quant.Format{MSB: 32})
	for i := range n {
		row := numbers(1, 1, 0, i, d)
		for c := range row {
			row[c] += float32(4 * (c - 8))
		}
		rows.Append(row)
	}
	mean := center(rows)
	q := numbers(1, 0, 0, 0, d)
	spread := func(center []float32) float64 { // of the errors of the scores, less what is common to all
		coded, i := recode(rows, f, center), 0
		var sum, squares float64
		each(coded, func(row []float32) {
			e := 0.0
			for c, v := range row {
				if center != nil {
					v += center[c]
				}
				e += float64(q[c]) * float64(v-rows.Floats()[i*d+c])
			}
			sum, squares, i = sum+e, squares+e*e, i+1
		})
		return math.Sqrt(squares/n - sum*sum/n/n)
	}
	if with, without := spread(mean), spread(nil); with > without/3 {
		t.Errorf("errors of scores spread by %.3f with a center, %.3f without", with, without)
	}
}

// TestChunksFreely: what is said to be free of the grid of chunks goes on in the same way, whatever the grid was.
func TestChunksFreely(t *testing.T) {
	cpu := tensor.NewCPU(2, tensor.Int8)
	defer cpu.Close()
	free := 0
	for name, sched := range schedules() {
		if !sched.ChunksFreely() {
			continue
		}
		free++
		whole := start(t, cpu, sched, 150)
		parts, _ := NewSequence(small, sched, Options{})
		for _, n := range []int{64, 7, 79} {
			pass(t, parts, cpu, n, 5)
		}
		for range 3 {
			if !equalRows(pass(t, whole, cpu, 1, 5), pass(t, parts, cpu, 1, 5)) {
				t.Fatalf("%s: a prompt read in parts goes on differently", name)
			}
		}
	}
	if free < 2 || (&Schedule{Values: Shares{0.5}}).ChunksFreely() || !(*Schedule)(nil).ChunksFreely() {
		t.Errorf("%d schedules are free of chunks", free)
	}
}
