package sweep

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkWorkers is how much faster two workers are than one, with the queue and the stores on a server in this process.
func BenchmarkWorkers(b *testing.B) {
	var seeds []string
	for i := range 40 {
		seeds = append(seeds, fmt.Sprint(i))
	}
	p := planOf(b, "{name: bench, kind: simulate, workloads: [{benchmark: bert-base-squad-v1}], schedules: [paper-default], machines: [spatten], seeds: ["+strings.Join(seeds, ", ")+"]}")
	var took [3]time.Duration
	for b.Loop() {
		for _, workers := range []int{1, 2} {
			bus := testBus(b, 0)
			ctx, cancel := context.WithCancel(context.Background())
			var ws []*Worker
			for range workers {
				w, err := NewWorker(bus, b.TempDir(), nil)
				if err != nil {
					b.Fatal(err)
				}
				ws = append(ws, w)
			}
			started := time.Now()
			stop := work(b, bus, ws...)
			if _, _, err := (&Coordinator{}).Run(ctx, bus, p); err != nil {
				b.Fatal(err)
			}
			took[workers] += time.Since(started)
			stop()
			cancel()
		}
	}
	b.ReportMetric(float64(b.N*len(p.Jobs))/took[1].Seconds(), "jobs/s(1)")
	b.ReportMetric(float64(b.N*len(p.Jobs))/took[2].Seconds(), "jobs/s(2)")
	b.ReportMetric(took[1].Seconds()/took[2].Seconds(), "speedup")
}
