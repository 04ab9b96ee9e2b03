package accel

import (
	"testing"

	"spatten/internal/shared"
	"spatten/trace"
)

// BenchmarkMedium reads and simulates gpt2-medium-wikitext2-pruned on the 16 channels of the machine spatten.
func BenchmarkMedium(b *testing.B) {
	path := shared.Path(b, "reference", "workloads", "gpt2-medium-wikitext2-pruned.csv")
	m := machine(b, "spatten")
	var reads, cycles int64
	b.ReportAllocs()
	for b.Loop() {
		records, err := trace.OpenRecords(path)
		if err != nil {
			b.Fatal(err)
		}
		r, err := Simulate(b.Context(), records, m, Options{})
		if err != nil {
			b.Fatal(err)
		}
		reads += r.DRAMReads
		cycles += r.Cycles
	}
	b.ReportMetric(float64(reads)/b.Elapsed().Seconds()/1e6, "Mreads/s")
	b.ReportMetric(float64(cycles)/b.Elapsed().Seconds()/1e6, "Mcycles/s")
}
