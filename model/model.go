// Package model is stage 5, tokens to layers: it reads a checkpoint and token ids and writes hidden states, logits and
// embeddings, with attention as the running sequences do it. The families are bert, gpt2 and llama; what they share
// is in batch.
package model

import (
	"fmt"
	"path/filepath"
	"strings"

	"spatten/checkpoint"
	"spatten/model/batch"
	"spatten/model/bert"
	"spatten/model/gpt2"
	"spatten/model/llama"
	"spatten/model/param"
	"spatten/tensor"
)

// The types of a pass, which the families share.
type (
	Info  = batch.Info
	Chunk = batch.Chunk
	Want  = batch.Want
	Batch = batch.Batch
)

// What a chunk can be asked for.
const (
	Nothing   = batch.Nothing
	Logits    = batch.Logits
	AllLogits = batch.AllLogits
	Embedding = batch.Embedding
)

// ErrContext is returned for a sequence that would grow past the model's positions.
var ErrContext = batch.ErrContext

// Model is a loaded model. It is read-only: several goroutines may share it, each with its own CPU and Batch.
type Model interface {
	Info() *Info
	// Forward runs the chunks, each of its own sequence, in one pass and fills in their Out. The numbers of a chunk do
	// not depend on the others in the batch. After an error from attention itself the sequences must be closed; other
	// errors leave them as they were.
	Forward(cpu *tensor.CPU, b *Batch, chunks []Chunk) error
}

// Load reads a model of any family. The checkpoint must stay open as long as the model is used.
func Load(c *checkpoint.Checkpoint) (Model, error) {
	architecture, err := family(c)
	if err != nil {
		return nil, err
	}
	var m Model
	switch architecture {
	case "bert":
		m, err = bert.Load(c)
	case "gpt2":
		m, err = gpt2.Load(c)
	case "llama":
		m, err = llama.Load(c)
	default:
		err = fmt.Errorf("architecture %q is not supported, only bert, gpt2 and llama", architecture)
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", c.Name(), err)
	}
	m.Info().Name = name(c)
	return m, nil
}

// family reads which family a checkpoint belongs to.
func family(c *checkpoint.Checkpoint) (string, error) {
	n, gguf, err := param.Open(c)
	if err != nil {
		return "", err
	}
	field := "model_type"
	if gguf {
		field = "general.architecture"
	}
	architecture := n.StringOr(field, "")
	if architecture == "" {
		n.Fail(field, "is missing: which architecture is it?")
	}
	return architecture, n.Err()
}

// name is how records and reports call a model: the last part of the path, without its extension.
func name(c *checkpoint.Checkpoint) string {
	base := filepath.Base(filepath.Clean(c.Name()))
	for _, ext := range []string{".gguf", ".safetensors"} {
		base = strings.TrimSuffix(base, ext)
	}
	return base
}
