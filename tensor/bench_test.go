package tensor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"spatten/checkpoint/dtype"
)

// stack is the matrices of a model, layer after layer: nothing between them, so what is measured is arithmetic and memory.
type stack struct {
	layers [][]*Weights
	bytes  int
	macs   int // of one row
}

func newStack(layers int, format dtype.Type, shapes [][2]int) *stack {
	r := rand.New(rand.NewPCG(1, 1))
	s := new(stack)
	for range layers {
		var layer []*Weights
		for _, shape := range shapes {
			w, err := NewWeights(format, shape[0], shape[1], randomWeights(r, format, shape[0], shape[1]))
			if err != nil {
				panic(err)
			}
			layer = append(layer, w)
			s.bytes += len(w.data)
			s.macs += shape[0] * shape[1]
		}
		s.layers = append(s.layers, layer)
	}
	return s
}

// smolLM2 is the shapes of a layer of SmolLM2-135M; its head of 49,152 × 576 comes once.
var smolLM2 = [][2]int{{576, 576}, {192, 576}, {192, 576}, {576, 576}, {1536, 576}, {1536, 576}, {576, 1536}}

// miniLM is the shapes of a layer of MiniLM-L6 (BERT).
var miniLM = [][2]int{{384, 384}, {384, 384}, {384, 384}, {384, 384}, {1536, 384}, {384, 1536}}

func (s *stack) run(b *testing.B, p Precision, threads, rows int) {
	c := NewCPU(threads, p)
	defer c.Close()
	x, dst := random(rows*1536, 1), make([]float32, rows*49152)
	pass := func() {
		for _, layer := range s.layers {
			for _, w := range layer {
				c.MatMul(dst, x, rows, w, nil)
			}
		}
	}
	pass()
	var times []float64
	for b.Loop() {
		start := time.Now()
		pass()
		times = append(times, time.Since(start).Seconds())
	}
	// the best of many, since whatever else the machine does only adds time
	second := slices.Min(times)
	b.ReportMetric(float64(rows)/second, "tokens/s")
	b.ReportMetric(2*float64(s.macs)*float64(rows)/second/1e9, "Gop/s")
	b.ReportMetric(float64(s.bytes)/second/1e9, "GB/s")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(second*1e3, "ms/op")
}

// BenchmarkDecode is one token of SmolLM2-135M: every weight once.
func BenchmarkDecode(b *testing.B) {
	for _, format := range []dtype.Type{dtype.Q4_1, dtype.Q8_0, dtype.Q4_K, dtype.Q6_K} {
		s := newStack(30, format, smolBlocks(format))
		if format == dtype.Q4_1 {
			head := newStack(1, dtype.Q8_0, [][2]int{{49152, 576}})
			s.layers, s.bytes, s.macs = append(s.layers, head.layers...), s.bytes+head.bytes, s.macs+head.macs
		}
		for threads := 1; threads <= 2; threads++ {
			b.Run(fmt.Sprintf("%v/threads=%d", format, threads), func(b *testing.B) { s.run(b, Int8, threads, 1) })
		}
	}
}

// smolBlocks rounds the shapes up to whole super-blocks.
func smolBlocks(t dtype.Type) (shapes [][2]int) {
	for _, s := range smolLM2 {
		n := t.BlockElements()
		shapes = append(shapes, [2]int{s[0], (s[1] + n - 1) / n * n})
	}
	return shapes
}

// BenchmarkPrefill is 512 tokens of SmolLM2-135M without its head.
func BenchmarkPrefill(b *testing.B) {
	s := newStack(30, dtype.Q4_1, smolLM2)
	for _, p := range []Precision{Int8, F32} {
		for threads := 1; threads <= 2; threads++ {
			b.Run(fmt.Sprintf("%v/threads=%d", p, threads), func(b *testing.B) { s.run(b, p, threads, 512) })
		}
	}
}

// BenchmarkEncode is a text of 128 tokens through MiniLM-L6.
func BenchmarkEncode(b *testing.B) {
	s := newStack(6, dtype.F16, miniLM)
	for _, p := range []Precision{F32, Int8} {
		for threads := 1; threads <= 2; threads++ {
			b.Run(fmt.Sprintf("%v/threads=%d", p, threads), func(b *testing.B) { s.run(b, p, threads, 128) })
		}
	}
}

// BenchmarkMemory is the roof over BenchmarkDecode: as many bytes, only read.
func BenchmarkMemory(b *testing.B) {
	data := make([]byte, 1<<27)
	for i := range data {
		data[i] = byte(i)
	}
	for threads := 1; threads <= 2; threads++ {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			c := NewCPU(threads, F32)
			defer c.Close()
			best := time.Hour
			for b.Loop() {
				start := time.Now()
				c.Read(data)
				best = min(best, time.Since(start))
			}
			b.ReportMetric(float64(len(data))/best.Seconds()/1e9, "GB/s")
		})
	}
}

// BenchmarkPack packs the matrices of SmolLM2-135M.
func BenchmarkPack(b *testing.B) {
	s := newStack(30, dtype.Q4_1, smolLM2)
	c := NewCPU(1, Int8)
	defer c.Close()
	b.SetBytes(int64(s.bytes))
	for b.Loop() {
		for _, layer := range s.layers {
			for _, w := range layer {
				w.packing = sync.Once{}
				w.pack(c)
			}
		}
	}
}
