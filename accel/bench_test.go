package accel

import (
	"syscall"
	"testing"
	"time"

	"spatten/internal/shared"
	"spatten/trace"
)

// cpuTime is the processor time this process has had.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMedium reads and simulates gpt2-medium-wikitext2-pruned on the 16 channels of the machine spatten.
func BenchmarkMedium(b *testing.B) {
	path := shared.Path(b, "reference", "workloads", "gpt2-medium-wikitext2-pruned.csv")
	m := machine(b, "spatten")
	var reads, cycles int64
	b.ReportAllocs()
	before := cpuTime(b)
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
	cpu := (cpuTime(b) - before).Seconds() // what a machine that others share gave this process
	b.ReportMetric(float64(reads)/cpu/1e6, "Mreads/cpu-s")
	b.ReportMetric(float64(cycles)/cpu/1e6, "Mcycles/cpu-s")
}
