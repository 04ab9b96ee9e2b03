package trace

import (
	"iter"

	"spatten/attention/record"
)

// Summary is what a trace amounts to, counted from its records alone.
type Summary struct {
	Run              record.Run     `json:"run"`
	Passes           int            `json:"passes"`
	Tokens           int            `json:"tokens"`           // of the sequence at the end of the run
	GeneratedTokens  int            `json:"generated_tokens"` // passes of the generation stage
	Queries          int64          `json:"queries"`          // queries of heads
	KeysScored       int64          `json:"keys_scored"`
	ValuesMultiplied int64          `json:"values_multiplied"`
	Recomputed       int64          `json:"recomputed"` // queries that asked for LSBs
	KVBytes          int64          `json:"kv_bytes"`   // read by the generation stage
	DenseFP32KVBytes int64          `json:"dense_fp32_kv_bytes"`
	DenseFP16KVBytes int64          `json:"dense_fp16_kv_bytes"`
	FCOperations     int64          `json:"fc_operations"` // two a multiply-accumulate
	AttentionOps     int64          `json:"attention_operations"`
	Layers           []LayerSummary `json:"layers"`
}

// LayerSummary is one layer of a Summary, as it stood when the run ended.
type LayerSummary struct {
	LiveTokens int     `json:"live_tokens"`
	LiveHeads  int     `json:"live_heads"`
	ValueShare float64 `json:"value_share"` // of the scored keys, over the whole run
	LSBShare   float64 `json:"lsb_share"`   // of the queries
	KVBytes    int64   `json:"kv_bytes"`

	queries, keys, values, recomputed int64
}

// Summarize reads records to their end and returns a summary for each of their runs.
func Summarize(records iter.Seq2[Record, error]) ([]Summary, error) {
	var all []Summary
	var s *Summary
	var pass record.Pass
	var layer *LayerSummary
	for rec, err := range records {
		if err != nil {
			return all, err
		}
		switch rec := rec.(type) {
		case *record.Run:
			all = append(all, Summary{Run: *rec, Layers: make([]LayerSummary, rec.Layers)})
			s = &all[len(all)-1]
		case *record.Pass:
			pass = *rec
			s.enter(rec)
		case *record.Layer:
			layer = &s.Layers[rec.Index]
			layer.LiveTokens, layer.LiveHeads = len(rec.Keys), len(rec.Heads)
			if pass.Stage == record.Generation {
				dense := int64(2*s.Run.KVHeads*s.Run.HeadDim) * int64(pass.First+pass.Tokens)
				s.DenseFP32KVBytes += 4 * dense
				s.DenseFP16KVBytes += 2 * dense
			}
		case *record.FC:
			s.FCOperations += 2 * int64(rec.Rows) * int64(rec.In) * int64(rec.Out)
		case *record.Head:
			s.head(rec, layer)
		case *record.Group:
			s.KVBytes += rec.Bytes
			layer.KVBytes += rec.Bytes
		case *End:
			for i := range s.Layers {
				s.Layers[i].close()
			}
		}
	}
	return all, nil
}

func (s *Summary) enter(p *record.Pass) {
	s.Passes++
	s.Tokens = max(s.Tokens, p.First+p.Tokens)
	if p.Stage == record.Generation {
		s.GeneratedTokens++
	}
}

func (s *Summary) head(h *record.Head, l *LayerSummary) {
	for _, q := range h.Queries {
		l.queries++
		l.keys += int64(q.Keys)
		l.values += int64(q.Values)
		s.Queries++
		s.KeysScored += int64(q.Keys)
		s.ValuesMultiplied += int64(q.Values)
		s.AttentionOps += 2 * int64(s.Run.HeadDim) * (int64(q.Keys) + int64(q.LSBs) + int64(q.Values))
		if q.LSBs > 0 {
			l.recomputed++
			s.Recomputed++
		}
	}
}

func (l *LayerSummary) close() {
	if l.keys > 0 {
		l.ValueShare = float64(l.values) / float64(l.keys)
	}
	if l.queries > 0 {
		l.LSBShare = float64(l.recomputed) / float64(l.queries)
	}
}
