package model_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"spatten/attention"
	"spatten/checkpoint"
	"spatten/model"
	"spatten/tensor"
)

// BenchmarkEncode passes texts of 128 tokens through the embedded classifier, dense and with its schedule; the best of all
// repetitions is reported, since whatever else the machine does only adds time.
func BenchmarkEncode(b *testing.B) {
	ck, err := checkpoint.OpenNamed("sentiment")
	if err != nil {
		b.Fatal(err)
	}
	defer ck.Close()
	m, err := model.Load(ck)
	if err != nil {
		b.Fatal(err)
	}
	data, err := ck.File("schedule.yaml")
	if err != nil {
		b.Fatal(err)
	}
	shipped, err := attention.ParseSchedule(bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	for _, mode := range []struct {
		name     string
		schedule *attention.Schedule
		texts    int
	}{{"dense", nil, 1}, {"pruned", shipped, 1}, {"dense", nil, 16}, {"pruned", shipped, 16}} {
		for threads := 1; threads <= 2; threads++ {
			b.Run(fmt.Sprintf("%s/texts=%d/threads=%d", mode.name, mode.texts, threads), func(b *testing.B) {
				cpu := tensor.NewCPU(threads, tensor.Int8)
				defer cpu.Close()
				var batch model.Batch
				once := func() {
					chunks := make([]model.Chunk, mode.texts)
					for i := range chunks {
						seq := newSequence(b, m, mode.schedule, attention.Options{})
						defer seq.Close()
						ids := make([]int32, 128)
						for j := range ids {
							ids[j] = int32(1000 + (i+j)*7%20000)
						}
						chunks[i] = model.Chunk{Seq: seq, Tokens: ids, Last: true, Want: model.Logits, Out: make([]float32, 2)}
					}
					if err := m.Forward(cpu, &batch, chunks); err != nil {
						b.Fatal(err)
					}
				}
				once()
				best := time.Hour
				for b.Loop() {
					start := time.Now()
					once()
					best = min(best, time.Since(start))
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(best.Seconds()*1e3, "ms/op")
			})
		}
	}
}
