package reference

import (
	"bufio"
	"compress/gzip"
	"os"
	"strconv"
	"strings"
	"testing"

	"spatten/accel/hbm"
	"spatten/internal/shared"
)

// event is a handshake or a DRAM access of a log.
type event struct {
	cycle int64
	kind  int // Kind, or 0 for a push and 1 for a pop
	id    int // row or channel
	value int // flags or address
}

// readEvents reads a compressed log of four columns.
func readEvents(t testing.TB, path string) []event {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var events []event
	for lines := bufio.NewScanner(z); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "cycle") {
			continue
		}
		line = strings.Replace(strings.Replace(line, "push", "0", 1), "pop", "1", 1)
		var n [4]int
		for i, part := range strings.Split(line, ",") {
			if n[i], err = strconv.Atoi(part); err != nil {
				t.Fatal(err)
			}
		}
		events = append(events, event{int64(n[0]), n[1], n[2], n[3]})
	}
	return events
}

var logged = []string{"small", "back-to-back-8-8-128-128-1", "gpt2-small-pruned-first8"}

// TestEvents compares every handshake with the log: same kinds, rows, flags and cycles.
func TestEvents(t *testing.T) {
	for _, name := range logged {
		want := readEvents(t, shared.Path(t, "reference", "rtl", "events", name+".csv.gz"))
		var got []event
		result, _ := simulate(t, name+".csv", Default(), Observer{Event: func(cycle int64, kind Kind, id, flags int) {
			got = append(got, event{cycle, int(kind), id, flags})
		}})
		// The k-th handshake of a kind in one is the k-th of that kind in the other.
		type key struct{ kind, nth int }
		at := map[key]event{}
		var count [numKinds]int
		for _, e := range got {
			at[key{e.kind, count[e.kind]}] = e
			count[e.kind]++
		}
		clear(count[:])
		same, total := 0, 0
		for _, e := range want {
			g, ok := at[key{e.kind, count[e.kind]}]
			count[e.kind]++
			total++
			if !ok {
				continue
			}
			switch Kind(e.kind) {
			case FetchRequest, FetchResponse, KeyRead, ValueRead, RequantReport:
				g.id = 0 // the log does not know the row of these
				fallthrough
			case RequantOut:
				if Kind(e.kind) != RequantReport {
					g.value &^= FlagSecondPass // nor the pass
				}
			}
			if g == e {
				same++
			} else if same > total-4 {
				t.Logf("%s: %+v, logged %+v", name, g, e)
			}
		}
		t.Logf("%s: %d of %d handshakes as logged, in the very cycle; %d simulated, %d cycles", name, same, total, len(got), result.Cycles)
		if same != total || len(got) != total {
			t.Errorf("%s: %d of %d handshakes in the very cycle", name, same, total)
		}
	}
}

// TestDRAMLog compares every request pushed and answer popped with the log, and checks every command. Where commands
// are seen, none is planned; so it is done with and without.
func TestDRAMLog(t *testing.T) {
	for _, name := range logged {
		for _, planned := range []bool{false, true} {
			dramLog(t, name, planned)
		}
	}
}

func dramLog(t *testing.T, name string, planned bool) {
	want := readEvents(t, shared.Path(t, "reference", "dram", name+".csv.gz"))
	seen := map[event]int{}
	n := 0
	var checkers [16]*hbm.Checker
	observer := Observer{
		DRAM: func(cycle int64, channel int, addr uint64, pop bool) {
			e := event{cycle: cycle, id: channel, value: int(addr)}
			if pop {
				e.kind, e.value = 1, 0
			}
			seen[e]++
			n++
		},
	}
	if !planned {
		observer.Command = func(channel int, c hbm.Sent) {
			if checkers[channel] == nil {
				checkers[channel] = hbm.NewChecker(standard())
			}
			if err := checkers[channel].Check(c); err != nil {
				t.Error(err)
			}
		}
	}
	simulate(t, name+".csv", Default(), observer)
	same := 0
	for _, e := range want {
		if e.kind == 1 {
			e.value = 0 // the driver's answer is known by its cycle
		}
		if seen[e] > 0 {
			seen[e]--
			same++
		}
	}
	t.Logf("%s: %d of %d pushes and pops in the very cycle", name, same, len(want))
	if same != len(want) || n != len(want) {
		t.Errorf("%s: %d of %d pushes and pops in the very cycle, %d simulated", name, same, len(want), n)
	}
}
