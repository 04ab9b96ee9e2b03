package trace

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"spatten/attention/record"
)

// step writes one generated token of one layer whose heads fetch the given values of n keys.
func step(to record.Recorder, n int, heads [][]int32) {
	to.Pass(&record.Pass{Stage: record.Generation, Index: n, First: n - 1, Tokens: 1})
	to.Layer(&record.Layer{Keys: span(nil, 0, n), Queries: []int32{int32(n - 1)}, Heads: span(nil, 0, len(heads))})
	for h, list := range heads {
		to.Head(&record.Head{Head: h, Queries: []record.Query{{Keys: int32(n), Values: int32(len(list))}}, ValuePositions: list})
	}
}

func TestListsInEveryForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var file bytes.Buffer
		w, err := NewWriter(&file, record.Wants{})
		if err != nil {
			t.Fatal(err)
		}
		var wrote, read keeper
		to := both{w, &wrote}
		const heads = 3
		to.Begin(&record.Run{Layers: 1, Heads: heads, KVHeads: 1, HeadDim: 8, Causal: true})
		lists := make([][]int32, heads)
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			n := rapid.IntRange(2, 300).Draw(t, "keys")
			for h := range lists {
				switch rapid.IntRange(0, 3).Draw(t, "form") {
				case 0: // as the head before, or as the step before
					lists[h] = slices.Clone(lists[max(0, h-1)])
				case 1: // a little different from the step before
					at := int32(rapid.IntRange(0, n-1).Draw(t, "other"))
					lists[h] = slices.DeleteFunc(lists[h], func(p int32) bool { return p == at })
				case 2:
					lists[h] = span(nil, rapid.IntRange(0, n/2).Draw(t, "first"), n/2)
				case 3:
					lists[h] = scattered(n, rapid.Uint32Range(1, 40).Draw(t, "one of"), rapid.Uint32().Draw(t, "seed"))
				}
				lists[h] = slices.DeleteFunc(lists[h], func(p int32) bool { return int(p) >= n-1 }) // fewer than all keys
			}
			step(to, n, lists)
		}
		to.End()
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

// scattered returns about one of so many of n positions, chosen by a seed.
func scattered(n int, of, seed uint32) (list []int32) {
	for p := range n {
		if seed = seed*1664525 + 1013904223; seed>>8%of == 0 {
			list = append(list, int32(p))
		}
	}
	return list
}

func TestBytesDoNotDependOnTiming(t *testing.T) {
	write := func(procs int) []byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		var file bytes.Buffer
		w, _ := NewWriter(&file, record.Wants{})
		w.Begin(&record.Run{Layers: 1, Heads: 4, KVHeads: 1, HeadDim: 8})
		for i := range 500 {
			step(w, 4096, [][]int32{scattered(4096, 3, uint32(i))})
		}
		w.End()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return file.Bytes()
	}
	if one, two := write(1), write(2); !bytes.Equal(one, two) {
		t.Error("a trace written on one core differs from one written on two")
	}
}

func TestListsThatRepeatAreSmall(t *testing.T) {
	size := func(heads func(step int) [][]int32) int {
		var file bytes.Buffer
		w, _ := NewWriter(&file, record.Wants{})
		w.Begin(&record.Run{Layers: 1, Heads: 4, KVHeads: 1, HeadDim: 8})
		for i := range 64 {
			step(w, 4096, heads(i))
		}
		w.End()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return file.Len()
	}
	one := scattered(4096, 3, 1)
	fresh := size(func(i int) [][]int32 {
		return [][]int32{scattered(4096, 3, uint32(4*i)), scattered(4096, 3, uint32(4*i+1)), scattered(4096, 3, uint32(4*i+2)), scattered(4096, 3, uint32(4*i+3))}
	})
	again := size(func(i int) [][]int32 { l := scattered(4096, 3, uint32(i)); return [][]int32{l, l, l, l} })
	same := size(func(int) [][]int32 { return [][]int32{one, one[1:], one[2:], one[3:]} })
	if limit := 64 * 4 * 4096 / 8; fresh > limit {
		t.Errorf("lists without likeness take %d bytes, a bit a key is %d", fresh, limit)
	}
	if again > fresh/3 {
		t.Errorf("lists that four heads share take %d bytes, their own %d", again, fresh)
	}
	if same > fresh/20 {
		t.Errorf("lists that stay the same take %d bytes, others %d", same, fresh)
	}
}

func TestStepsAllocateNothing(t *testing.T) {
	w, _ := NewWriter(io.Discard, record.Wants{})
	defer w.Close()
	w.Begin(&record.Run{Layers: 1, Heads: 4, KVHeads: 1, HeadDim: 8})
	lists := make([][][]int32, 8)
	for i := range lists {
		for h := range 4 {
			lists[i] = append(lists[i], scattered(4096, 3, uint32(4*i+h)))
		}
	}
	keys, at := span(nil, 0, 4096), 0
	pass := &record.Pass{Stage: record.Generation, Tokens: 1}
	layer := &record.Layer{Keys: keys, Heads: span(nil, 0, 4)}
	head := &record.Head{Queries: []record.Query{{Keys: 4096}}}
	token := func() {
		w.Pass(pass)
		w.Layer(layer)
		for h, list := range lists[at%len(lists)] {
			head.Head, head.Queries[0].Values, head.ValuePositions = h, int32(len(list)), list
			w.Head(head)
		}
		at++
	}
	for range 500 { // until all buffers are there
		token()
	}
	if n := testing.AllocsPerRun(500, token); n > 0 {
		t.Errorf("a token's records allocate %v times", n)
	}
}

// full is a disk that fills up.
type full struct{ room int }

var errFull = errors.New("disk is full")

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestFullDisk(t *testing.T) {
	w, err := NewWriter(&full{room: 100}, record.Wants{})
	if err != nil {
		t.Fatal(err)
	}
	w.Begin(&record.Run{Layers: 1, Heads: 1, KVHeads: 1, HeadDim: 8})
	steps := 0
	for ; w.Err() == nil && steps < 1e6; steps++ {
		step(w, 4096, [][]int32{scattered(4096, 3, uint32(steps))})
	}
	if !errors.Is(w.Err(), errFull) {
		t.Errorf("after %d steps a full disk gives %v", steps, w.Err())
	}
	for range 2 {
		if err := w.Close(); !errors.Is(err, errFull) {
			t.Errorf("Close gives %v", err)
		}
	}
}

func TestHostileLists(t *testing.T) {
	// One head of one layer over 16 keys, 4 values of which are listed.
	head := "R\x01m\x00\x00\x00\x00\x01\x01\x01\x08\x08\x01\x00P\x01\x00\x00\x10L\x00\x01\x00\x01\x00\x01\x00\x20\x20\x00\x20\x00\x00\x00\x00\x00\x00H\x00\x00\x00\x01\x20\x00\x08\x00\x00\x04"
	tail := "\x00\x00\x00E\x05Z"
	for _, c := range []struct {
		name, list string
		good       bool
	}{
		{"gaps", "\x00\x00\x00\x00\x00", true},
		{"bits", "\x01\x02\x0f\x00", true},
		{"changes of nothing", "\x02\x01\x0f", true},
		{"too many bits", "\x01\x02\x1f\x00", false},
		{"too few bits", "\x01\x02\x07\x00", false},
		{"beyond the keys", "\x01\x03\x0e\x00\x01", false},
		{"more bytes than keys", "\x01\xff\xff\x03\x0f", false},
		{"again, but nothing before", "\x03", false},
		{"unknown form", "\x04", false},
		{"gap beyond the keys", "\x00\x00\x00\x00\x0d", false},
	} {
		var file bytes.Buffer
		w, _ := NewWriter(&file, record.Wants{})
		w.buf = append(w.buf, head+c.list+tail...)
		w.flush(0)
		w.out.close()
		if err := readAll(file.Bytes()); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAbandonedWriterEndsItsGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		w, _ := NewWriter(io.Discard, record.Wants{})
		w.Begin(&record.Run{Layers: 1})
	}
	for i := 0; runtime.NumGoroutine() > before+10; i++ { // the collector may take the last of them for live
		if i == 1000 {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
}
