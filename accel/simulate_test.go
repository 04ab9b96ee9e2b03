package accel

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"spatten/accel/config"
	"spatten/accel/fetch"
	"spatten/accel/synthetic"
	"spatten/attention/record"
	"spatten/trace"
)

func machine(t testing.TB, name string, sets ...string) config.Machine {
	t.Helper()
	m, err := config.Load(name, sets)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// simulated keeps what simulateFile found: several tests look at the same long run.
var simulated sync.Map

func simulateFile(t testing.TB, m config.Machine, path string, o Options) Result {
	t.Helper()
	key := m.Hash() + path
	if r, ok := simulated.Load(key); ok {
		return r.(Result)
	}
	records, err := trace.OpenRecords(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Simulate(t.Context(), records, m, o)
	if err != nil {
		t.Fatal(err)
	}
	simulated.Store(key, r)
	return r
}

// small is a generation with progressive quantization, pruned values and rankings, on 4 heads in 2 groups.
func small(yield func(trace.Record, error) bool) {
	give := func(r trace.Record) bool { return yield(r, nil) }
	if !give(&record.Run{Model: "small", Architecture: "llama", Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 64, ModelDim: 256, Causal: true}) {
		return
	}
	positions := make([]int32, 90)
	for i := range positions {
		positions[i] = int32(i + i/3)
	}
	for pass := range 3 {
		if !give(&record.Pass{Stage: record.Generation, Index: pass, First: 118 + pass, Tokens: 1}) {
			return
		}
		for l := range 2 {
			if !give(&record.Layer{Index: l, Keys: positions, Queries: []int32{int32(118 + pass)}, Heads: []int32{0, 1, 2, 3},
				Bits: record.Bits{Query: 12, KeyMSB: 6, KeyLSB: 4, Value: 8}, Threshold: 0.1}) {
				return
			}
			for h := range 4 {
				q := record.Query{Keys: 90, Values: 30, MaxProb: 0.5}
				if (h+pass+l)%3 == 0 {
					q.LSBs = 90
				}
				if !give(&record.Head{Head: h, Group: h / 2, Queries: []record.Query{q}}) {
					return
				}
			}
			for g := range 2 {
				if !give(&record.Group{Group: g, Keys: 90, LSBs: 90, Values: 60, Bytes: 1000}) {
					return
				}
			}
			if !give(&record.Rank{Kind: record.RankTokens, Candidates: 90, Keep: 80}) {
				return
			}
		}
	}
	give(&trace.End{})
}

// Bytes are conserved (invariant 3): asked for = moved, by channel, by kind, by layer and by the DRAM's own count.
func TestConservation(t *testing.T) {
	for name, records := range map[string]iter.Seq2[trace.Record, error]{
		"small":    small,
		"sentence": synthetic.Sentence(synthetic.BERTBase, 40, synthetic.Static12),
		"dense":    Dense(small, 32),
	} {
		r, err := Simulate(t.Context(), records, machine(t, "spatten"), Options{Rows: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		moved := r.DRAMReads + r.DRAMWrites
		var channels, layers, rows int64
		for _, n := range r.Counters.Memory.ChannelBursts {
			channels += n
		}
		for _, l := range r.Layers {
			layers += l.Bursts
		}
		for _, row := range r.Rows {
			rows += row.DRAMReads
		}
		if moved == 0 || channels != moved || layers != moved || r.Counters.DRAM.Reads != r.DRAMReads || r.Counters.DRAM.Writes != r.DRAMWrites || rows != r.DRAMReads {
			t.Errorf("%s: %d bursts; %d by channel, %d by layer, %d read and %d written by the DRAM, %d read by rows",
				name, moved, channels, layers, r.Counters.DRAM.Reads, r.Counters.DRAM.Writes, rows)
		}
	}
}

// The small run by hand: rows of K are 48 byte, of LSBs 32, of V 64; a group is fetched once, and where all of its keys'
// LSBs are asked for, once too.
func TestBytesByHand(t *testing.T) {
	r, err := Simulate(t.Context(), small, machine(t, "spatten"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := r.Counters.Memory.Bursts
	if want := int64(12 * 90); b[fetch.LSB]%90 != 0 || b[fetch.LSB] >= want {
		t.Errorf("%d bursts of LSBs: not whole matrices of 90, or as many as there are groups, %d", b[fetch.LSB], want)
	}
	if got, want := b[fetch.Query], int64(12*2*3); got != want {
		t.Errorf("%d bursts of queries, want %d", got, want)
	}
	if r.KVBytes != 3*2*2*1000 {
		t.Errorf("kv_bytes %d, the trace says 12000", r.KVBytes)
	}
	again, err := Simulate(t.Context(), small, machine(t, "spatten", "control.gqa_reuse=false"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Counters.Memory.Bursts[fetch.Key]; got != 2*b[fetch.Key] {
		t.Errorf("without reuse %d bursts of keys, with it %d", got, b[fetch.Key])
	}
	if r.Counters.Requant.Recomputed != 8 {
		t.Errorf("%d rows computed again, the trace has 8", r.Counters.Requant.Recomputed)
	}
}

// The same bytes out at any GOMAXPROCS, with and without an observer (invariant 2).
func TestDeterminism(t *testing.T) {
	run := func(o Options) string {
		r, err := Simulate(context.Background(), small, machine(t, "spatten"), o)
		if err != nil {
			t.Error(err)
		}
		text, _ := json.Marshal(r)
		return string(text)
	}
	want := run(Options{Rows: true})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if got := run(Options{Rows: true, Observer: &tracks{}}); got != want {
		t.Error("an observer on one processor changes the result")
	}
	runtime.GOMAXPROCS(4)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if run(Options{Rows: true}) != want {
				t.Error("runs side by side differ")
			}
		})
	}
	all.Wait()
}

// tracks checks that the slices of a track do not overlap.
type tracks struct {
	slices [Tracks][][2]int64
}

func (w *tracks) Slice(track Track, first, last int64, _ string) {
	w.slices[track] = append(w.slices[track], [2]int64{first, last})
}
func (w *tracks) Count(string, int64, int64) {}

// overlap gives two slices of one track of which the second begins before the first has ended.
func (w *tracks) overlap() (Track, [][2]int64) {
	for track, list := range w.slices {
		slices.SortFunc(list, func(a, b [2]int64) int { return int(a[0] - b[0]) })
		for i, s := range list {
			if s[1] < s[0] {
				return Track(track), list[i : i+1]
			}
			if i > 0 && s[0] <= list[i-1][1] {
				return Track(track), list[i-1 : i+1]
			}
		}
	}
	return 0, nil
}

func TestSlicesDoNotOverlap(t *testing.T) {
	for name, records := range map[string]iter.Seq2[trace.Record, error]{
		"small": small, "sentence": synthetic.Sentence(synthetic.BERTBase, 20, synthetic.Setting{Bits: synthetic.Static12.Bits, Values: 0.4}),
	} {
		var w tracks
		if _, err := Simulate(t.Context(), records, machine(t, "spatten"), Options{Observer: &w}); err != nil {
			t.Fatal(err)
		}
		if track, bad := w.overlap(); bad != nil {
			t.Errorf("%s, %v: slices %v", name, track, bad)
		}
	}
}

// Memory does not grow with the trace, and no event allocates: twice the passes, the same allocations but for a few.
func TestAllocations(t *testing.T) {
	count := func(tokens int) float64 {
		m := machine(t, "spatten")
		records := synthetic.Generation(synthetic.Shape{Name: "x", Architecture: "gpt2", Layers: 2, Heads: 4, HeadDim: 64, FeedForward: 64}, 50, tokens, synthetic.Static12)
		var all []trace.Record
		for rec, err := range records {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, rec)
		}
		return testing.AllocsPerRun(1, func() {
			if _, err := Simulate(t.Context(), func(yield func(trace.Record, error) bool) {
				for _, rec := range all {
					if !yield(rec, nil) {
						return
					}
				}
			}, m, Options{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := count(20), count(60); many > few+20 {
		t.Errorf("20 passes allocate %.0f times, 60 passes %.0f times", few, many)
	}
}

func TestErrors(t *testing.T) {
	bad := errors.New("bad disk")
	broken := func(yield func(trace.Record, error) bool) { yield(nil, bad) }
	if _, err := Simulate(t.Context(), broken, machine(t, "spatten"), Options{}); !errors.Is(err, bad) {
		t.Errorf("error of the records: %v", err)
	}
	impossible := func(yield func(trace.Record, error) bool) {
		_ = yield(&record.Run{Heads: 1, KVHeads: 1, HeadDim: 64, Layers: 1}, nil) && yield(&record.Pass{Tokens: 1}, nil) &&
			yield(&record.Layer{Keys: []int32{0}}, nil) && yield(&record.Head{Queries: []record.Query{{Keys: 2}}}, nil)
	}
	if _, err := Simulate(t.Context(), impossible, machine(t, "spatten"), Options{}); err == nil || !strings.Contains(err.Error(), "2 keys") {
		t.Errorf("a query of more keys than live: %v", err)
	}
	for name, rec := range map[string]trace.Record{
		"layer":    &record.Layer{Index: -1},
		"position": &record.Layer{Keys: []int32{-3}},
		"product":  &record.FC{Rows: 1, In: 1 << 40, Out: 1},
	} {
		records := func(yield func(trace.Record, error) bool) {
			_ = yield(&record.Run{Heads: 1, KVHeads: 1, HeadDim: 64, Layers: 1}, nil) && yield(&record.Pass{Tokens: 1}, nil) && yield(rec, nil)
		}
		if _, err := Simulate(t.Context(), records, machine(t, "spatten-e2e"), Options{}); err == nil {
			t.Errorf("an impossible %s is taken", name)
		}
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Simulate(stopped, synthetic.Generation(synthetic.GPT2Medium, 992, 2, synthetic.Static12), machine(t, "spatten"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	m := machine(t, "spatten")
	m.DRAM.Standard = "sdram"
	if _, err := Simulate(t.Context(), small, m, Options{}); err == nil {
		t.Error("an unknown DRAM standard is taken")
	}
	r, err := Simulate(t.Context(), func(func(trace.Record, error) bool) {}, machine(t, "spatten"), Options{})
	if err != nil || r.Cycles != 0 {
		t.Errorf("an empty trace: %d cycles, %v", r.Cycles, err)
	}
}

// Where the trace carries the probabilities the selection runs on them: a flat row is one round, whatever the pivot.
func TestSelectsOnTheTracesScores(t *testing.T) {
	rounds := func(probs []float32) int64 {
		records := func(yield func(trace.Record, error) bool) {
			keys := make([]int32, 100)
			for i := range keys {
				keys[i] = int32(i)
			}
			_ = yield(&record.Run{Heads: 1, KVHeads: 1, HeadDim: 64, Layers: 1}, nil) && yield(&record.Pass{Stage: record.Generation, Tokens: 1}, nil) &&
				yield(&record.Layer{Keys: keys, Queries: keys[99:], Heads: keys[:1], Bits: synthetic.Static12.Bits}, nil) &&
				yield(&record.Head{Queries: []record.Query{{Keys: 100, Values: 40}}, Probabilities: probs}, nil)
		}
		r, err := Simulate(t.Context(), records, machine(t, "spatten"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return r.Counters.Values.Rounds
	}
	flat, steep := make([]float32, 100), make([]float32, 100)
	for i := range steep {
		flat[i], steep[i] = 0.01, float32(i+1)/5050
	}
	if got := rounds(flat); got != 1 {
		t.Errorf("%d rounds on equal probabilities, by hand 1", got)
	}
	if got, drawn := rounds(steep), rounds(nil); got < 2 || drawn < 2 {
		t.Errorf("%d rounds on different probabilities, %d on drawn ones", got, drawn)
	}
}
