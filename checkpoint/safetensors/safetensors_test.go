package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"spatten/checkpoint/dtype"
)

// file is a file with this header and n bytes of data, which count upwards.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	for i := range n {
		b = append(b, byte(i))
	}
	return b
}

// small is a valid file: a matrix, a single number, an empty tensor, metadata, padding after the header.
func small() []byte {
	return file(`{"__metadata__":{"format":"pt"},"b":{"dtype":"I64","shape":[],"data_offsets":[12,20]},`+
		`"empty":{"dtype":"F32","shape":[4,0],"data_offsets":[12,12]},`+
		`"a":{"data_offsets":[0,12],"shape":[2,3],"dtype":"F16"}}   `, 20)
}

func TestParse(t *testing.T) {
	data := small()
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	body := data[len(data)-20:]
	want := &File{
		Tensors: []Tensor{
			{"a", dtype.F16, []int{2, 3}, body[:12]},
			{"empty", dtype.F32, []int{4, 0}, []byte{}},
			{"b", dtype.I64, []int{}, body[12:]},
		},
		Metadata: map[string]string{"format": "pt"},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	if &f.Tensors[0].Data[0] != &body[0] {
		t.Error("the tensor's bytes were copied")
	}
}

func TestNoTensors(t *testing.T) {
	f, err := Parse(file(`{}`, 0))
	if err != nil || len(f.Tensors) != 0 {
		t.Errorf("%v, %v", f, err)
	}
}

// TestRoundTrip writes random files, the header by another JSON library, and reads them back.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringN(0, 12, -1), 0, 6, rapid.ID[string]).Draw(t, "names")
		formats := rapid.SliceOfN(rapid.SampledFrom([]string{"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"}), len(names), len(names)).Draw(t, "formats")
		header := map[string]any{}
		var want []Tensor
		offset := 0
		for i, name := range names {
			shape := rapid.SliceOfN(rapid.IntRange(1, 4), 0, maxDims/2).Draw(t, "shape")
			size := types[formats[i]].BlockBytes()
			for _, n := range shape {
				size *= n
			}
			header[name] = map[string]any{"dtype": formats[i], "shape": append([]int{}, shape...), "data_offsets": []int{offset, offset + size}}
			want = append(want, Tensor{name, types[formats[i]], append([]int{}, shape...), nil})
			offset += size
		}
		text, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		data := file(string(text), offset)
		body := data[len(data)-offset:]
		f, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			size := len(f.Tensors[i].Data)
			want[i].Data, body = body[:size], body[size:]
		}
		if diff := cmp.Diff(want, f.Tensors); len(want) > 0 && diff != "" || len(body) > 0 {
			t.Fatal(diff, len(body))
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
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+48*len(data)); got > limit {
		t.Errorf("%d bytes allocated for a file of %d", got, len(data))
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Field == "" || e.Offset < 0 || e.Offset > int64(len(data)) {
			t.Errorf("error without field or place: %#v", err)
		}
		return err
	}
	total := 0
	for _, tensor := range f.Tensors {
		size := tensor.Type.BlockBytes()
		for _, n := range tensor.Shape {
			size *= n
		}
		if len(tensor.Data) != size {
			t.Errorf("tensor %q of %v %v has %d bytes", tensor.Name, tensor.Type, tensor.Shape, len(tensor.Data))
		}
		total += size
	}
	if header := int(binary.LittleEndian.Uint64(data)); lengthBytes+header+total != len(data) {
		t.Errorf("%d bytes of header and %d of tensors do not make up %d", header, total, len(data))
	}
	return nil
}

// TestTruncation cuts a valid file at every byte.
func TestTruncation(t *testing.T) {
	data := small()
	for n := range data {
		if err := checkParse(t, data[:n:n]); !errors.Is(err, ErrTruncated) {
			t.Errorf("cut to %d of %d bytes: %v", n, len(data), err)
		}
	}
}

// TestTruncatedHeader cuts the header at every byte and gives its length truly: the JSON ends early.
func TestTruncatedHeader(t *testing.T) {
	data := small()
	text := bytes.TrimRight(data[lengthBytes:len(data)-20], " ")
	for n := range text {
		if err := checkParse(t, file(string(text[:n]), 20)); err == nil {
			t.Errorf("header cut to %d of %d bytes: no error", n, len(text))
		}
	}
}

// TestBitFlips turns over every bit of the header.
func TestBitFlips(t *testing.T) {
	data := small()
	accepted := 0
	for bit := range 8 * (len(data) - 20) {
		flipped := bytes.Clone(data)
		flipped[bit/8] ^= 1 << (bit % 8)
		if checkParse(t, flipped) == nil {
			accepted++ // a changed letter of a name is still a file
		}
	}
	if total := 8 * (len(data) - 20); accepted == 0 || accepted > total/8 {
		t.Errorf("%d of %d changed files accepted", accepted, total)
	}
}

// TestErrorPlace checks that an error points to the token that is wrong.
func TestErrorPlace(t *testing.T) {
	before := `{"a":{"dtype":"F77"`
	_, err := Parse(file(before+`,"shape":[1],"data_offsets":[0,1]}}`, 1))
	var e *Error
	if want := int64(lengthBytes + len(before)); !errors.As(err, &e) || e.Offset != want || e.Field != `tensor "a", dtype` {
		t.Errorf("got %v, want byte %d", err, want)
	}
}

func FuzzSafetensors(f *testing.F) {
	f.Add(small())
	for _, h := range hostile {
		f.Add(h.file)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkParse(t, data) })
}

func ExampleParse() {
	f, err := Parse(file(`{"weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}`, 8))
	if err != nil {
		panic(err)
	}
	for _, t := range f.Tensors {
		fmt.Println(t.Name, t.Type, t.Shape, len(t.Data), "bytes")
	}
	// Output: weight F32 [2 1] 8 bytes
}
