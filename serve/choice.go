package serve

import (
	"spatten/generate"
	"spatten/generate/sample"
	"spatten/serve/openai"
)

// count adds a finished text to the answer's usage.
func (a *answer) count(r *generate.Result) {
	u := &a.usage
	u.CompletionTokens += len(r.IDs)
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	if u.Spatten == nil {
		u.Spatten = &openai.Saved{Precision: a.model.gen.CPU.Precision().String()}
		if s, e := a.model.pruning(a.sampling.Spatten, r.PromptTokens+a.sampling.Limit()); e == nil && s != nil {
			u.Spatten.Schedule, u.Spatten.ScheduleHash = s.Name, s.Hash()
		}
	}
	live, length := 0, r.PromptTokens+len(r.IDs)
	for _, n := range r.Live {
		live += n
	}
	saved := u.Spatten
	saved.TokensKept = float64(live) / float64(max(1, length*len(r.Live)))
	saved.KVBytes += r.Cost.Spatten.KVBytes
	saved.DenseKVBytes += r.Cost.DenseFP32.KVBytes
	saved.CacheBytes += r.CacheBytes
	if r.Cost.Queries > 0 {
		saved.LSBsRequested = float64(r.Cost.Recomputed) / float64(r.Cost.Queries)
	}
}

// finished is a whole choice.
func (a *answer) finished(index int, r *generate.Result, tokens []generate.Token) openai.Choice {
	reason := string(r.Finish)
	c := openai.Choice{Index: index, FinishReason: &reason, LogProbs: a.logProbs(tokens)}
	if a.chat {
		c.Message = &openai.Reply{Role: "assistant", Content: r.Text}
	} else {
		c.Text = &r.Text
	}
	return c
}

// piece is a chunk's choice: what one token adds.
func (a *answer) piece(index int, t generate.Token) openai.Choice {
	c := openai.Choice{Index: index, LogProbs: a.logProbs([]generate.Token{t})}
	if a.chat {
		c.Delta = &openai.Delta{Content: t.Text}
	} else {
		c.Text = &t.Text
	}
	return c
}

// logProbs lists tokens with their probabilities, in the form of the interface that was called; nil where none were
// asked for.
func (a *answer) logProbs(tokens []generate.Token) *openai.LogProbs {
	if a.top < 0 {
		return nil
	}
	t := a.model.gen.Tokenizer
	text := func(id int32) string { return t.Decode([]int32{id}, false) }
	l := &openai.LogProbs{}
	for _, token := range tokens {
		piece := text(token.ID)
		if a.chat {
			entry := openai.TokenLogProb{Token: piece, LogProb: token.LogProb, Bytes: ints(piece), TopLogProbs: []openai.TopLogProb{}}
			for _, alt := range token.Top {
				entry.TopLogProbs = append(entry.TopLogProbs, openai.TopLogProb{Token: text(alt.ID), LogProb: alt.LogProb, Bytes: ints(text(alt.ID))})
			}
			l.Content = append(l.Content, entry)
			continue
		}
		l.Tokens = append(l.Tokens, piece)
		l.TokenLogProbs = append(l.TokenLogProbs, token.LogProb)
		l.TopLogProbs = append(l.TopLogProbs, named(token.Top, text))
	}
	return l
}

func named(top []sample.LogProb, text func(int32) string) map[string]float64 {
	m := make(map[string]float64, len(top))
	for _, alt := range top {
		m[text(alt.ID)] = alt.LogProb
	}
	return m
}

// ints lists a text's bytes as clients expect them.
func ints(s string) []int {
	b := make([]int, len(s))
	for i := range len(s) {
		b[i] = int(s[i])
	}
	return b
}
