// Package bert is part of stage 5, model. It reads the rows of a batch and writes class logits or sentence embeddings
// of BERT-like encoders (Devlin et al., arXiv 1810.04805; pooled sentence embeddings: Reimers and Gurevych, arXiv
// 1908.10084).
package bert

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"spatten/checkpoint"
	"spatten/model/batch"
	"spatten/model/param"
)

// Config is the shape of a model.
type Config struct {
	Layers, Heads, HeadDim        int
	Dim, Hidden, Vocab, Positions int
	Types                         int // segments
	Epsilon                       float32
	TanhGELU                      bool // GELU by tanh instead of by the error function
	Labels                        []string
	Pooling                       batch.Pooling
	Normalize                     bool
}

// fromJSON reads config.json as Hugging Face writes it.
func fromJSON(n *param.Numbers) Config {
	c := Config{
		Layers:    n.Int("num_hidden_layers", 1, param.MaxLayers),
		Heads:     n.Int("num_attention_heads", 1, param.MaxHeads),
		Dim:       n.Int("hidden_size", 1, param.MaxDim),
		Hidden:    n.Int("intermediate_size", 1, param.MaxHidden),
		Vocab:     n.Int("vocab_size", 1, param.MaxVocab),
		Positions: n.Int("max_position_embeddings", 1, param.MaxPositions),
		Types:     n.IntOr("type_vocab_size", 2, 1, param.MaxLabels),
		Epsilon:   float32(n.FloatOr("layer_norm_eps", 1e-12, 0, 1)),
		Labels:    labels(n),
		Pooling:   batch.PoolMean,
	}
	switch act := n.StringOr("hidden_act", "gelu"); act {
	case "gelu":
	case "gelu_new", "gelu_pytorch_tanh":
		c.TanhGELU = true
	default:
		n.Fail("hidden_act", "%q is not supported, only gelu and gelu_new", act)
	}
	if p := n.StringOr("position_embedding_type", "absolute"); p != "absolute" {
		n.Fail("position_embedding_type", "%q is not supported, only absolute", p)
	}
	c.split(n, "num_attention_heads")
	return c
}

// fromGGUF reads the metadata of GGUF; vocab and types are what the embeddings hold.
func fromGGUF(n *param.Numbers, vocab, types int) Config {
	c := Config{
		Layers:    n.Int("bert.block_count", 1, param.MaxLayers),
		Heads:     n.Int("bert.attention.head_count", 1, param.MaxHeads),
		Dim:       n.Int("bert.embedding_length", 1, param.MaxDim),
		Hidden:    n.Int("bert.feed_forward_length", 1, param.MaxHidden),
		Vocab:     n.IntOr("bert.vocab_size", vocab, 1, param.MaxVocab),
		Positions: n.Int("bert.context_length", 1, param.MaxPositions),
		Types:     n.IntOr("tokenizer.ggml.token_type_count", types, 1, param.MaxLabels),
		Epsilon:   float32(n.FloatOr("bert.attention.layer_norm_epsilon", 1e-12, 0, 1)),
		Labels:    n.Strings("bert.classifier.output_labels"),
	}
	// llama.cpp's llama_pooling_type.
	switch p := n.IntOr("bert.pooling_type", 1, 0, 4); p {
	case 0, 1:
		c.Pooling = batch.PoolMean
	case 2, 4:
		c.Pooling = batch.PoolCLS
	default:
		n.Fail("bert.pooling_type", "%d is not supported, only mean (1), cls (2) and rank (4)", p)
	}
	c.Normalize = len(c.Labels) == 0 // as llama.cpp's embeddings are
	c.split(n, "bert.attention.head_count")
	return c
}

// labels reads id2label: an object whose keys are 0 … n−1.
func labels(n *param.Numbers) []string {
	names, ok := n.Object("id2label")
	if !ok {
		return nil
	}
	var out []string
	for len(out) < param.MaxLabels {
		id := strconv.Itoa(len(out))
		if !names.Has(id) {
			break
		}
		out = append(out, names.StringOr(id, ""))
	}
	if names.Err() != nil {
		n.Fail("id2label", "%v", names.Err())
	}
	return out
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
	if !gguf {
		c = fromJSON(n)
		if n.Err() != nil {
			return c, gguf, n.Err()
		}
		return c, gguf, c.pooling(ck)
	}
	c = fromGGUF(n, param.Rows(ck, "token_embd.weight"), param.Rows(ck, "token_types.weight"))
	if n.Err() != nil {
		return c, gguf, n.Err()
	}
	if len(c.Labels) > 0 {
		return c, gguf, nil
	}
	if data, err := ck.File("config.json"); err == nil { // the labels' names, which GGUF need not have
		side, err := param.JSON("config.json of "+ck.Name(), data)
		if err != nil {
			return c, gguf, err
		}
		if c.Labels = labels(side); side.Err() != nil {
			return c, gguf, side.Err()
		}
	}
	return c, gguf, nil
}

// pooling reads what sentence-transformers writes beside a model: modules.json and 1_Pooling/config.json.
func (c *Config) pooling(ck *checkpoint.Checkpoint) error {
	data, err := ck.File("1_Pooling/config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	n, err := param.JSON("1_Pooling/config.json of "+ck.Name(), data)
	if err != nil {
		return err
	}
	cls, mean := n.BoolOr("pooling_mode_cls_token", false), n.BoolOr("pooling_mode_mean_tokens", false)
	switch {
	case n.Err() != nil:
		return n.Err()
	case cls == mean:
		return errors.New("model: 1_Pooling/config.json: only pooling_mode_cls_token or pooling_mode_mean_tokens is supported, one of them")
	case cls:
		c.Pooling = batch.PoolCLS
	}
	data, err = ck.File("modules.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	c.Normalize, err = normalizes(data)
	return err
}
