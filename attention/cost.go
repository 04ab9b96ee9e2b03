package attention

import "spatten/attention/record"

// Cost is what a run read and computed, and what a dense run would have.
type Cost struct {
	Spatten   Amount    `json:"spatten"`
	DenseFP32 Amount    `json:"dense_fp32"`
	DenseFP16 Amount    `json:"dense_fp16"`
	Technique Technique `json:"by_technique"`

	// SummarizationKVBytes are the rows of K and V that the prompt's queries read, fetched once a layer and head. KVBytes of a
	// causal model counts the decode steps alone; an encoder has only these, and reports them as its KVBytes.
	SummarizationKVBytes int64 `json:"summarization_kv_bytes"`
	// ImportanceBytes are the importance scores read and written by rankings, which KVBytes leaves out.
	ImportanceBytes int64 `json:"importance_bytes"`
	TokenLayers     int64 `json:"token_layers"` // tokens that passed a layer
	DenseTokens     int64 `json:"dense_token_layers"`
	HeadLayers      int64 `json:"head_layers"` // heads that a pass of a layer computed
	DenseHeads      int64 `json:"dense_head_layers"`
	Queries         int64 `json:"queries"`    // of heads, with progressive quantization on
	Recomputed      int64 `json:"recomputed"` // of those, how many asked for LSBs
}

// numbers lists what a Cost counts.
func (c *Cost) numbers() []*int64 {
	return []*int64{
		&c.Spatten.KVBytes, &c.Spatten.Operations, &c.DenseFP32.KVBytes, &c.DenseFP32.Operations, &c.DenseFP16.KVBytes, &c.DenseFP16.Operations,
		&c.Technique.Tokens, &c.Technique.Heads, &c.Technique.Values, &c.Technique.Bits,
		&c.SummarizationKVBytes, &c.ImportanceBytes, &c.TokenLayers, &c.DenseTokens, &c.HeadLayers, &c.DenseHeads, &c.Queries, &c.Recomputed,
	}
}

// Add returns what two runs cost together.
func (c Cost) Add(d Cost) Cost {
	to, from := c.numbers(), d.numbers()
	for i := range to {
		*to[i] += *from[i]
	}
	return c
}

// Sub returns what c cost beyond d: the passes since d was taken.
func (c Cost) Sub(d Cost) Cost {
	to, from := c.numbers(), d.numbers()
	for i := range to {
		*to[i] -= *from[i]
	}
	return c
}

// Amount is bytes and operations (two a multiply-accumulate).
type Amount struct {
	KVBytes    int64 `json:"kv_bytes"`
	Operations int64 `json:"operations"`
}

// Technique says which technique left which bytes of K and V unread: they add up to dense fp32 less what was read.
type Technique struct {
	Tokens int64 `json:"tokens"`
	Heads  int64 `json:"heads"`
	Values int64 `json:"values"`
	Bits   int64 `json:"bits"`
}

// fc counts a product with weights, and what dense would have computed with all tokens and heads.
func (s *Sequence) countFC(kind record.FCKind, rows, in, out int) {
	s.cost.Spatten.Operations += 2 * int64(rows) * int64(in) * int64(out)
	denseRows := s.pass.tokens
	switch kind {
	case record.FCQuery:
		out = s.shape.Heads * s.shape.HeadDim
	case record.FCKey, record.FCValue:
		out = s.shape.KVHeads * s.shape.HeadDim
	case record.FCOutput:
		in = s.shape.Heads * s.shape.HeadDim
	case record.FCPooler, record.FCClassifier, record.FCLMHead:
		denseRows = rows
	}
	if s.pass.layer >= s.shape.Layers {
		denseRows = rows // after the last layer's attention a dense run too computes only the rows whose states are read
	}
	ops := 2 * int64(denseRows) * int64(in) * int64(out)
	s.cost.DenseFP32.Operations += ops
	s.cost.DenseFP16.Operations += ops
}

// countQueries counts the attention of one head's queries.
func (s *Sequence) countQueries(queries []record.Query, progressive bool) {
	for _, q := range queries {
		s.cost.Spatten.Operations += 2 * int64(s.shape.HeadDim) * (int64(q.Keys) + int64(q.LSBs) + int64(q.Values))
		if progressive {
			s.cost.Queries++
			if q.LSBs > 0 {
				s.cost.Recomputed++
			}
		}
	}
}

// countDense counts what dense attention would have computed and read in a layer of the current pass.
func (s *Sequence) countDense() {
	n, t := int64(s.length), int64(s.pass.tokens)
	pairs := n * t
	if s.shape.Causal {
		pairs -= t * (t - 1) / 2
	}
	ops := 2 * 2 * int64(s.shape.Heads) * int64(s.shape.HeadDim) * pairs
	s.cost.DenseFP32.Operations += ops
	s.cost.DenseFP16.Operations += ops
	s.cost.DenseTokens += t
	s.cost.DenseHeads += int64(s.shape.Heads)
	if s.reads() {
		bytes := 2 * 4 * int64(s.shape.KVHeads) * int64(s.shape.HeadDim) * n
		s.cost.DenseFP32.KVBytes += bytes
		s.cost.DenseFP16.KVBytes += bytes / 2
	}
}

// reads reports whether the current pass's reading of the cache counts as KVBytes.
func (s *Sequence) reads() bool { return s.pass.stage == record.Generation || !s.shape.Causal }

// countGroup counts the rows read for one key/value head, of live rows in the layer.
func (s *Sequence) countGroup(g record.Group, live int) {
	if !s.reads() {
		s.cost.SummarizationKVBytes += g.Bytes
		return
	}
	s.cost.Spatten.KVBytes += g.Bytes
	if !s.shape.Causal {
		s.cost.SummarizationKVBytes += g.Bytes
	}
	d := int64(s.shape.HeadDim)
	s.cost.Technique.Tokens += 2 * 4 * d * int64(live-int(g.Keys)) // fell before the group's first head
	s.cost.Technique.Values += 4 * d * int64(g.Keys-g.Values)
	s.cost.Technique.Bits += 4*d*int64(int(g.Keys)+int(g.Values)) - g.Bytes
}

// countLayer attributes to tokens and heads what was not even looked at in a layer.
func (s *Sequence) countLayer(live, groups int) {
	if !s.reads() {
		return
	}
	d := int64(s.shape.HeadDim)
	s.cost.Technique.Tokens += 2 * 4 * d * int64(s.shape.KVHeads) * int64(s.length-live)
	s.cost.Technique.Heads += 2 * 4 * d * int64(s.shape.KVHeads-groups) * int64(live)
}
