package model_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"spatten/checkpoint"
	"spatten/internal/tiny"
	"spatten/model"
)

// TestBadConfig changes one field at a time: the error names it.
func TestBadConfig(t *testing.T) {
	type config = tiny.Config
	llama, llamaArrays := tiny.Llama(nil)
	gpt2, gpt2Arrays := tiny.GPT2("")
	bert, bertArrays := tiny.BERT("", true)
	for _, family := range []struct {
		config config
		arrays []tiny.Array
		bad    []config
	}{
		{llama, llamaArrays, []config{
			{"num_attention_heads": 0}, {"num_attention_heads": -4}, {"num_attention_heads": 2.5}, {"num_attention_heads": "four"}, {"num_attention_heads": nil},
			{"num_key_value_heads": 3}, {"num_hidden_layers": 0}, {"num_hidden_layers": 1 << 40}, {"hidden_size": 1e300}, {"vocab_size": 0}, {"head_dim": 7},
			{"head_dim": 0}, {"intermediate_size": -1}, {"max_position_embeddings": 0}, {"rms_norm_eps": "small"}, {"rms_norm_eps": -1}, {"hidden_act": "relu"},
			{"attention_bias": 1}, {"rope_theta": 0}, {"rope_scaling": config{"rope_type": "yarn"}}, {"rope_scaling": 4}, {"rope_scaling": config{"type": "linear", "factor": 0}},
			{"rope_scaling": config{"rope_type": "llama3", "low_freq_factor": 4, "high_freq_factor": 4}}, {"model_type": "mamba"}, {"model_type": nil}, {"model_type": 3},
		}},
		{gpt2, gpt2Arrays, []config{
			{"n_head": 0}, {"n_head": 5}, {"n_layer": -1}, {"n_embd": nil}, {"n_positions": 0}, {"n_inner": 0}, {"activation_function": "relu"},
			{"scale_attn_by_inverse_layer_idx": true}, {"scale_attn_weights": false}, {"vocab_size": 1 << 50},
		}},
		{bert, bertArrays, []config{
			{"num_attention_heads": 0}, {"num_attention_heads": 7}, {"hidden_act": "swish"}, {"position_embedding_type": "relative_key"}, {"id2label": []string{"bad"}},
			{"id2label": map[string]int{"0": 1}}, {"type_vocab_size": 0}, {"layer_norm_eps": 2},
		}},
	} {
		for _, bad := range family.bad {
			changed := config{}
			for k, v := range family.config {
				changed[k] = v
			}
			field := ""
			for k, v := range bad {
				field = k
				if v == nil {
					delete(changed, k)
				} else {
					changed[k] = v
				}
			}
			want := field
			if field == "rope_scaling" || field == "model_type" {
				want = strings.TrimSuffix(field, "_scaling")
				want = strings.TrimSuffix(want, "model_type")
			}
			_, err := model.Load(tiny.Open(t, "tiny", tiny.Files(changed, family.arrays, 1)))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: error %v", bad, err)
			}
		}
	}
}

// TestBadTensors leaves out, or reshapes, every tensor in turn: the error names it.
func TestBadTensors(t *testing.T) {
	for name, made := range map[string]func() (tiny.Config, []tiny.Array){
		"llama": func() (tiny.Config, []tiny.Array) {
			return tiny.Llama(tiny.Config{"attention_bias": true, "mlp_bias": true})
		},
		"gpt2": func() (tiny.Config, []tiny.Array) { return tiny.GPT2("transformer.") },
		"bert": func() (tiny.Config, []tiny.Array) { return tiny.BERT("bert.", true) },
	} {
		config, arrays := made()
		for i, a := range arrays {
			if a.Name == "bert.pooler.dense.weight" || a.Name == "classifier.weight" {
				continue // a model may lack these
			}
			without := append(append([]tiny.Array(nil), arrays[:i]...), arrays[i+1:]...)
			wide := append([]int(nil), a.Shape...)
			wide[len(wide)-1]++
			for what, list := range map[string][]tiny.Array{"missing": without, "too wide": append([]tiny.Array{{Name: a.Name, Shape: wide}}, without...), "three dimensions": append([]tiny.Array{{Name: a.Name, Shape: append([]int{1}, wide...)}}, without...)} {
				_, err := model.Load(tiny.Open(t, name, tiny.Files(config, list, 1)))
				if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(a.Name, "transformer.")) && !strings.Contains(err.Error(), "wte") && !strings.Contains(err.Error(), "word_embeddings") {
					t.Errorf("%s %s: error %v", a.Name, what, err)
				}
			}
		}
	}
}

// FuzzConfig loads a small model with any config.json: an error or a model that knows its shape, and never a panic.
func FuzzConfig(f *testing.F) {
	var models []fstest.MapFS
	for _, made := range []func() (tiny.Config, []tiny.Array){
		func() (tiny.Config, []tiny.Array) { return tiny.Llama(nil) },
		func() (tiny.Config, []tiny.Array) { return tiny.GPT2("") },
		func() (tiny.Config, []tiny.Array) { return tiny.BERT("", true) },
	} {
		config, arrays := made()
		models = append(models, tiny.Files(config, arrays, 1))
		data, err := json.Marshal(config)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"model_type":"llama","num_hidden_layers":1e18,"rope_scaling":{"rope_type":"llama3"}}`))
	f.Add([]byte(`{"model_type":"bert","num_attention_heads":1e-400}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, files := range models {
			files = fstest.MapFS{"model.safetensors": files["model.safetensors"], "config.json": {Data: data}}
			c, err := checkpoint.OpenFS(files, "fuzzed")
			if err != nil {
				t.Fatal(err)
			}
			if m, err := model.Load(c); err == nil && (m.Info().Layers < 1 || m.Info().Heads < 1 || m.Info().Dim != tiny.Dim) {
				t.Error(fmt.Sprintf("%s loads as %+v", data, m.Info()))
			}
			c.Close()
		}
	})
}
