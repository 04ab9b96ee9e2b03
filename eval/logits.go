package eval

import (
	"context"
	"fmt"
	"slices"

	"spatten/model"
)

// TokenLogit is a token of the vocabulary with what a model gives it.
type TokenLogit struct {
	ID    int32   `json:"id"`
	Logit float32 `json:"logit"`
}

// logitRows is the number of tokens whose logits are held at once.
const logitRows = 64

// Top returns, dense, for every token of a text the n tokens that a language model takes for the likeliest to follow, best
// first; of equals the lower id.
func (r *Runner) Top(ctx context.Context, ids []int32, n int) ([][]TokenLogit, error) {
	info := r.Model.Info()
	seq, err := r.sequence(nil)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	defer seq.Close()
	var tops [][]TokenLogit
	out := make([]float32, min(logitRows, len(ids))*info.Vocab)
	for part := range slices.Chunk(ids, logitRows) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("eval: %w", err)
		}
		logits := out[:len(part)*info.Vocab]
		if err := r.Model.Forward(r.CPU, &r.batch, []model.Chunk{{Seq: seq, Tokens: part, Last: true, Want: model.AllLogits, Out: logits}}); err != nil {
			return nil, err
		}
		for row := range slices.Chunk(logits, info.Vocab) {
			tops = append(tops, top(row, n))
		}
	}
	return tops, nil
}

func top(logits []float32, n int) []TokenLogit {
	var best []TokenLogit
	for id, v := range logits {
		if len(best) == n && (n == 0 || v <= best[n-1].Logit) {
			continue
		}
		at := len(best)
		for at > 0 && best[at-1].Logit < v {
			at--
		}
		best = slices.Insert(best, at, TokenLogit{int32(id), v})
		best = best[:min(len(best), n)]
	}
	return best
}

// Answer passes one text, dense, and returns a classifier's logits, or an embedding.
func (r *Runner) Answer(ids, types []int32, want model.Want) ([]float32, error) {
	info := r.Model.Info()
	seq, err := r.sequence(nil)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	defer seq.Close()
	out := make([]float32, info.Size(want, len(ids)))
	err = r.Model.Forward(r.CPU, &r.batch, []model.Chunk{{Seq: seq, Tokens: ids, TypeIDs: types, Last: true, Want: want, Out: out}})
	return out, err
}
