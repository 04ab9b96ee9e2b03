package attention

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"spatten/tensor"
)

// smol is the shape of SmolLM2-135M with few of its 30 layers.
var smol = Shape{Layers: 3, Heads: 9, KVHeads: 3, HeadDim: 64, Causal: true}

// draw draws q or k of n tokens that look like a model's: some channels are much larger than others.
func draw(r *rand.Rand, n, width int) []float32 {
	x := make([]float32, n*width)
	for i := range x {
		x[i] = float32(r.NormFloat64()) * (0.5 + 3/float32(1+i%16))
	}
	return x
}

// walk runs one pass of n tokens with the same numbers in every layer.
func walk(b *testing.B, s *Sequence, cpu *tensor.CPU, n int, q, kv, out []float32) {
	p, err := s.Begin(n, PassOptions{Last: true})
	if err != nil {
		b.Fatal(err)
	}
	h, g := s.shape.Heads*s.shape.HeadDim, s.shape.KVHeads*s.shape.HeadDim
	for range s.shape.Layers {
		rows := len(p.Rows())
		p.Attend(cpu, q[:rows*h], kv[:rows*g], kv[:rows*g], out[:rows*h])
		p.Next()
	}
	p.End()
}

// fill puts a prompt of n tokens into the cache without attending.
func fill(s *Sequence, n int, kv []float32) {
	d := s.shape.HeadDim
	for i := range s.layers {
		l := &s.layers[i]
		l.positions = count(n)
		for g := range l.keys {
			for row := range n {
				at := (row*s.shape.KVHeads + g) * d
				l.keys[g].Append(kv[at : at+d])
				l.values[g].Append(kv[at : at+d])
			}
		}
	}
	s.length, s.promptEnd = n, n
}

// BenchmarkDecode is one token's attention over 7,900 others, a layer: on one thread, in the ways that caches are kept.
func BenchmarkDecode(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const depth = 7900
	width := smol.Heads * smol.HeadDim
	q, kv, out := draw(r, depth, width), draw(r, depth, width/3), make([]float32, depth*width)
	for _, c := range []struct {
		schedule  string
		precision tensor.Precision
		bits      int
	}{
		{"", tensor.F32, 32}, {"", tensor.Int8, 32}, {"", tensor.Int8, 16}, {"", tensor.Int8, 8}, {"smollm2-1pct", tensor.Int8, 8}, {"smollm2-3pct", tensor.Int8, 8},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%v/%dbit/%dthreads", c.schedule, c.precision, c.bits, threads), func(b *testing.B) {
				cpu := tensor.NewCPU(threads, c.precision)
				defer cpu.Close()
				var sched *Schedule
				if c.schedule != "" {
					var err error
					if sched, err = LoadSchedule(c.schedule); err != nil {
						b.Fatal(err)
					}
				}
				s, err := NewSequence(smol, sched, Options{CacheBits: c.bits})
				if err != nil {
					b.Fatal(err)
				}
				fill(s, depth, kv)
				walk(b, s, cpu, 1, q, kv, out) // a prompt that was read dense is stored anew
				for b.Loop() {
					walk(b, s, cpu, 1, q, kv, out)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*smol.Layers), "µs/layer")
			})
		}
	}
}

// BenchmarkPrefill is the attention of a prompt of 2,048 tokens, a layer, on one thread.
func BenchmarkPrefill(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 2048
	width := smol.Heads * smol.HeadDim
	q, kv, out := draw(r, n, width), draw(r, n, width/3), make([]float32, n*width)
	for _, name := range []string{"", "smollm2-1pct", "smollm2-3pct", "paper-default"} {
		b.Run(name, func(b *testing.B) {
			cpu := tensor.NewCPU(1, tensor.Int8)
			defer cpu.Close()
			var sched *Schedule
			if name != "" {
				sched, _ = LoadSchedule(name)
			}
			for b.Loop() {
				s, err := NewSequence(smol, sched, Options{CacheBits: 8})
				if err != nil {
					b.Fatal(err)
				}
				walk(b, s, cpu, n, q, kv, out)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*smol.Layers), "µs/layer")
		})
	}
}

// BenchmarkRefit turns a prompt of 7,900 tokens that was read in full to the formats of a schedule, a layer on one thread.
func BenchmarkRefit(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	kv := draw(r, 7900, smol.KVHeads*smol.HeadDim)
	for _, name := range []string{"smollm2-1pct", "smollm2-3pct"} {
		b.Run(name, func(b *testing.B) {
			sched, err := LoadSchedule(name)
			if err != nil {
				b.Fatal(err)
			}
			origin, err := NewSequence(smol, sched, Options{CacheBits: 8})
			if err != nil {
				b.Fatal(err)
			}
			fill(origin, 7900, kv)
			for b.Loop() {
				origin.Fork().refit(nil)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*smol.Layers), "µs/layer")
		})
	}
}
