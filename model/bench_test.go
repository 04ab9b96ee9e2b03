package model_test

import (
	"fmt"
	"testing"

	"spatten/attention"
	"spatten/model"
	"spatten/tensor"
)

// BenchmarkPrefill reads prompts of SmolLM2 in passes of 512 tokens; the metric is tokens a second.
func BenchmarkPrefill(b *testing.B) {
	for _, p := range []tensor.Precision{tensor.F32, tensor.Int8} {
		for _, n := range []int{512, 2048} {
			b.Run(fmt.Sprintf("%v/%d", p, n), func(b *testing.B) {
				m, cpu := load(b, "smollm2-135m-instruct"), tensor.NewCPU(0, p)
				defer cpu.Close()
				var batch model.Batch
				for b.Loop() {
					read(b, cpu, &batch, m, n).Close()
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

// BenchmarkDecode generates tokens of SmolLM2 after a prompt; the metric is tokens a second.
func BenchmarkDecode(b *testing.B) {
	for _, p := range []tensor.Precision{tensor.F32, tensor.Int8} {
		for _, depth := range []int{16, 1024} {
			b.Run(fmt.Sprintf("%v/%d", p, depth), func(b *testing.B) {
				m, cpu := load(b, "smollm2-135m-instruct"), tensor.NewCPU(0, p)
				defer cpu.Close()
				var batch model.Batch
				seq := read(b, cpu, &batch, m, depth)
				defer seq.Close()
				chunks := []model.Chunk{{Seq: seq, Tokens: []int32{1}, Last: true, Want: model.Logits, Out: make([]float32, m.Info().Vocab)}}
				b.ReportAllocs()
				for b.Loop() {
					if err := m.Forward(cpu, &batch, chunks); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}

// read passes a prompt of n tokens through the model.
func read(b *testing.B, cpu *tensor.CPU, batch *model.Batch, m model.Model, n int) *attention.Sequence {
	b.Helper()
	seq := newSequence(b, m, nil, attention.Options{})
	for from := 0; from < n; from += 512 {
		ids := make([]int32, min(512, n-from))
		for i := range ids {
			ids[i] = int32(1000 + (from+i)*7%20000)
		}
		if err := m.Forward(cpu, batch, []model.Chunk{{Seq: seq, Tokens: ids, Want: model.Nothing}}); err != nil {
			b.Fatal(err)
		}
	}
	return seq
}
