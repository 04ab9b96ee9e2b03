// Package tiny makes random models of each family in memory, small enough for any test and without files beside the
// checkout. What they compute means nothing; that it is computed right can be compared.
package tiny

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"spatten/checkpoint"
)

// The shape of the models, unless a caller's configuration says otherwise.
const (
	Layers    = 3
	Heads     = 4
	KVHeads   = 2 // llama
	HeadDim   = 8
	Dim       = Heads * HeadDim
	Hidden    = 48
	Vocab     = 97
	Positions = 512
	Labels    = 3
)

// Config is what config.json says. A nil value takes a field out.
type Config map[string]any

// with returns the fields with changes laid over them.
func (c Config) with(changes Config) Config {
	out := Config{}
	for k, v := range c {
		out[k] = v
	}
	for k, v := range changes {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

// Array is a tensor's shape, outermost first; its numbers are drawn.
type Array struct {
	Name  string
	Shape []int
}

// Files returns config.json and model.safetensors of a model with fp32 numbers drawn from seed: small ones for
// matrices and biases, numbers near 1 for the gains of norms (vectors named …weight).
func Files(config Config, arrays []Array, seed uint64) fstest.MapFS {
	r := rand.New(rand.NewPCG(seed, 1))
	header, data := map[string]any{}, []byte(nil)
	for _, a := range arrays {
		n := 1
		for _, d := range a.Shape {
			n *= d
		}
		begin := len(data)
		for range n {
			v := 0.3 * r.NormFloat64()
			if len(a.Shape) == 1 && a.Name[len(a.Name)-6:] == "weight" {
				v = 1 + 0.1*r.NormFloat64()
			}
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
		}
		header[a.Name] = map[string]any{"dtype": "F32", "shape": a.Shape, "data_offsets": []int{begin, len(data)}}
	}
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(config)
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(h)))
	file = append(append(file, h...), data...)
	return fstest.MapFS{"config.json": {Data: c}, "model.safetensors": {Data: file}}
}

// Open opens such files.
func Open(t testing.TB, name string, files fstest.MapFS) *checkpoint.Checkpoint {
	t.Helper()
	c, err := checkpoint.OpenFS(files, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Llama returns a model with grouped queries; changes to its configuration may add biases, scaling or a tied head.
func Llama(changes Config) (Config, []Array) {
	c := Config{
		"model_type": "llama", "num_hidden_layers": Layers, "num_attention_heads": Heads, "num_key_value_heads": KVHeads,
		"head_dim": HeadDim, "hidden_size": Dim, "intermediate_size": Hidden, "vocab_size": Vocab,
		"max_position_embeddings": Positions, "rms_norm_eps": 1e-5, "tie_word_embeddings": false,
	}.with(changes)
	a := []Array{{"model.embed_tokens.weight", []int{Vocab, Dim}}, {"model.norm.weight", []int{Dim}}}
	if c["tie_word_embeddings"] == false {
		a = append(a, Array{"lm_head.weight", []int{Vocab, Dim}})
	}
	for i := range Layers {
		p := fmt.Sprintf("model.layers.%d.", i)
		a = append(a, Array{p + "input_layernorm.weight", []int{Dim}}, Array{p + "post_attention_layernorm.weight", []int{Dim}})
		for _, m := range []struct {
			name    string
			out, in int
			bias    any
		}{
			{"self_attn.q_proj", Dim, Dim, c["attention_bias"]}, {"self_attn.k_proj", KVHeads * HeadDim, Dim, c["attention_bias"]},
			{"self_attn.v_proj", KVHeads * HeadDim, Dim, c["attention_bias"]}, {"self_attn.o_proj", Dim, Dim, c["attention_bias"]},
			{"mlp.gate_proj", Hidden, Dim, c["mlp_bias"]}, {"mlp.up_proj", Hidden, Dim, c["mlp_bias"]}, {"mlp.down_proj", Dim, Hidden, c["mlp_bias"]},
		} {
			a = append(a, Array{p + m.name + ".weight", []int{m.out, m.in}})
			if m.bias == true {
				a = append(a, Array{p + m.name + ".bias", []int{m.out}})
			}
		}
	}
	return c, a
}

// GPT2 returns a model whose tensors' names begin with prefix, "" or "transformer.".
func GPT2(prefix string) (Config, []Array) {
	c := Config{
		"model_type": "gpt2", "n_layer": Layers, "n_head": Heads, "n_embd": Dim, "n_inner": Hidden, "vocab_size": Vocab,
		"n_positions": Positions, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
	}
	a := []Array{{prefix + "wte.weight", []int{Vocab, Dim}}, {prefix + "wpe.weight", []int{Positions, Dim}}}
	a = append(a, norm(prefix+"ln_f")...)
	for i := range Layers {
		p := fmt.Sprintf("%sh.%d.", prefix, i)
		a = append(append(a, norm(p+"ln_1")...), norm(p+"ln_2")...)
		for _, m := range []struct {
			name    string
			in, out int
		}{{"attn.c_attn", Dim, 3 * Dim}, {"attn.c_proj", Dim, Dim}, {"mlp.c_fc", Dim, Hidden}, {"mlp.c_proj", Hidden, Dim}} {
			a = append(a, Array{p + m.name + ".weight", []int{m.in, m.out}}, Array{p + m.name + ".bias", []int{m.out}})
		}
	}
	return c, a
}

// BERT returns an encoder whose tensors' names begin with prefix, "" or "bert."; a classifier where labels is set.
func BERT(prefix string, labels bool) (Config, []Array) {
	c := Config{
		"model_type": "bert", "num_hidden_layers": Layers, "num_attention_heads": Heads, "hidden_size": Dim,
		"intermediate_size": Hidden, "vocab_size": Vocab, "max_position_embeddings": Positions, "type_vocab_size": 2,
		"layer_norm_eps": 1e-12, "hidden_act": "gelu",
	}
	e := prefix + "embeddings."
	a := []Array{
		{e + "word_embeddings.weight", []int{Vocab, Dim}}, {e + "position_embeddings.weight", []int{Positions, Dim}},
		{e + "token_type_embeddings.weight", []int{2, Dim}},
	}
	a = append(a, norm(e+"LayerNorm")...)
	product := func(name string, out, in int) {
		a = append(a, Array{name + ".weight", []int{out, in}}, Array{name + ".bias", []int{out}})
	}
	for i := range Layers {
		p := fmt.Sprintf("%sencoder.layer.%d.", prefix, i)
		for _, name := range []string{"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"} {
			product(p+name, Dim, Dim)
		}
		product(p+"intermediate.dense", Hidden, Dim)
		product(p+"output.dense", Dim, Hidden)
		a = append(append(a, norm(p+"attention.output.LayerNorm")...), norm(p+"output.LayerNorm")...)
	}
	if labels {
		product(prefix+"pooler.dense", Dim, Dim)
		product("classifier", Labels, Dim)
		c["id2label"] = map[string]string{"0": "bad", "1": "fair", "2": "good"}
	}
	return c, a
}

func norm(name string) []Array {
	return []Array{{name + ".weight", []int{Dim}}, {name + ".bias", []int{Dim}}}
}
