package reference

import (
	"bytes"
	"os"
	"syscall"
	"testing"
	"time"

	"spatten/internal/shared"
)

// cpuTime is the processor time this process has had.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchmark runs a measured file, reading included, and reports cycles and DRAM reads a second.
func benchmark(b *testing.B, file string, m Machine) {
	path := shared.Path(b, "reference", "rtl", file)
	var cycles, reads, stepped int64
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		r, err := Simulate(ReadCSV(bytes.NewReader(data), CSVOptions{}), m, Observer{})
		if err != nil {
			b.Fatal(err)
		}
		cycles += r.Cycles
		reads += r.DRAMReads
		stepped += r.Stepped
	}
	s := b.Elapsed().Seconds()
	b.ReportMetric(float64(cycles)/s/1e6, "Mcycles/s")
	b.ReportMetric(float64(reads)/s/1e6, "Mreads/s")
	cpu := (cpuTime(b) - before).Seconds() // what a machine that others share gave this process
	b.ReportMetric(float64(cycles)/cpu/1e6, "Mcycles/cpu-s")
	b.ReportMetric(float64(reads)/cpu/1e6, "Mreads/cpu-s")
	b.ReportMetric(float64(stepped)/float64(cycles), "stepped/cycle")
}

func BenchmarkPruned(b *testing.B) { benchmark(b, "gpt2-small-pruned.csv", Default()) }

func BenchmarkSixteenChannels(b *testing.B) {
	m := Default()
	m.BandwidthDownsample = 1
	benchmark(b, "gpt2-small-pruned-iteration0-16channels.csv", m)
}

func BenchmarkMultipliers512(b *testing.B) {
	benchmark(b, "gpt2-medium-dense-24rows-512multipliers.csv",
		Machine{Multipliers: 512, BufferLines: 256, BandwidthDownsample: 1, FetchRounding: 32})
}
