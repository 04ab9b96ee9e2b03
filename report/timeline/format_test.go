package timeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"spatten/accel"
	"spatten/accel/reference"
)

// traceEvent is an event of the Trace Event Format with the fields that its viewers read.
type traceEvent struct {
	Ph   string          `json:"ph"`
	Pid  *int            `json:"pid"`
	Tid  *int            `json:"tid"`
	Ts   *float64        `json:"ts"`
	Dur  *float64        `json:"dur"`
	Name *string         `json:"name"`
	Args json.RawMessage `json:"args"`
}

// check holds a timeline against the format as Perfetto's importer reads it: the JSON object form; of each event the
// fields that its phase must have and no others; names of threads before their slices; slices of a thread that do
// not overlap; counters whose arguments are numbers. It returns the slices by thread name and the counters' names.
func check(text []byte) (slicesOf map[string]int, counters []string, err error) {
	var file struct {
		DisplayTimeUnit string            `json:"displayTimeUnit"`
		TraceEvents     []json.RawMessage `json:"traceEvents"`
	}
	if err := strict(text, &file); err != nil {
		return nil, nil, err
	}
	if u := file.DisplayTimeUnit; u != "ns" && u != "ms" {
		return nil, nil, fmt.Errorf("displayTimeUnit %q", u)
	}
	type span struct{ from, to float64 }
	threads, spans, named := map[int]string{}, map[int][]span{}, map[string]bool{}
	for _, raw := range file.TraceEvents {
		var e traceEvent
		if err := strict(raw, &e); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", raw, err)
		}
		wrong := fmt.Errorf("not as its phase asks: %s", raw)
		if e.Pid == nil || e.Name == nil {
			return nil, nil, wrong
		}
		switch e.Ph {
		case "M":
			var args struct {
				Name string `json:"name"`
				Sort *int   `json:"sort_index"`
			}
			if err := strict(e.Args, &args); err != nil || e.Ts != nil || e.Dur != nil {
				return nil, nil, wrong
			}
			switch *e.Name {
			case "process_name":
				if args.Name == "" || e.Tid != nil {
					return nil, nil, wrong
				}
			case "thread_name":
				if args.Name == "" || e.Tid == nil {
					return nil, nil, wrong
				}
				threads[*e.Tid] = args.Name
			case "thread_sort_index":
				if args.Sort == nil || e.Tid == nil {
					return nil, nil, wrong
				}
			default:
				return nil, nil, wrong
			}
		case "X":
			if e.Tid == nil || e.Ts == nil || e.Dur == nil || *e.Ts < 0 || *e.Dur <= 0 || threads[*e.Tid] == "" {
				return nil, nil, wrong
			}
			spans[*e.Tid] = append(spans[*e.Tid], span{*e.Ts, *e.Ts + *e.Dur})
		case "C":
			var args map[string]float64
			if err := json.Unmarshal(e.Args, &args); err != nil || len(args) == 0 || e.Ts == nil || e.Dur != nil {
				return nil, nil, wrong
			}
			named[*e.Name] = true
		default:
			return nil, nil, wrong
		}
	}
	slicesOf = map[string]int{}
	for tid, all := range spans {
		slices.SortFunc(all, func(a, b span) int {
			if a.from < b.from {
				return -1
			}
			return 1
		})
		for i := 1; i < len(all); i++ {
			if all[i].from < all[i-1].to-1e-9 {
				return nil, nil, fmt.Errorf("%s: slices %v and %v overlap", threads[tid], all[i-1], all[i])
			}
		}
		slicesOf[threads[tid]] = len(all)
	}
	return slicesOf, slices.Sorted(maps.Keys(named)), nil
}

func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// memory is a file in memory.
type memory struct{ bytes.Buffer }

func (*memory) Close() error { return nil }

func TestFormat(t *testing.T) {
	var m memory
	w := New(&m, 1)
	w.Slice(accel.TrackQK, 10, 19, "row \"1\" \x01 é")
	w.Slice(accel.TrackPV, 12, 12, `a\b`)
	w.Slice(accel.TrackQK, 20, 20, "row 2")
	w.Count("queue", 256, 3)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tracks, counters, err := check(m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if tracks["Q x K"] != 2 || tracks["probability x V"] != 1 || !slices.Equal(counters, []string{"queue"}) {
		t.Errorf("tracks %v, counters %v", tracks, counters)
	}
	for _, bad := range []string{`{"ph":"X","pid":1,"tid":1,"ts":1,"name":"no duration"}`, `{"ph":"C","pid":1,"ts":1,"name":"x","args":{"value":"1"}}`,
		`{"ph":"X","pid":1,"tid":9,"ts":1,"dur":1,"name":"no thread"}`, `{"ph":"B","pid":1,"tid":1,"ts":1,"name":"x"}`} {
		if _, _, err := check([]byte(`{"displayTimeUnit":"ns","traceEvents":[` + bad + `]}`)); err == nil {
			t.Errorf("%s passes the check", bad)
		}
	}
}

// The timeline of the reference has a track for each stage, and watching changes no cycle.
func TestReference(t *testing.T) {
	rows := func(n int) iter.Seq2[reference.Row, error] {
		return func(yield func(reference.Row, error) bool) {
			for i := range n {
				r := reference.Row{Index: i, Keys: 200 - 8*i, Values: 40, KeyBits: 6, ValueBits: 8, TopKLatency: 30, Recomputed: i%3 == 0}
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	var m memory
	w := New(&m, 1)
	watched, err := reference.Simulate(rows(12), reference.Default(), w.Reference())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plain, err := reference.Simulate(rows(12), reference.Default(), reference.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	if plain.Cycles != watched.Cycles || plain.Stalls != watched.Stalls {
		t.Errorf("%d cycles, watched %d", plain.Cycles, watched.Cycles)
	}
	tracks, counters, err := check(m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if tracks["Q x K"] != 16 || tracks["probability x V"] != 12 || len(tracks) != 10 || len(counters) != 2 {
		t.Errorf("tracks %v, counters %v", tracks, counters)
	}
}
