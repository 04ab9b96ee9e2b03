package gguf

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"spatten/checkpoint/dtype"
)

func TestParse(t *testing.T) {
	file := small()
	f, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	start := len(file) - 264
	want := []Tensor{
		{"vector", dtype.F32, []int{3}, file[start : start+12]},
		{"matrix", dtype.Q8_0, []int{2, 64}, file[start+128 : start+264]},
		{"cube", dtype.F16, []int{1, 4, 3, 2}, file[start+64 : start+112]},
	}
	if diff := cmp.Diff(want, f.Tensors); diff != "" {
		t.Error(diff)
	}
	if &f.Tensors[0].Data[0] != &file[start] {
		t.Error("the tensor's bytes were copied")
	}
	if f.Version != 3 {
		t.Errorf("version %d", f.Version)
	}
}

func TestMetadata(t *testing.T) {
	f, err := Parse(small())
	if err != nil {
		t.Fatal(err)
	}
	m := f.Metadata
	got := map[string]any{}
	found := func(name string, v any, ok bool) {
		if ok {
			got[name] = v
		}
	}
	for _, key := range m.Keys() {
		s, ok := m.String(key)
		found("String "+key, s, ok)
		u, ok := m.Uint(key)
		found("Uint "+key, u, ok)
		x, ok := m.Float(key)
		found("Float "+key, x, ok)
		b, ok := m.Bool(key)
		found("Bool "+key, b, ok)
		texts, ok := m.Strings(key)
		found("Strings "+key, texts, ok)
		ints, ok := m.Ints(key)
		found("Ints "+key, ints, ok)
		floats, ok := m.Floats(key)
		found("Floats "+key, floats, ok)
	}
	want := map[string]any{
		"String general.architecture": "llama",
		"Uint general.alignment":      uint64(64), "Float general.alignment": 64.,
		"Uint u8": uint64(255), "Float u8": 255.,
		"Float i8": -1., "Float i16": -2., "Float i32": -3., "Float i64": -4.,
		"Uint u16": uint64(513), "Float u16": 513.,
		"Float f32": 1.5, "Float f64": -2.25,
		"Bool yes": true, "Bool no": false,
		"Uint u64": uint64(math.MaxUint64), "Float u64": float64(math.MaxUint64),
		"Strings texts": []string{"a", "", "déjà"},
		"Ints signed":   []int64{-1, 2}, "Floats signed": []float64{-1, 2},
		"Floats floats": []float64{0.5, -8},
		"Floats huge":   []float64{math.MaxUint64}, // too large for Ints
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if l, ok := m["truths"].(List); !ok || l.Len() != 2 || l.String() != "[2]bool" {
		t.Errorf("truths: %v", m["truths"])
	}
	if _, ok := m.Uint("absent"); ok {
		t.Error("found a key that is not there")
	}
}

func TestVersion2(t *testing.T) {
	file := small()
	file[4] = 2
	if _, err := Parse(file); err != nil {
		t.Error(err)
	}
}

// TestRoundTrip writes random files and reads them back.
func TestRoundTrip(t *testing.T) {
	formats := []dtype.Type{dtype.F32, dtype.BF16, dtype.I8, dtype.Q4_0, dtype.Q4_1, dtype.Q5_0, dtype.Q5_1, dtype.Q8_0, dtype.Q4_K, dtype.Q5_K, dtype.Q6_K}
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringN(1, 12, maxName), 0, 6, rapid.ID[string]).Draw(t, "names")
		texts := rapid.SliceOfN(rapid.String(), 0, 5).Draw(t, "texts")
		alignment := 1 << rapid.IntRange(3, 10).Draw(t, "alignment")
		w := begin(uint64(len(names)), 2).key(alignmentKey, kindUint32).u32(uint32(alignment))
		w.list("texts", kindString, uint64(len(texts)))
		for _, s := range texts {
			w.text(s)
		}
		want := make([]Tensor, 0, len(names))
		offset := 0
		for _, name := range names {
			format := rapid.SampledFrom(formats).Draw(t, "format")
			shape := rapid.SliceOfN(rapid.IntRange(1, 3), 1, maxDims).Draw(t, "shape")
			shape[len(shape)-1] *= format.BlockElements()
			size, dims := 1, make([]uint64, len(shape))
			for i, n := range shape {
				size *= n
				dims[len(dims)-1-i] = uint64(n)
			}
			size = size / format.BlockElements() * format.BlockBytes()
			w.tensor(name, number(format), uint64(offset), dims...)
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(offset + i)
			}
			want = append(want, Tensor{name, format, shape, data})
			offset += (size + alignment - 1) / alignment * alignment
		}
		f, err := Parse(w.data(alignment, offset))
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range f.Tensors {
			if diff := cmp.Diff(want[i], got); diff != "" {
				t.Fatal(diff)
			}
		}
		got, ok := f.Metadata.Strings("texts")
		if !ok || len(f.Tensors) != len(want) || fmt.Sprint(got) != fmt.Sprint(texts) {
			t.Fatalf("%d tensors, texts %q; want %d and %q", len(f.Tensors), got, len(want), texts)
		}
	})
}

// checkParse asserts what holds for any bytes: a file whose parts are what they claim, or an Error with a place, and
// memory in proportion to the bytes that are there.
func checkParse(t *testing.T, data []byte) error {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := Parse(data)
	runtime.ReadMemStats(&after)
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+32*len(data)); got > limit {
		t.Errorf("%d bytes allocated for a file of %d", got, len(data))
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Field == "" || e.Offset < 0 || e.Offset > int64(len(data)) {
			t.Errorf("error without field or place: %#v", err)
		}
		return err
	}
	for _, tensor := range f.Tensors {
		elements := 1
		for _, n := range tensor.Shape {
			elements *= n
		}
		if want := elements / tensor.Type.BlockElements() * tensor.Type.BlockBytes(); len(tensor.Data) != want {
			t.Errorf("tensor %q of %v %v has %d bytes", tensor.Name, tensor.Type, tensor.Shape, len(tensor.Data))
		}
	}
	for key := range f.Metadata {
		f.Metadata.Strings(key)
		f.Metadata.Ints(key)
		f.Metadata.Floats(key)
	}
	return nil
}

// TestTruncation cuts a valid file at every byte.
func TestTruncation(t *testing.T) {
	file := small()
	for n := range file {
		if err := checkParse(t, file[:n:n]); err == nil {
			t.Errorf("cut to %d of %d bytes: no error", n, len(file))
		} else if n >= 4 && !errors.Is(err, ErrTruncated) {
			t.Errorf("cut to %d of %d bytes: %v", n, len(file), err)
		}
	}
}

// TestBitFlips turns over every bit of the header.
func TestBitFlips(t *testing.T) {
	file := small()
	accepted := 0
	for bit := range 8 * (len(file) - 264) {
		flipped := bytes.Clone(file)
		flipped[bit/8] ^= 1 << (bit % 8)
		if checkParse(t, flipped) == nil {
			accepted++ // a changed number or letter is still a file
		}
	}
	if total := 8 * (len(file) - 264); accepted == 0 || accepted == total {
		t.Errorf("%d of %d changed files accepted", accepted, total)
	}
}

func FuzzGGUF(f *testing.F) {
	f.Add(small())
	for _, h := range hostile {
		f.Add(h.file())
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkParse(t, data) })
}
