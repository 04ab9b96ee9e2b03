package gpt2

import (
	"fmt"

	"spatten/checkpoint"
	"spatten/model/batch"
	"spatten/model/param"
	"spatten/tensor"
)

// layer holds the weights of one layer.
type layer struct {
	attentionGain, attentionBias []float32       // Dim
	q, k, v, o                   *tensor.Weights // Dim × Dim
	qb, kb, vb, ob               []float32       // Dim
	mlpGain, mlpBias             []float32       // Dim
	up                           *tensor.Weights // Hidden × Dim
	down                         *tensor.Weights // Dim × Hidden
	upb, downb                   []float32
}

// Model is a loaded model of the family. It is read-only and may be shared.
type Model struct {
	config     Config
	info       batch.Info
	embedding  *tensor.Weights // Vocab × Dim
	positions  *tensor.Weights // Positions × Dim
	layers     []layer
	gain, bias []float32 // of the last LayerNorm, Dim
	head       *tensor.Weights
}

// names of the tensors.
type names struct {
	embedding, positions, layer, norm, head       string
	attentionNorm, qkv, output, mlpNorm, up, down string
	turned                                        bool // matrices lie with one row for each input (Conv1D)
}

var (
	huggingFace = names{
		embedding: "wte", positions: "wpe", layer: "h.%d.", norm: "ln_f", head: "lm_head",
		attentionNorm: "ln_1", qkv: "attn.c_attn", output: "attn.c_proj", mlpNorm: "ln_2", up: "mlp.c_fc", down: "mlp.c_proj",
		turned: true,
	}
	ggml = names{
		embedding: "token_embd", positions: "position_embd", layer: "blk.%d.", norm: "output_norm", head: "output",
		attentionNorm: "attn_norm", qkv: "attn_qkv", output: "attn_output", mlpNorm: "ffn_norm", up: "ffn_up", down: "ffn_down",
	}
)

// Load reads a model. Matrices stay where the checkpoint maps them, but for Hugging Face's, which lie turned and are
// copied.
func Load(ck *checkpoint.Checkpoint) (*Model, error) {
	c, gguf, err := config(ck)
	if err != nil {
		return nil, err
	}
	m, t, at, prefix := &Model{config: c}, param.From(ck), huggingFace, ""
	if gguf {
		at = ggml
	} else if t.Has("transformer." + at.embedding + ".weight") {
		prefix = "transformer."
	}
	m.embedding = t.Matrix(prefix+at.embedding+".weight", c.Vocab, c.Dim)
	m.positions = t.Matrix(prefix+at.positions+".weight", c.Positions, c.Dim)
	for i := range c.Layers {
		if t.Err() != nil {
			return nil, t.Err()
		}
		m.layers = append(m.layers, readLayer(t, c, at, prefix+fmt.Sprintf(at.layer, i)))
	}
	m.gain, m.bias = t.Vector(prefix+at.norm+".weight", c.Dim), t.Vector(prefix+at.norm+".bias", c.Dim)
	m.head = m.embedding
	if name := at.head + ".weight"; !c.Tied || gguf && t.Has(name) {
		m.head = t.Matrix(name, c.Vocab, c.Dim)
	}
	if t.Err() != nil {
		return nil, t.Err()
	}
	m.info = batch.Info{
		Architecture: "gpt2", Layers: c.Layers, Heads: c.Heads, KVHeads: c.Heads, HeadDim: c.HeadDim,
		Dim: c.Dim, Hidden: c.Hidden, Vocab: c.Vocab, MaxPositions: c.Positions, Causal: true,
		Parameters: t.Parameters, WeightBytes: t.Bytes,
	}
	return m, nil
}

func readLayer(t *param.Tensors, c Config, at names, prefix string) layer {
	product := func(name string, in, out, parts int) ([]*tensor.Weights, []float32) {
		bias := t.Vector(prefix+name+".bias", out*parts)
		if at.turned {
			return t.TurnedParts(prefix+name+".weight", in, out, parts), bias
		}
		return t.MatrixParts(prefix+name+".weight", out, in, parts), bias
	}
	var l layer
	l.attentionGain = t.Vector(prefix+at.attentionNorm+".weight", c.Dim)
	l.attentionBias = t.Vector(prefix+at.attentionNorm+".bias", c.Dim)
	qkv, qkvb := product(at.qkv, c.Dim, c.Dim, 3)
	o, ob := product(at.output, c.Dim, c.Dim, 1)
	l.mlpGain = t.Vector(prefix+at.mlpNorm+".weight", c.Dim)
	l.mlpBias = t.Vector(prefix+at.mlpNorm+".bias", c.Dim)
	up, upb := product(at.up, c.Dim, c.Hidden, 1)
	down, downb := product(at.down, c.Hidden, c.Dim, 1)
	if t.Err() != nil {
		return l
	}
	l.q, l.k, l.v, l.o, l.up, l.down = qkv[0], qkv[1], qkv[2], o[0], up[0], down[0]
	l.qb, l.kb, l.vb = qkvb[:c.Dim], qkvb[c.Dim:2*c.Dim], qkvb[2*c.Dim:]
	l.ob, l.upb, l.downb = ob, upb, downb
	return l
}
