package model_test

import (
	"fmt"
	"strings"
	"testing"

	"spatten/attention"
	"spatten/checkpoint"
	"spatten/internal/tiny"
	"spatten/model"
)

// converter copies tensors of a Hugging Face checkpoint under the names that llama.cpp gives them.
type converter struct {
	t    testing.TB
	from *checkpoint.Checkpoint
	out  []tiny.Tensor
}

func (c *converter) take(from, to string, change func(m matrix) matrix) {
	m := array(c.t, c.from, from)
	if change != nil {
		m = change(m)
	}
	x := tiny.Tensor{Name: to, Shape: []int{len(m), len(m[0])}}
	if raw, _ := c.from.Tensor(from); len(raw.Shape) == 1 {
		x.Shape = x.Shape[1:]
	}
	for _, row := range m {
		x.Values = append(x.Values, single(row)...)
	}
	c.out = append(c.out, x)
}

// both takes weight and bias.
func (c *converter) both(from, to string, change func(m matrix) matrix) {
	c.take(from+".weight", to+".weight", change)
	c.take(from+".bias", to+".bias", nil)
}

// interleaved orders the rows of every head as GGUF has them for Llama: the pair (i, i+D/2) side by side.
func interleaved(m matrix) matrix {
	out := make(matrix, len(m))
	const d = tiny.HeadDim
	for head := 0; head < len(m); head += d {
		for i := range d / 2 {
			out[head+2*i], out[head+2*i+1] = m[head+i], m[head+i+d/2]
		}
	}
	return out
}

// shape is the metadata that all architectures share.
func shape(architecture string) []tiny.Pair {
	p := architecture + "."
	return []tiny.Pair{
		{Key: "general.architecture", Value: architecture}, {Key: p + "block_count", Value: uint32(tiny.Layers)},
		{Key: p + "attention.head_count", Value: uint32(tiny.Heads)}, {Key: p + "embedding_length", Value: uint32(tiny.Dim)},
		{Key: p + "feed_forward_length", Value: uint32(tiny.Hidden)}, {Key: p + "context_length", Value: uint32(tiny.Positions)},
	}
}

func ggufLlama(t testing.TB, hf *checkpoint.Checkpoint) *checkpoint.Checkpoint {
	c := converter{t: t, from: hf}
	c.take("model.embed_tokens.weight", "token_embd.weight", nil)
	c.take("model.norm.weight", "output_norm.weight", nil)
	c.take("lm_head.weight", "output.weight", nil)
	for l := range tiny.Layers {
		from, to := fmt.Sprintf("model.layers.%d.", l), fmt.Sprintf("blk.%d.", l)
		for hf, gguf := range map[string]string{
			"input_layernorm": "attn_norm", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
			"mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
		} {
			c.take(from+hf+".weight", to+gguf+".weight", nil)
		}
		c.take(from+"self_attn.q_proj.weight", to+"attn_q.weight", interleaved)
		c.take(from+"self_attn.k_proj.weight", to+"attn_k.weight", interleaved)
	}
	return tiny.Open(t, "llama.gguf", tiny.GGUF(append(shape("llama"),
		tiny.Pair{Key: "llama.attention.head_count_kv", Value: uint32(tiny.KVHeads)},
		tiny.Pair{Key: "llama.attention.layer_norm_rms_epsilon", Value: float32(1e-5)},
	), c.out, nil))
}

func ggufGPT2(t testing.TB, hf *checkpoint.Checkpoint) *checkpoint.Checkpoint {
	c := converter{t: t, from: hf}
	c.take("wte.weight", "token_embd.weight", nil)
	c.take("wpe.weight", "position_embd.weight", nil)
	c.both("ln_f", "output_norm", nil)
	for l := range tiny.Layers {
		from, to := fmt.Sprintf("h.%d.", l), fmt.Sprintf("blk.%d.", l)
		c.both(from+"ln_1", to+"attn_norm", nil)
		c.both(from+"ln_2", to+"ffn_norm", nil)
		c.both(from+"attn.c_attn", to+"attn_qkv", transpose)
		c.both(from+"attn.c_proj", to+"attn_output", transpose)
		c.both(from+"mlp.c_fc", to+"ffn_up", transpose)
		c.both(from+"mlp.c_proj", to+"ffn_down", transpose)
	}
	return tiny.Open(t, "gpt2.gguf", tiny.GGUF(append(shape("gpt2"), tiny.Pair{Key: "gpt2.attention.layer_norm_epsilon", Value: float32(1e-5)}), c.out, nil))
}

func ggufBERT(t testing.TB, hf *checkpoint.Checkpoint) *checkpoint.Checkpoint {
	c := converter{t: t, from: hf}
	c.take("embeddings.word_embeddings.weight", "token_embd.weight", nil)
	c.take("embeddings.position_embeddings.weight", "position_embd.weight", nil)
	c.take("embeddings.token_type_embeddings.weight", "token_types.weight", nil)
	c.both("embeddings.LayerNorm", "token_embd_norm", nil)
	c.both("pooler.dense", "cls", nil)
	c.both("classifier", "cls.output", nil)
	for l := range tiny.Layers {
		from, to := fmt.Sprintf("encoder.layer.%d.", l), fmt.Sprintf("blk.%d.", l)
		for hf, gguf := range map[string]string{
			"attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v", "attention.output.dense": "attn_output",
			"attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
		} {
			c.both(from+hf, to+gguf, nil)
		}
	}
	return tiny.Open(t, "bert.gguf", tiny.GGUF(append(shape("bert"), tiny.Pair{Key: "bert.attention.layer_norm_epsilon", Value: float32(1e-12)}), c.out,
		map[string]string{"config.json": `{"id2label": {"0": "bad", "1": "fair", "2": "good"}}`}))
}

// TestGGUF loads the same weights in both forms: bit by bit the same results.
func TestGGUF(t *testing.T) {
	convert := map[string]func(testing.TB, *checkpoint.Checkpoint) *checkpoint.Checkpoint{"llama": ggufLlama, "gpt2 ": ggufGPT2, "bert classifier ": ggufBERT}
	for _, f := range families() {
		if convert[f.name] == nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			c, m := ready(t, f)
			other, err := model.Load(convert[f.name](t, c))
			if err != nil {
				t.Fatal(err)
			}
			cpu := newCPU(t)
			var b model.Batch
			ids := randomIDs(19, 4)
			want := forward(t, cpu, &b, m, newSequence(t, m, nil, attention.Options{}), ids, f.want)
			got := forward(t, cpu, &b, other, newSequence(t, other, nil, attention.Options{}), ids, f.want)
			near(t, "result", got, want, 1e-5) // rotation sums the pairs of a product in another order
			if strings.HasPrefix(f.name, "bert") && fmt.Sprint(other.Info().Labels) != "[bad fair good]" {
				t.Errorf("labels %v", other.Info().Labels)
			}
			a, o := *m.Info(), *other.Info()
			if a.Name, o.Name = "", ""; fmt.Sprint(a) != fmt.Sprint(o) {
				t.Errorf("described as %+v, as GGUF as %+v", a, o)
			}
		})
	}
}

// TestSentiment reads the embedded classifier.
func TestSentiment(t *testing.T) {
	c, err := checkpoint.OpenNamed("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := model.Load(c)
	if err != nil {
		t.Fatal(err)
	}
	if i := m.Info(); fmt.Sprint(i.Labels) != "[negative positive]" || i.Causal || i.Architecture != "bert" {
		t.Errorf("%+v", i)
	}
}
