package checkpoint

import (
	"runtime"
	"testing"

	"spatten/internal/shared"
)

func TestPublishedModels(t *testing.T) {
	for _, c := range []struct {
		path    []string
		format  string
		tensors int
		tensor  string
		shape   []int
	}{
		{[]string{"models", "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf"}, "gguf", 272, "blk.0.ffn_down.weight", []int{576, 1536}},
		{[]string{"models", "smollm2-135m-instruct"}, "gguf", 272, "token_embd.weight", []int{49152, 576}},
		{[]string{"models", "minilm-l6-v2-f16"}, "safetensors", 101, "encoder.layer.0.attention.self.query.weight", []int{384, 384}},
		{[]string{"models", "tiny-gpt2-f16"}, "safetensors", 40, "transformer.h.0.attn.c_attn.weight", []int{64, 192}},
		{[]string{"models", "tiny-llama-bf16-sharded"}, "safetensors", 30, "lm_head.weight", []int{49152, 64}},
		{[]string{"models", "tiny-bert-f32"}, "safetensors", 57, "classifier.weight", []int{3, 64}},
	} {
		ck, err := Open(shared.Path(t, c.path...))
		if err != nil {
			t.Fatal(err)
		}
		tensor, ok := ck.Tensor(c.tensor)
		if ck.Format() != c.format || !ok || len(ck.Names()) != c.tensors || tensor.Shape[0] != c.shape[0] || tensor.Shape[1] != c.shape[1] {
			t.Errorf("%v: %s, %d tensors, %s %v (found %v)", c.path, ck.Format(), len(ck.Names()), c.tensor, tensor.Shape, ok)
		}
		if err := ck.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestMapped checks that opening a model costs memory for what describes the weights, not for the weights.
func TestMapped(t *testing.T) {
	path := shared.Path(t, "models", "smollm2-135m-instruct")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ck, err := Open(path)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	defer ck.Close()
	if got := int64(after.TotalAlloc - before.TotalAlloc); got > ck.Bytes()/20 {
		t.Errorf("opening %d bytes of weights allocated %d", ck.Bytes(), got)
	}
}
