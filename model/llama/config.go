// Package llama is part of stage 5, model. It reads the rows of a batch and writes hidden states and logits of the
// Llama family: RMSNorm, rotary positions, grouped queries, SwiGLU (Touvron et al., arXiv 2302.13971 and 2307.09288;
// frequency scaling as in Llama 3.1).
package llama

import (
	"spatten/checkpoint"
	"spatten/model/param"
)

// Config is the shape of a model.
type Config struct {
	Layers, Heads, KVHeads, HeadDim int
	Dim, Hidden, Vocab, Positions   int
	Epsilon                         float32
	AttentionBias, MLPBias, Tied    bool
	Rope                            Rope
}

// fromJSON reads config.json as Hugging Face writes it.
func fromJSON(n *param.Numbers) (Config, error) {
	c := Config{
		Layers:        n.Int("num_hidden_layers", 1, param.MaxLayers),
		Heads:         n.Int("num_attention_heads", 1, param.MaxHeads),
		Dim:           n.Int("hidden_size", 1, param.MaxDim),
		Hidden:        n.Int("intermediate_size", 1, param.MaxHidden),
		Vocab:         n.Int("vocab_size", 1, param.MaxVocab),
		Positions:     n.IntOr("max_position_embeddings", 2048, 1, param.MaxPositions),
		Epsilon:       float32(n.FloatOr("rms_norm_eps", 1e-6, 0, 1)),
		AttentionBias: n.BoolOr("attention_bias", false),
		MLPBias:       n.BoolOr("mlp_bias", false),
		Tied:          n.BoolOr("tie_word_embeddings", false),
	}
	if act := n.StringOr("hidden_act", "silu"); act != "silu" {
		n.Fail("hidden_act", "%q is not supported, only silu", act)
	}
	c.heads(n, "num_key_value_heads", "head_dim")
	c.Rope = ropeFromJSON(n, c)
	return c, n.Err()
}

// fromGGUF reads the metadata of GGUF; vocab is what the embedding holds.
func fromGGUF(n *param.Numbers, vocab int) (Config, error) {
	c := Config{
		Layers:    n.Int("llama.block_count", 1, param.MaxLayers),
		Heads:     n.Int("llama.attention.head_count", 1, param.MaxHeads),
		Dim:       n.Int("llama.embedding_length", 1, param.MaxDim),
		Hidden:    n.Int("llama.feed_forward_length", 1, param.MaxHidden),
		Vocab:     n.IntOr("llama.vocab_size", vocab, 1, param.MaxVocab),
		Positions: n.Int("llama.context_length", 1, param.MaxPositions),
		Epsilon:   float32(n.FloatOr("llama.attention.layer_norm_rms_epsilon", 1e-5, 0, 1)),
		Tied:      true, // unless there is an output matrix
	}
	c.heads(n, "llama.attention.head_count_kv", "llama.attention.key_length")
	c.Rope = ropeFromGGUF(n, c)
	return c, n.Err()
}

// heads reads how the query heads share key/value heads, and how wide a head is.
func (c *Config) heads(n *param.Numbers, kvHeads, headDim string) {
	c.KVHeads = n.IntOr(kvHeads, c.Heads, 1, param.MaxHeads)
	if n.Err() != nil {
		return
	}
	if c.Heads%c.KVHeads != 0 {
		n.Fail(kvHeads, "%d key/value heads cannot be shared by %d query heads", c.KVHeads, c.Heads)
	}
	if !n.Has(headDim) && c.Dim%c.Heads != 0 {
		n.Fail(headDim, "is missing, and %d is no multiple of %d heads", c.Dim, c.Heads)
	}
	c.HeadDim = n.IntOr(headDim, c.Dim/c.Heads, 1, param.MaxHeadDim)
	if c.HeadDim%2 != 0 {
		n.Fail(headDim, "%d is odd, but rotary embedding turns pairs", c.HeadDim)
	}
}

// config reads the configuration of a checkpoint of either kind.
func config(ck *checkpoint.Checkpoint) (Config, error) {
	n, gguf, err := param.Open(ck)
	if err != nil {
		return Config{}, err
	}
	if !gguf {
		return fromJSON(n)
	}
	return fromGGUF(n, param.Rows(ck, "token_embd.weight"))
}
