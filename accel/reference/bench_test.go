package reference

import (
	"bytes"
	"os"
	"testing"

	"spatten/internal/shared"
)

// benchmark runs a measured file, reading included, and reports cycles and DRAM reads a second.
func benchmark(b *testing.B, file string, m Machine) {
	path := shared.Path(b, "reference", "rtl", file)
	var cycles, reads, stepped int64
	b.ReportAllocs()
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
