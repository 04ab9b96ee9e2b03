package llama

import (
	"fmt"

	"spatten/checkpoint"
	"spatten/model/batch"
	"spatten/model/param"
	"spatten/tensor"
)

// layer holds the weights of one layer; a bias that the model does not have is nil.
type layer struct {
	attentionNorm []float32       // Dim
	q, k, v       *tensor.Weights // Heads·D × Dim, KVHeads·D × Dim twice
	qb, kb, vb    []float32
	o             *tensor.Weights // Dim × Heads·D
	ob            []float32
	mlpNorm       []float32       // Dim
	gate, up      *tensor.Weights // Hidden × Dim
	gateb, upb    []float32
	down          *tensor.Weights // Dim × Hidden
	downb         []float32
}

// Model is a loaded model of the family. It is read-only and may be shared.
type Model struct {
	config      Config
	info        batch.Info
	embedding   *tensor.Weights // Vocab × Dim
	layers      []layer
	norm        []float32 // Dim
	head        *tensor.Weights
	frequencies []float32 // D/2
}

// names of a layer's tensors, behind its prefix.
type names struct {
	embedding, layer, norm, head              string
	attentionNorm, q, k, v, o                 string
	mlpNorm, gate, up, down, rotationDivisors string
}

var (
	huggingFace = names{
		embedding: "model.embed_tokens", layer: "model.layers.%d.", norm: "model.norm", head: "lm_head",
		attentionNorm: "input_layernorm", q: "self_attn.q_proj", k: "self_attn.k_proj", v: "self_attn.v_proj", o: "self_attn.o_proj",
		mlpNorm: "post_attention_layernorm", gate: "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj",
	}
	ggml = names{
		embedding: "token_embd", layer: "blk.%d.", norm: "output_norm", head: "output",
		attentionNorm: "attn_norm", q: "attn_q", k: "attn_k", v: "attn_v", o: "attn_output",
		mlpNorm: "ffn_norm", gate: "ffn_gate", up: "ffn_up", down: "ffn_down", rotationDivisors: "rope_freqs.weight",
	}
)

// Load reads a model. Matrices stay where the checkpoint maps them.
func Load(ck *checkpoint.Checkpoint) (*Model, error) {
	c, err := config(ck)
	if err != nil {
		return nil, err
	}
	m, t, at := &Model{config: c}, param.From(ck), huggingFace
	if c.Rope.Interleaved {
		at = ggml
	}
	if !t.Has(at.embedding+".weight") && t.Has("embed_tokens.weight") { // saved without its head
		at.embedding, at.layer, at.norm = "embed_tokens", "layers.%d.", "norm"
	}
	m.embedding = t.Matrix(at.embedding+".weight", c.Vocab, c.Dim)
	for i := range c.Layers {
		if t.Err() != nil {
			return nil, t.Err()
		}
		m.layers = append(m.layers, readLayer(t, c, at, fmt.Sprintf(at.layer, i)))
	}
	m.norm = t.Vector(at.norm+".weight", c.Dim)
	m.head = m.embedding
	if name := at.head + ".weight"; !c.Tied || c.Rope.Interleaved && t.Has(name) {
		m.head = t.Matrix(name, c.Vocab, c.Dim)
	}
	var divisors []float32
	if at.rotationDivisors != "" {
		divisors = t.VectorIf(at.rotationDivisors, c.HeadDim/2)
	}
	if t.Err() != nil {
		return nil, t.Err()
	}
	for i, d := range divisors {
		if !(d > 0) {
			return nil, fmt.Errorf("model: tensor %s: factor %d is %g, not positive", at.rotationDivisors, i, d)
		}
	}
	m.frequencies = c.Rope.frequencies(c.HeadDim, divisors)
	m.info = batch.Info{
		Architecture: "llama", Layers: c.Layers, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim,
		Dim: c.Dim, Hidden: c.Hidden, Vocab: c.Vocab, MaxPositions: c.Positions, Causal: true,
		Parameters: t.Parameters, WeightBytes: t.Bytes,
	}
	return m, nil
}

func readLayer(t *param.Tensors, c Config, at names, prefix string) layer {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	matrix := func(name string, out, in int) *tensor.Weights { return t.Matrix(prefix+name+".weight", out, in) }
	bias := func(name string, n int, must bool) []float32 {
		if must {
			return t.Vector(prefix+name+".bias", n)
		}
		return t.VectorIf(prefix+name+".bias", n)
	}
	return layer{
		attentionNorm: t.Vector(prefix+at.attentionNorm+".weight", c.Dim),
		q:             matrix(at.q, q, c.Dim), qb: bias(at.q, q, c.AttentionBias),
		k: matrix(at.k, kv, c.Dim), kb: bias(at.k, kv, c.AttentionBias),
		v: matrix(at.v, kv, c.Dim), vb: bias(at.v, kv, c.AttentionBias),
		o: matrix(at.o, c.Dim, q), ob: bias(at.o, c.Dim, c.AttentionBias),
		mlpNorm: t.Vector(prefix+at.mlpNorm+".weight", c.Dim),
		gate:    matrix(at.gate, c.Hidden, c.Dim), gateb: bias(at.gate, c.Hidden, c.MLPBias),
		up: matrix(at.up, c.Hidden, c.Dim), upb: bias(at.up, c.Hidden, c.MLPBias),
		down: matrix(at.down, c.Dim, c.Hidden), downb: bias(at.down, c.Dim, c.MLPBias),
	}
}
