package reference

import (
	"os"
	"testing"

	"spatten/internal/shared"
)

// The delays drawn for a plain workload are those that the testbench drew for the measured run of it.
func TestTopKDelays(t *testing.T) {
	f, err := os.Open(shared.Path(t, "reference", "workloads", "gpt2-small-wikitext2-pruned.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := readMeasured(t, "gpt2-small-pruned.csv")
	same, i := 0, 0
	for row, err := range ReadCSV(f, CSVOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if i < len(m.rows) && int64(row.TopKLatency) == m.at(i, "topk_latency") {
			same++
		}
		i++
	}
	t.Logf("%d of %d delays are the measured run's", same, len(m.rows))
	if same != len(m.rows) || i != len(m.rows) {
		t.Errorf("%d of %d delays are the measured run's, %d rows", same, len(m.rows), i)
	}
}
