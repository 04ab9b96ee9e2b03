package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"spatten/attention/record"
	"spatten/tensor"
)

// small is a shape with grouped queries.
var small = Shape{Layers: 4, Heads: 4, KVHeads: 2, HeadDim: 16, Causal: true}

// numbers draws the q, k, v of every token and layer: they depend on position, layer and seed alone.
func numbers(seed uint64, kind, layer, position, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, uint64(kind)<<40|uint64(layer)<<32|uint64(position)))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64()) * 1.5
	}
	return x
}

// pass runs one pass of n tokens and returns the output rows by layer and position.
func pass(t testing.TB, s *Sequence, cpu *tensor.CPU, n int, seed uint64) map[[2]int][]float32 {
	t.Helper()
	p, err := s.Begin(n, PassOptions{Last: true})
	if err != nil {
		t.Fatal(err)
	}
	out := map[[2]int][]float32{}
	for l := range s.shape.Layers {
		rows := slices.Clone(p.Rows())
		var q, k, v []float32
		for _, row := range rows {
			at := p.First() + int(row)
			q = append(q, numbers(seed, 0, l, at, s.shape.Heads*s.shape.HeadDim)...)
			k = append(k, numbers(seed, 1, l, at, s.shape.KVHeads*s.shape.HeadDim)...)
			v = append(v, numbers(seed, 2, l, at, s.shape.KVHeads*s.shape.HeadDim)...)
		}
		o := make([]float32, len(q))
		p.FC(record.FCQuery, len(rows), 64, 64, 32)
		p.Attend(cpu, q, k, v, o)
		width := s.shape.Heads * s.shape.HeadDim
		for i, row := range rows {
			out[[2]int{l, p.First() + int(row)}] = o[i*width : (i+1)*width]
		}
		p.Next()
	}
	p.End()
	return out
}

// denseReference is attention as its definition says, in float64, for ever beside the real one.
func denseReference(shape Shape, seed uint64, layer, position, length int) []float64 {
	d := shape.HeadDim
	q := numbers(seed, 0, layer, position, shape.Heads*d)
	out := make([]float64, shape.Heads*d)
	last := length - 1
	if shape.Causal {
		last = position
	}
	for h := range shape.Heads {
		g := shape.group(h)
		var scores []float64
		for j := 0; j <= last; j++ {
			k := numbers(seed, 1, layer, j, shape.KVHeads*d)
			sum := 0.0
			for i := range d {
				sum += float64(q[h*d+i]) * float64(k[g*d+i])
			}
			scores = append(scores, sum/math.Sqrt(float64(d)))
		}
		top, total := slices.Max(scores), 0.0
		for j := range scores {
			scores[j] = math.Exp(scores[j] - top)
			total += scores[j]
		}
		for j := 0; j <= last; j++ {
			v := numbers(seed, 2, layer, j, shape.KVHeads*d)
			for i := range d {
				out[h*d+i] += scores[j] / total * float64(v[g*d+i])
			}
		}
	}
	return out
}

func TestDenseIsTheDefinition(t *testing.T) {
	cpu := tensor.NewCPU(2, tensor.F32)
	defer cpu.Close()
	for _, causal := range []bool{true, false} {
		shape := small
		shape.Causal = causal
		s, err := NewSequence(shape, nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		all := pass(t, s, cpu, 9, 1)
		if causal {
			for range 3 {
				for key, row := range pass(t, s, cpu, 1, 1) {
					all[key] = row
				}
			}
		}
		for key, row := range all {
			want := denseReference(shape, 1, key[0], key[1], 9)
			for i := range row {
				if math.Abs(float64(row[i])-want[i]) > 1e-5 {
					t.Fatalf("causal %v, layer %d, position %d: [%d] is %g, want %g", causal, key[0], key[1], i, row[i], want[i])
				}
			}
		}
	}
}

// TestChunksAndThreads: with the schedule off a row's numbers do not depend on the grid of chunks; with any schedule not on the
// number of threads (invariants 2 and 9).
func TestChunksAndThreads(t *testing.T) {
	one, three := tensor.NewCPU(1, tensor.F32), tensor.NewCPU(3, tensor.F32)
	defer one.Close()
	defer three.Close()
	run := func(cpu *tensor.CPU, sched *Schedule, chunks ...int) map[[2]int][]float32 {
		s, err := NewSequence(small, sched, Options{})
		if err != nil {
			t.Fatal(err)
		}
		all := map[[2]int][]float32{}
		for _, n := range chunks {
			for key, row := range pass(t, s, cpu, n, 3) {
				all[key] = row
			}
		}
		return all
	}
	same := func(name string, a, b map[[2]int][]float32) {
		if len(a) != len(b) {
			t.Fatalf("%s: %d rows and %d", name, len(a), len(b))
		}
		for key := range a {
			if !slices.Equal(a[key], b[key]) {
				t.Fatalf("%s: layer %d position %d differs", name, key[0], key[1])
			}
		}
	}
	same("chunks", run(one, nil, 300), run(three, nil, 1, 7, 250, 42))
	for name, sched := range schedules() {
		same(name, run(one, sched, 290, 1, 1), run(three, sched, 290, 1, 1))
	}
}

// schedules are one of each kind, for tests that must hold for all.
func schedules() map[string]*Schedule {
	m := map[string]*Schedule{
		"dense":       {},
		"tokens":      {Tokens: Shares{1, 0.7, 0.5, 0.3}, Protect: Protect{First: 1, Recent: 2}},
		"heads":       {Heads: Shares{1, 1, 0.75, 0.5}},
		"values":      {Values: Shares{0.3}, Renormalize: true},
		"progressive": {Key: KeyBits{MSB: Widths{4}, LSB: Widths{4}, Threshold: Thresholds{0.2}}, Value: ValueBits{Bits: Widths{6}}, Query: QueryBits{Bits: Widths{12}}},
		"by key":      {Key: KeyBits{MSB: Widths{4}, LSB: Widths{4}, Ask: AskKey, Share: Shares{0.2}, Scale: ByChannel}, Value: ValueBits{Bits: Widths{8}}, Values: Shares{0.5}},
		"by head":     {Tokens: Shares{1, 0.8, 0.5, 0.3}, Granularity: ByHead},
		"all": {Tokens: Shares{1, 0.8, 0.6, 0.5}, Heads: Shares{1, 1, 1, 0.5}, Values: Shares{0.4}, Key: KeyBits{MSB: Widths{6}, LSB: Widths{4, 4, 2, 0}, Threshold: Thresholds{0.3}, Scale: ByChannel},
			Value: ValueBits{Bits: Widths{6}}, Length: &Length{Reference: 64, Slope: 0.2}},
	}
	m["group"] = &Schedule{Choose: ByGroup, Values: Shares{0.3}, Renormalize: true, Value: ValueBits{Bits: Widths{6}},
		Key: KeyBits{MSB: Widths{3}, LSB: Widths{4}, Ask: AskKey, Share: Shares{0.2}, Scale: ByChannel}}
	m["group, mass"] = &Schedule{Choose: ByGroup, Values: Shares{0.5}, Mass: Shares{0.6}, Key: KeyBits{MSB: Widths{4}, LSB: Widths{4}, Ask: AskKey, Share: Shares{0.5}, Mass: Shares{0.5}}}
	m["group, by query"] = &Schedule{Choose: ByGroup, Values: Shares{0.4}, Key: KeyBits{MSB: Widths{4}, LSB: Widths{4}, Threshold: Thresholds{0.2}}}
	m["prompt dense"] = &Schedule{Prompt: PromptDense, Tokens: Shares{1, 0.7, 0.5, 0.3}, Values: Shares{0.3}, Value: ValueBits{Bits: Widths{6}}, Heads: Shares{1, 1, 0.75, 0.5},
		Key: KeyBits{MSB: Widths{4}, Scale: ByChannel, Center: true}}
	m["policy pooled"] = &Schedule{Tokens: Shares{1, 0.7, 0.5, 0.3}, Importance: Policy{Pool: 5}}
	m["rest"] = &Schedule{Prompt: PromptDense, Choose: ByGroup, Values: Shares{0.2}, Rest: RestMean, Value: ValueBits{Bits: Widths{5}}}
	for _, p := range Policies() {
		m["policy "+p] = &Schedule{Tokens: Shares{1, 0.7, 0.5, 0.3}, Importance: Policy{Policy: p, Window: 5}}
	}
	return m
}

// TestCascade: budgets are exact, live sets nested, protected tokens survive, and what is gone stays gone.
func TestCascade(t *testing.T) {
	cpu := tensor.NewCPU(1, tensor.F32)
	defer cpu.Close()
	rapid.Check(t, func(r *rapid.T) {
		all := schedules()
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		slices.Sort(names)
		name := rapid.SampledFrom(names).Draw(r, "schedule")
		sched := all[name]
		s, err := NewSequence(small, sched, Options{})
		if err != nil {
			t.Fatal(err)
		}
		gone := make([]map[int32]bool, small.Layers)
		for l := range gone {
			gone[l] = map[int32]bool{}
		}
		for step := range 4 {
			n := 1
			if step == 0 {
				n = rapid.IntRange(1, 60).Draw(r, "prompt")
			}
			pass(t, s, cpu, n, 5)
			for l := range small.Layers {
				live := s.Live(l)
				if !slices.IsSorted(live) {
					r.Fatalf("%s: layer %d is not in order", name, l)
				}
				for p := range int32(s.Length()) {
					alive := slices.Contains(live, p)
					if alive && gone[l][p] {
						r.Fatalf("%s: position %d came back to layer %d", name, p, l)
					}
					gone[l][p] = !alive
					if alive && l > 0 && !slices.Contains(s.Live(l-1), p) {
						r.Fatalf("%s: position %d lives in layer %d and not in the one before", name, p, l)
					}
					if !alive && (int(p) < sched.Protect.First || int(p) >= s.Length()-sched.Protect.Recent || int(p) == s.Length()-1) {
						r.Fatalf("%s: protected position %d fell in layer %d", name, p, l)
					}
				}
				protected := min(s.Length(), sched.Protect.First+max(1, sched.Protect.Recent))
				if most := max(sched.keep(l, s.Length()), protected); len(live) > most && (step > 0 || sched.Prompt != PromptDense) {
					r.Fatalf("%s: %d of %d live in layer %d, the budget is %d", name, len(live), s.Length(), l, most)
				}
				if step == 0 && sched.Granularity != ByHead && len(live) < min(s.Length(), max(sched.keep(l, s.Length()), 1)) {
					r.Fatalf("%s: only %d live in layer %d, the budget is %d", name, len(live), l, sched.keep(l, s.Length()))
				}
			}
		}
		if c := s.Cost(); c.Spatten.KVBytes+c.Technique.Tokens+c.Technique.Heads+c.Technique.Values+c.Technique.Bits != c.DenseFP32.KVBytes {
			r.Fatalf("%s: read and saved do not add up: %+v", name, c)
		}
	})
}

func TestDecodeAllocatesNothing(t *testing.T) {
	q, kv := make([]float32, 64), make([]float32, 32)
	out := make([]float32, 64)
	for i := range q {
		q[i] = float32(i%7) - 3
	}
	copy(kv, q)
	for _, precision := range []tensor.Precision{tensor.F32, tensor.Int8} {
		cpu := tensor.NewCPU(1, precision)
		defer cpu.Close()
		for name, sched := range schedules() {
			s, err := NewSequence(small, sched, Options{CacheBits: 8})
			if err != nil {
				t.Fatal(err)
			}
			pass(t, s, cpu, 300, 1)
			step := func() {
				p, _ := s.Begin(1, PassOptions{Last: true})
				for range small.Layers {
					if len(p.Rows()) > 0 {
						p.Attend(cpu, q, kv, kv, out)
					}
					p.Next()
				}
				p.End()
			}
			for range 20 {
				step()
			}
			if n := testing.AllocsPerRun(60, step); n > 2 { // caches grow now and then
				t.Errorf("%s, %v: a step allocates %g times", name, precision, n)
			}
		}
	}
}

func TestForkIsIndependent(t *testing.T) {
	cpu := tensor.NewCPU(1, tensor.F32)
	defer cpu.Close()
	for name, sched := range schedules() {
		a, _ := NewSequence(small, sched, Options{})
		pass(t, a, cpu, 80, 2)
		b := a.Fork()
		first := pass(t, a, cpu, 1, 2)
		pass(t, a, cpu, 1, 2)
		again := pass(t, b, cpu, 1, 2)
		for key := range first {
			if !slices.Equal(first[key], again[key]) {
				t.Errorf("%s: a fork's layer %d differs from its origin's", name, key[0])
			}
		}
	}
}

func ExampleSchedule_YAML() {
	s := Schedule{Name: "example", Tokens: Shares{1, 0.5}, Values: Shares{0.2}, Key: KeyBits{MSB: Widths{6}, LSB: Widths{4}, Threshold: Thresholds{0.1}}}
	fmt.Print(s.YAML())
	// Output:
	// name: example
	// tokens: [1, 0.5]
	// values: 0.2
	// key:
	//   msb: 6
	//   lsb: 4
	//   threshold: 0.1
}

// An encoder's layers keep their keys and values in the same place, one after the other.
func TestEncoderKeepsOneLayer(t *testing.T) {
	bytes := func(layers int) int64 {
		shape := Shape{Layers: layers, Heads: 2, KVHeads: 2, HeadDim: 16}
		s, err := NewSequence(shape, nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		cpu := tensor.NewCPU(1, tensor.F32)
		defer cpu.Close()
		const n = 40
		p, err := s.Begin(n, PassOptions{})
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, n*shape.Heads*shape.HeadDim)
		for i := range x {
			x[i] = float32(i%7) / 7
		}
		for range layers {
			p.Attend(cpu, x, x, x, make([]float32, len(x)))
			p.Next()
		}
		p.End()
		if _, err := s.Begin(1, PassOptions{}); err == nil {
			t.Error("an encoder began a second pass")
		}
		return s.Bytes() - int64(layers)*4*64 // less the positions
	}
	if one, four := bytes(1), bytes(4); four > one+one/8 {
		t.Errorf("four layers keep %d bytes, one %d", four, one)
	}
}
