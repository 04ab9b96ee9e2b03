package checkpoint

import (
	"encoding/json"
	"math"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"spatten/internal/shared"
)

func TestDescribe(t *testing.T) {
	c, err := OpenFS(fstest.MapFS{
		"config.json":       {Data: []byte(`{"model_type":"bert","hidden_size":4}`)},
		"model.safetensors": {Data: []byte(oneTensor("a"))},
	}, "tiny")
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Describe()
	if err != nil {
		t.Fatal(err)
	}
	want := &Description{
		Name: "tiny", Format: "safetensors", Architecture: "bert", Parameters: 4, Bytes: 4,
		Types:   []TypeTotal{{"U8", 1, 4, 4}},
		Config:  map[string]any{"model_type": "bert", "hidden_size": 4.},
		Tensors: []TensorDescription{{"a", "U8", []int{4}, 4}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDescribeGGUF(t *testing.T) {
	c, err := Open(shared.Path(t, "models", "smollm2-135m-instruct"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Describe()
	if err != nil {
		t.Fatal(err)
	}
	wantTypes := []TypeTotal{{"Q4_1", 210, 106168320, 66355200}, {"Q8_0", 1, 28311552, 30081024}, {"F32", 61, 35136, 140544}}
	if diff := cmp.Diff(wantTypes, got.Types); diff != "" {
		t.Error(diff)
	}
	if got.Architecture != "llama" || got.Parameters != 134515008 || got.Config["tokenizer.ggml.tokens"] != "[49152]string" || got.Config["llama.block_count"] != uint64(30) {
		t.Errorf("%s, %d parameters, %v, %v", got.Architecture, got.Parameters, got.Config["tokenizer.ggml.tokens"], got.Config["llama.block_count"])
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
}

func TestDescribeStrangeNumbers(t *testing.T) {
	c := &Checkpoint{format: "gguf", metadata: map[string]any{"nan": math.NaN(), "inf": math.Inf(-1)}}
	d, err := c.Describe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(d); err != nil || d.Config["nan"] != "NaN" || d.Config["inf"] != "-Inf" {
		t.Errorf("%v, %v", d.Config, err)
	}
}
