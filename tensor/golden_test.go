package tensor

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"

	"spatten/checkpoint/dtype"
)

// TestBlocksDecodeAsGGUF holds the block formats to testdata/gguf_blocks.json: random blocks and what the Python package
// gguf 0.19.0 (gguf.quants.dequantize, the format's reference) reads in them.
func TestBlocksDecodeAsGGUF(t *testing.T) {
	raw, err := os.ReadFile("testdata/gguf_blocks.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct{ Bytes, Values string }
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	for format, f := range forms {
		if f.largest == 0 {
			continue // not a block format
		}
		name := dtype.Type(format).String()
		g, ok := golden[name]
		if !ok {
			t.Errorf("no golden blocks of %s", name)
			continue
		}
		data, err := base64.StdEncoding.DecodeString(g.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		values, err := base64.StdEncoding.DecodeString(g.Values)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, len(values)/4)
		w, err := NewWeights(dtype.Type(format), 1, len(got), data)
		if err != nil {
			t.Fatal(err)
		}
		w.Row(got, 0)
		for i, v := range got {
			if want := math.Float32frombits(binary.LittleEndian.Uint32(values[4*i:])); v != want {
				t.Fatalf("%s: element %d is %g, want %g", name, i, v, want)
			}
		}
	}
}
