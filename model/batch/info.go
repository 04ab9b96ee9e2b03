// Package batch is part of stage 5, model. It reads tokens and running sequences and writes the rows that a model's
// layers compute on: the rows of several sequences stand together for the products with weights and apart for
// attention, and a row that is pruned leaves at once. The three families share it; it knows none of them.
package batch

import "spatten/attention"

// Info describes a model to those who do not care which family it is.
type Info struct {
	Name         string   `json:"name"`
	Architecture string   `json:"architecture"` // "bert", "gpt2", "llama"
	Layers       int      `json:"layers"`
	Heads        int      `json:"heads"`    // query heads, H
	KVHeads      int      `json:"kv_heads"` // key/value heads, G
	HeadDim      int      `json:"head_dim"` // D
	Dim          int      `json:"model_dim"`
	Hidden       int      `json:"hidden_dim"` // of the feed-forward
	Vocab        int      `json:"vocab"`
	MaxPositions int      `json:"max_positions"`
	Causal       bool     `json:"causal"`
	Labels       []string `json:"labels,omitempty"` // of the classification head, where there is one
	Pooling      Pooling  `json:"pooling,omitempty"`
	Normalize    bool     `json:"normalize,omitempty"` // embeddings have length 1
	Parameters   int64    `json:"parameters"`
	WeightBytes  int64    `json:"weight_bytes"` // as stored
}

// Shape is what attention has to know of the model.
func (i *Info) Shape() attention.Shape {
	return attention.Shape{Layers: i.Layers, Heads: i.Heads, KVHeads: i.KVHeads, HeadDim: i.HeadDim, Causal: i.Causal}
}

// Size returns how many floats a chunk of n tokens that wants w is answered with.
func (i *Info) Size(w Want, n int) int {
	head := i.Vocab
	if !i.Causal {
		head = len(i.Labels)
	}
	switch w {
	case Logits:
		return head
	case AllLogits:
		return n * head
	case Embedding:
		return i.Dim
	}
	return 0
}

// Pooling says which hidden states of an encoder its answer is made from.
type Pooling string

// The poolings of sentence encoders. A causal model reads its last token.
const (
	PoolCLS  Pooling = "cls"
	PoolMean Pooling = "mean"
	PoolLast Pooling = "last"
)

// Want says what of a chunk is asked for. Only rows that are wanted reach the model's head.
type Want uint8

// What a chunk can be asked for.
const (
	Nothing   Want = iota // a chunk of a prompt that is not the last: it only fills the cache
	Logits                // a language model: of the last token; a classifier: one for each label
	AllLogits             // a language model: of every token; NaN for a token that was pruned before the last layer
	Embedding             // the pooled hidden state
)
