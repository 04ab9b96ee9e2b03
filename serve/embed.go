package serve

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"

	"spatten/attention"
	"spatten/model"
	"spatten/serve/openai"
	"spatten/tokenizer"
)

// embedBatch is the number of texts that pass an encoder together.
const embedBatch = 16

// embed answers POST /v1/embeddings.
func (s *Server) embed(w http.ResponseWriter, r *http.Request) {
	var q openai.EmbeddingRequest
	e := openai.Decode(r.Body, &q)
	if e == nil {
		e = q.Check()
	}
	var m *Model
	if e == nil {
		m, e = s.model(q.Model, (*Model).embeds)
	}
	if e == nil && !m.embeds() {
		e = openai.BadRequest("model", "%s is a language model; embeddings need an encoder", m.ID)
	}
	if e == nil && q.Dimensions != nil && *q.Dimensions != m.gen.Model.Info().Dim {
		e = openai.BadRequest("dimensions", "%s gives %d numbers, not %d", m.ID, m.gen.Model.Info().Dim, *q.Dimensions)
	}
	var vectors [][]float32
	var tokens int
	if e == nil {
		vectors, tokens, e = m.embeddings(r, &q)
	}
	if e != nil {
		e.Write(w)
		return
	}
	out := openai.Embeddings{Object: "list", Model: m.ID, Usage: openai.Usage{PromptTokens: tokens, TotalTokens: tokens}}
	for i, v := range vectors {
		out.Data = append(out.Data, openai.Embedding{Object: "embedding", Index: i, Embedding: encoded(v, q.EncodingFormat)})
	}
	writeJSON(w, out)
}

// encoded is a vector in the form that was asked for.
func encoded(v []float32, format string) any {
	if format != "base64" {
		return v
	}
	var bytes []byte
	for _, f := range v {
		bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(f))
	}
	return base64.StdEncoding.EncodeToString(bytes)
}

// embeddings passes the texts through the encoder, some at a time.
func (m *Model) embeddings(r *http.Request, q *openai.EmbeddingRequest) (vectors [][]float32, tokens int, e *openai.Error) {
	schedule, e := m.pruning(q.Spatten, m.gen.Model.Info().MaxPositions)
	if e != nil {
		return nil, 0, e
	}
	info := m.gen.Model.Info()
	texts := make([][]int32, len(q.Input))
	for i, text := range q.Input {
		if len(text) > m.server.config.PromptSize {
			return nil, 0, openai.BadRequest("input", "input %d has %d bytes, at most %d are allowed", i, len(text), m.server.config.PromptSize)
		}
		o := m.gen.Tokenizer.DefaultOptions()
		o.AddSpecial = true
		if o.MaxTokens == 0 || o.MaxTokens > info.MaxPositions {
			o.MaxTokens = info.MaxPositions
		}
		texts[i] = tokenizer.IDs(m.gen.Tokenizer.Encode(text, o))
		tokens += len(texts[i])
	}
	var batch model.Batch
	for first := 0; first < len(texts); first += embedBatch {
		if r.Context().Err() != nil {
			return nil, 0, interrupted(r.Context())
		}
		part, e := m.embedSome(&batch, texts[first:min(first+embedBatch, len(texts))], schedule)
		if e != nil {
			return nil, 0, e
		}
		vectors = append(vectors, part...)
	}
	return vectors, tokens, nil
}

func (m *Model) embedSome(batch *model.Batch, texts [][]int32, schedule *attention.Schedule) ([][]float32, *openai.Error) {
	info := m.gen.Model.Info()
	chunks := make([]model.Chunk, len(texts))
	vectors := make([][]float32, len(texts))
	for i, ids := range texts {
		seq, err := attention.NewSequence(info.Shape(), schedule, attention.Options{})
		if err != nil {
			return nil, openai.BadRequest("spatten", "%v", err)
		}
		defer seq.Close()
		vectors[i] = make([]float32, info.Size(model.Embedding, len(ids)))
		chunks[i] = model.Chunk{Seq: seq, Tokens: ids, Last: true, Want: model.Embedding, Out: vectors[i]}
	}
	m.server.turn.Lock()
	defer m.server.turn.Unlock()
	if err := m.gen.Model.Forward(m.gen.CPU, batch, chunks); err != nil {
		return nil, openai.BadRequest("input", "%v", err)
	}
	return vectors, nil
}
