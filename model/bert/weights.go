package bert

import (
	"fmt"
	"strconv"

	"spatten/checkpoint"
	"spatten/model/batch"
	"spatten/model/param"
	"spatten/tensor"
)

// norm is a LayerNorm's gain and bias.
type norm struct{ gain, bias []float32 }

// layer holds the weights of one layer.
type layer struct {
	q, k, v, o    batch.Linear // Dim × Dim
	attentionNorm norm
	up, down      batch.Linear // Hidden × Dim, Dim × Hidden
	mlpNorm       norm
}

// Model is a loaded model of the family. It is read-only and may be shared.
type Model struct {
	config             Config
	info               batch.Info
	words              *tensor.Weights // Vocab × Dim
	positions          *tensor.Weights // Positions × Dim
	types              *tensor.Weights // Types × Dim
	norm               norm
	layers             []layer
	pooler, classifier batch.Linear // Dim × Dim, Labels × Dim; nil where the model has none
}

// names of the tensors.
type names struct {
	words, positions, types, norm string
	layer, q, k, v, o             string
	attentionNorm, up, down       string
	mlpNorm, pooler, classifier   string
}

var (
	huggingFace = names{
		words: "embeddings.word_embeddings", positions: "embeddings.position_embeddings",
		types: "embeddings.token_type_embeddings", norm: "embeddings.LayerNorm",
		layer: "encoder.layer.%d.", q: "attention.self.query", k: "attention.self.key", v: "attention.self.value",
		o: "attention.output.dense", attentionNorm: "attention.output.LayerNorm",
		up: "intermediate.dense", down: "output.dense", mlpNorm: "output.LayerNorm",
		pooler: "pooler.dense", classifier: "classifier",
	}
	ggml = names{
		words: "token_embd", positions: "position_embd", types: "token_types", norm: "token_embd_norm",
		layer: "blk.%d.", q: "attn_q", k: "attn_k", v: "attn_v", o: "attn_output", attentionNorm: "attn_output_norm",
		up: "ffn_up", down: "ffn_down", mlpNorm: "layer_output_norm", pooler: "cls", classifier: "cls.output",
	}
)

// Load reads a model. Matrices stay where the checkpoint maps them.
func Load(ck *checkpoint.Checkpoint) (*Model, error) {
	c, gguf, err := config(ck)
	if err != nil {
		return nil, err
	}
	m, t, at, prefix := &Model{}, param.From(ck), huggingFace, ""
	if gguf {
		at = ggml
	} else if t.Has("bert." + at.words + ".weight") {
		prefix = "bert."
	}
	m.words = t.Matrix(prefix+at.words+".weight", c.Vocab, c.Dim)
	m.positions = t.Matrix(prefix+at.positions+".weight", c.Positions, c.Dim)
	m.types = t.Matrix(prefix+at.types+".weight", c.Types, c.Dim)
	m.norm = readNorm(t, prefix+at.norm, c.Dim)
	for i := range c.Layers {
		if t.Err() != nil {
			return nil, t.Err()
		}
		m.layers = append(m.layers, readLayer(t, c, at, prefix+fmt.Sprintf(at.layer, i)))
	}
	if n := param.Rows(ck, at.classifier+".weight"); n > 0 {
		c.nameLabels(n)
		m.classifier = readProduct(t, at.classifier, n, c.Dim)
		if name := prefix + at.pooler; t.Has(name + ".weight") {
			m.pooler = readProduct(t, name, c.Dim, c.Dim)
		}
	} else {
		c.Labels = nil
	}
	if t.Err() != nil {
		return nil, t.Err()
	}
	m.config = c
	m.info = batch.Info{
		Architecture: "bert", Layers: c.Layers, Heads: c.Heads, KVHeads: c.Heads, HeadDim: c.HeadDim,
		Dim: c.Dim, Hidden: c.Hidden, Vocab: c.Vocab, MaxPositions: c.Positions,
		Labels: c.Labels, Pooling: c.Pooling, Normalize: c.Normalize,
		Parameters: t.Parameters, WeightBytes: t.Bytes,
	}
	return m, nil
}

// nameLabels makes as many labels as the classifier has outputs. A classifier reads [CLS].
func (c *Config) nameLabels(n int) {
	c.Pooling, c.Normalize = batch.PoolCLS, false
	if len(c.Labels) == n {
		return
	}
	c.Labels = make([]string, n)
	for i := range c.Labels {
		c.Labels[i] = "LABEL_" + strconv.Itoa(i)
	}
}

func readLayer(t *param.Tensors, c Config, at names, prefix string) layer {
	return layer{
		q:             readProduct(t, prefix+at.q, c.Dim, c.Dim),
		k:             readProduct(t, prefix+at.k, c.Dim, c.Dim),
		v:             readProduct(t, prefix+at.v, c.Dim, c.Dim),
		o:             readProduct(t, prefix+at.o, c.Dim, c.Dim),
		attentionNorm: readNorm(t, prefix+at.attentionNorm, c.Dim),
		up:            readProduct(t, prefix+at.up, c.Hidden, c.Dim),
		down:          readProduct(t, prefix+at.down, c.Dim, c.Hidden),
		mlpNorm:       readNorm(t, prefix+at.mlpNorm, c.Dim),
	}
}

func readProduct(t *param.Tensors, name string, out, in int) batch.Linear {
	return batch.Linear{W: t.Matrix(name+".weight", out, in), Bias: t.Vector(name+".bias", out)}
}

func readNorm(t *param.Tensors, name string, n int) norm {
	return norm{t.Vector(name+".weight", n), t.Vector(name+".bias", n)}
}
