// Package gpt2 is part of stage 5, model. It reads the rows of a batch and writes hidden states and logits of GPT-2:
// learned positions, LayerNorm before each block, GELU by tanh, tied head (Radford et al., "Language Models are
// Unsupervised Multitask Learners", 2019).
package gpt2

import (
	"spatten/checkpoint"
	"spatten/model/param"
)

// Config is the shape of a model.
type Config struct {
	Layers, Heads, HeadDim        int
	Dim, Hidden, Vocab, Positions int
	Epsilon                       float32
	Tied                          bool
}

// fromJSON reads config.json as Hugging Face writes it.
func fromJSON(n *param.Numbers) (Config, error) {
	c := Config{
		Layers:    n.Int("n_layer", 1, param.MaxLayers),
		Heads:     n.Int("n_head", 1, param.MaxHeads),
		Dim:       n.Int("n_embd", 1, param.MaxDim),
		Vocab:     n.Int("vocab_size", 1, param.MaxVocab),
		Positions: n.Int("n_positions", 1, param.MaxPositions),
		Epsilon:   float32(n.FloatOr("layer_norm_epsilon", 1e-5, 0, 1)),
		Tied:      n.BoolOr("tie_word_embeddings", true),
	}
	c.Hidden = n.IntOr("n_inner", 4*c.Dim, 1, param.MaxHidden)
	if act := n.StringOr("activation_function", "gelu_new"); act != "gelu_new" && act != "gelu_pytorch_tanh" {
		n.Fail("activation_function", "%q is not supported, only gelu_new", act)
	}
	if !n.BoolOr("scale_attn_weights", true) {
		n.Fail("scale_attn_weights", "false is not supported")
	}
	if n.BoolOr("scale_attn_by_inverse_layer_idx", false) {
		n.Fail("scale_attn_by_inverse_layer_idx", "true is not supported")
	}
	c.split(n, "n_head")
	return c, n.Err()
}

// fromGGUF reads the metadata of GGUF; vocab is what the embedding holds.
func fromGGUF(n *param.Numbers, vocab int) (Config, error) {
	c := Config{
		Layers:    n.Int("gpt2.block_count", 1, param.MaxLayers),
		Heads:     n.Int("gpt2.attention.head_count", 1, param.MaxHeads),
		Dim:       n.Int("gpt2.embedding_length", 1, param.MaxDim),
		Hidden:    n.Int("gpt2.feed_forward_length", 1, param.MaxHidden),
		Vocab:     n.IntOr("gpt2.vocab_size", vocab, 1, param.MaxVocab),
		Positions: n.Int("gpt2.context_length", 1, param.MaxPositions),
		Epsilon:   float32(n.FloatOr("gpt2.attention.layer_norm_epsilon", 1e-5, 0, 1)),
		Tied:      true, // unless there is an output matrix
	}
	c.split(n, "gpt2.attention.head_count")
	return c, n.Err()
}

// split divides the model's width among its heads.
func (c *Config) split(n *param.Numbers, heads string) {
	if n.Err() != nil {
		return
	}
	if c.Dim%c.Heads != 0 {
		n.Fail(heads, "%d heads do not divide a width of %d", c.Heads, c.Dim)
	}
	c.HeadDim = c.Dim / c.Heads
	if c.HeadDim > param.MaxHeadDim {
		n.Fail(heads, "a head would be %d wide, more than %d", c.HeadDim, param.MaxHeadDim)
	}
}

// config reads the configuration of a checkpoint of either kind.
func config(ck *checkpoint.Checkpoint) (c Config, gguf bool, err error) {
	n, gguf, err := param.Open(ck)
	if err != nil {
		return c, gguf, err
	}
	if gguf {
		c, err = fromGGUF(n, param.Rows(ck, "token_embd.weight"))
	} else {
		c, err = fromJSON(n)
	}
	return c, gguf, err
}
