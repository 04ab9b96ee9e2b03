package trace

import (
	"bytes"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"spatten/attention/record"
	"spatten/internal/shared"
)

// keeper records copies of everything, for comparison.
type keeper struct {
	wants record.Wants
	got   []Record
}

func (k *keeper) Wants() record.Wants   { return k.wants }
func (k *keeper) Begin(r *record.Run)   { c := *r; k.got = append(k.got, &c) }
func (k *keeper) Pass(p *record.Pass)   { c := *p; k.got = append(k.got, &c) }
func (k *keeper) FC(f *record.FC)       { c := *f; k.got = append(k.got, &c) }
func (k *keeper) Group(g *record.Group) { c := *g; k.got = append(k.got, &c) }
func (k *keeper) End()                  { k.got = append(k.got, "end") }
func (k *keeper) Layer(l *record.Layer) {
	c := *l
	c.Keys, c.Queries, c.Heads = slices.Clone(l.Keys), slices.Clone(l.Queries), slices.Clone(l.Heads)
	k.got = append(k.got, &c)
}
func (k *keeper) Head(h *record.Head) {
	c := *h
	c.Keys, c.Queries = slices.Clone(h.Keys), slices.Clone(h.Queries)
	c.ValuePositions, c.LSBPositions = slices.Clone(h.ValuePositions), slices.Clone(h.LSBPositions)
	c.Probabilities, c.Scores = slices.Clone(h.Probabilities), slices.Clone(h.Scores)
	k.got = append(k.got, &c)
}
func (k *keeper) Rank(r *record.Rank) {
	c := *r
	c.Scores = slices.Clone(r.Scores)
	k.got = append(k.got, &c)
}

// both hands every record to two recorders.
type both struct{ a, b record.Recorder }

func (t both) Wants() record.Wants   { return t.a.Wants() }
func (t both) Begin(r *record.Run)   { t.a.Begin(r); t.b.Begin(r) }
func (t both) Pass(p *record.Pass)   { t.a.Pass(p); t.b.Pass(p) }
func (t both) Layer(l *record.Layer) { t.a.Layer(l); t.b.Layer(l) }
func (t both) FC(f *record.FC)       { t.a.FC(f); t.b.FC(f) }
func (t both) Head(h *record.Head)   { t.a.Head(h); t.b.Head(h) }
func (t both) Group(g *record.Group) { t.a.Group(g); t.b.Group(g) }
func (t both) Rank(r *record.Rank)   { t.a.Rank(r); t.b.Rank(r) }
func (t both) End()                  { t.a.End(); t.b.End() }

// sample writes a small but complete run: a prompt, then generation with pruning, drawn from t.
func sample(t *rapid.T, to record.Recorder) {
	run := &record.Run{Model: "m", Architecture: "gpt2", Layers: rapid.IntRange(1, 3).Draw(t, "layers"), KVHeads: 2, Heads: 4,
		HeadDim: 16, ModelDim: 64, Causal: true, Precision: "f32", Schedule: "name: x\n", ScheduleHash: "abc", Seed: 1 << 63}
	to.Begin(run)
	prompt := rapid.IntRange(1, 20).Draw(t, "prompt")
	live := make([][]int32, run.Layers)
	for pass, first := 0, 0; pass < 3; pass++ {
		n := 1
		p := &record.Pass{Stage: record.Generation, Index: pass, First: first, Tokens: n}
		if pass == 0 {
			p.Stage, p.Tokens = record.Summarization, prompt
		}
		to.Pass(p)
		queries := span(nil, first, p.Tokens)
		for l := range run.Layers {
			keys := merge(nil, live[l], queries)
			keep := slices.DeleteFunc(slices.Clone(keys), func(int32) bool { return rapid.IntRange(0, 3).Draw(t, "gone") == 0 })
			live[l] = keep
			queries = slices.DeleteFunc(queries, func(q int32) bool { return !slices.Contains(keep, q) })
			layer := &record.Layer{Index: l, Keys: keep, Queries: queries, Heads: []int32{0, 1, 3}, Threshold: 0.1,
				Bits: record.Bits{Query: 12, KeyMSB: 6, KeyLSB: 4, Value: 8, KeyScale: 1, ValScale: 16}}
			to.Layer(layer)
			to.FC(&record.FC{Kind: record.FCQuery, Rows: len(queries), In: 64, Out: 48, WeightBits: 4.5})
			for h := range int32(4) {
				head := &record.Head{Head: int(h), Group: int(h) / 2}
				for range queries {
					q := record.Query{Keys: int32(len(keep)), Values: int32(len(keep) / 2), MaxProb: float32(rapid.IntRange(0, 65535).Draw(t, "p")) / 65535}
					if h == 1 {
						q.LSBs = q.Keys
					}
					head.Queries = append(head.Queries, q)
					if p.Stage == record.Generation && q.Values < q.Keys {
						head.ValuePositions = append(head.ValuePositions, keep[:q.Values]...)
					}
				}
				if h == 3 {
					head.Keys = slices.Clone(keep[:len(keep)/2])
					head.Probabilities = []float32{0.25, 0.5}
				}
				to.Head(head)
			}
			to.Group(&record.Group{Group: 1, Keys: int32(len(keep)), LSBs: 1, Values: 2, Bytes: 1 << 40})
			to.Rank(&record.Rank{Kind: record.RankHeads, Candidates: 4, Keep: 3, Scores: []float32{1, 2, 3, 4}})
		}
		first += p.Tokens
	}
	to.End()
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var file bytes.Buffer
		w, err := NewWriter(&file, record.Wants{})
		if err != nil {
			t.Fatal(err)
		}
		var wrote, read keeper
		sample(t, both{w, &wrote})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(&file)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Replay(&read); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(wrote.got, read.got, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

// whole returns a complete trace.
func whole(t testing.TB) []byte {
	var file bytes.Buffer
	w, err := NewWriter(&file, record.Wants{})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Custom(func(t *rapid.T) int { sample(t, w); return 0 }).Example(7)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func readAll(data []byte) error {
	r, err := NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Replay(&keeper{})
}

func TestTruncatedIsAnError(t *testing.T) {
	data := whole(t)
	if err := readAll(data); err != nil {
		t.Fatal(err)
	}
	for n := range len(data) {
		if err := readAll(data[:n]); err == nil {
			t.Errorf("a trace cut to %d of %d bytes reads without error", n, len(data))
		}
	}
	cut := readAll(data[:len(data)-5])
	var where *Error
	if !errors.As(cut, &where) || where.Field == "" {
		t.Errorf("a cut trace gives %v, which names no place", cut)
	}
}

func TestFlippedBitsNeverPanic(t *testing.T) {
	data := whole(t)
	for i := range data {
		for bit := range 8 {
			bad := bytes.Clone(data)
			bad[i] ^= 1 << bit
			readAll(bad) // the checksum of the stream may or may not see it; it must end
		}
	}
}

func TestVersionAndMagic(t *testing.T) {
	data := whole(t)
	later := bytes.Clone(data)
	later[len(magic)]++
	if err := readAll(later); !errors.Is(err, ErrVersion) {
		t.Errorf("a later version gives %v", err)
	}
	if err := readAll([]byte("GGUF")); !errors.Is(err, ErrNoTrace) {
		t.Errorf("another format gives %v", err)
	}
}

// FuzzTrace feeds the decoder below the compression, where damage can go anywhere.
func FuzzTrace(f *testing.F) {
	f.Add([]byte{tagStop})
	f.Add([]byte("R\x01m\x00\x00\x00\x00\x01\x01\x01\x08\x08\x01\x00P\x01\x00\x00\x10L\x00\x01\x00\x01\x00\x01\x00\x20\x20\x00\x20\x00\x00\x00\x00\x00\x00H\x00\x00\x00\x01\x20\x00\x08\x00\x00\x04\x02\x01\x0f\x00\x00\x00E\x05Z"))
	f.Add([]byte("R\x01m\x00\x00\x00\x00\x01\x01\x01\x08\x08\x01\x00P\x01\x00\x00\x01L\x00\x01\x00\x01\x00\x01\x00\x20\x20\x00\x20\x00\x00\x00\x00\x00\x00E\x04Z"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var file bytes.Buffer
		w, _ := NewWriter(&file, record.Wants{})
		w.buf = data
		w.flush(0)
		w.out.close()
		readAll(file.Bytes())
	})
}

func TestWorkloads(t *testing.T) {
	// Row counts, K and V bytes (bits asked, no scales in the files) counted from the CSV with awk.
	for _, c := range []struct {
		name          string
		queries       int64
		recomputed    int64
		layers, heads int
		kvBytes       int64
	}{
		{"gpt2-small-wikitext2-pruned", 4608, 323, 12, 12, 0},
		{"gpt2-medium-wikitext2-pruned", 11328, 0, 24, 16, 708_000_000},
		{"gpt2-small-wikitext2-dense", 4608, 0, 12, 12, 0},
	} {
		records, err := OpenRecords(shared.Path(t, "reference", "workloads", c.name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		all, err := Summarize(records)
		if err != nil {
			t.Fatal(err)
		}
		s := all[0]
		if s.Queries != c.queries || s.Recomputed != c.recomputed || s.Run.Layers != c.layers || s.Run.Heads != c.heads {
			t.Errorf("%s: %d queries, %d recomputed, %d layers, %d heads; want %+v", c.name, s.Queries, s.Recomputed, s.Run.Layers, s.Run.Heads, c)
		}
		if off := float64(s.KVBytes)/float64(c.kvBytes) - 1; c.kvBytes > 0 && (off > 0.005 || off < -0.005) { // published as 708 MB
			t.Errorf("%s: %d bytes of K and V, published %d", c.name, s.KVBytes, c.kvBytes)
		}
		if c.name == "gpt2-small-wikitext2-dense" && s.KVBytes != s.DenseFP32KVBytes {
			t.Errorf("%s: a dense workload reads %d bytes, dense is %d", c.name, s.KVBytes, s.DenseFP32KVBytes)
		}
	}
}

func TestWorkloadErrors(t *testing.T) {
	header := strings.Join(workloadColumns, ",") + "\n"
	good := "0,0,0,64.0,993,993,6,16,0.05,True,4,204,6,True,False,False,-1\n"
	for _, c := range []struct{ file, want string }{
		{"", "header"},
		{"a,b\n", "not a workload"},
		{header, "no rows"},
		{header + strings.Replace(good, ",993,993,", ",993,994,", 1), "key_fetch_num"},
		{header + strings.Replace(good, ",204,", ",994,", 1), "value_fetch_num"},
		{header + strings.Replace(good, "64.0", "64.5", 1), "embedding_length_D"},
		{header + strings.Replace(good, "0.05", "-1", 1), "if_requant"},
		{header + good + "0,0\n", "line 3"},
	} {
		err := first(WorkloadRecords(strings.NewReader(c.file), "m"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q gives %v, want it to name %q", c.file, err, c.want)
		}
	}
}

func first(records iter.Seq2[Record, error]) error {
	for _, err := range records {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestPromptTraceIsSmall(t *testing.T) {
	// 4,096 queries of 9 heads in 30 layers with scattered probabilities: the prompt's part of a SmolLM2 trace.
	var file bytes.Buffer
	w, _ := NewWriter(&file, record.Wants{})
	w.Begin(&record.Run{Layers: 30, Heads: 9, KVHeads: 3, HeadDim: 64})
	w.Pass(&record.Pass{Tokens: 4096})
	all := span(nil, 0, 4096)
	seed := uint32(1)
	for l := range 30 {
		w.Layer(&record.Layer{Index: l, Keys: all, Queries: all, Heads: span(nil, 0, 9)})
		for h := range 9 {
			head := &record.Head{Head: h, Group: h / 3}
			for q := range 4096 {
				seed = seed*1664525 + 1013904223
				head.Queries = append(head.Queries, record.Query{Keys: int32(q + 1), Values: int32(q/5 + 1), MaxProb: float32(seed>>8) / (1 << 24)})
			}
			w.Head(head)
		}
	}
	w.End()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if mb := float64(file.Len()) / 1e6; mb > 4 {
		t.Errorf("the prompt's trace takes %.1f MB", mb)
	} else {
		t.Logf("%.2f MB", mb)
	}
}
