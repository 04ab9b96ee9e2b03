package eval

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"spatten/attention"
	"spatten/model"
	"spatten/tokenizer"
)

// Needles says where facts are hidden: at every one of Depths equally spaced depths of a text of each of Lengths tokens
// (question included), Repeats facts, drawn by the seed. (Kamradt, "Needle in a haystack", 2023; the fact and the question are
// those of the passkey-like tasks of Hsieh et al., "RULER", arXiv 2404.06654.)
type Needles struct {
	Lengths []int  `json:"lengths"`
	Depths  int    `json:"depths"`
	Repeats int    `json:"repeats"`
	Seed    uint64 `json:"seed"`
}

// Needle is one fact that was hidden and asked for.
type Needle struct {
	Length int     `json:"length"`
	Depth  float64 `json:"depth"` // 0 is the beginning of the text, 1 its end
	Secret string  `json:"secret"`
	Answer string  `json:"answer"`
	Dense  string  `json:"dense_answer"`
	Found  bool    `json:"found"`
	Before bool    `json:"dense_found"`
}

// Retrieval is how many facts a model finds again, pruned beside dense.
type Retrieval struct {
	Found        float64  `json:"found"` // share
	Found95      Interval `json:"found_95"`
	DenseFound   float64  `json:"dense_found"`
	P            float64  `json:"p_value"` // of a difference at least so large by chance (McNemar's exact test)
	Count        int      `json:"needles"`
	Model        string   `json:"model"`
	Schedule     string   `json:"schedule"`
	ScheduleHash string   `json:"schedule_hash"`
	ByNeedle     []Needle `json:"by_needle"`
}

// answerTokens is the number of tokens in which the answer must come.
const answerTokens = 12

// cities are what facts are about.
var cities = []string{"Lisbon", "Oslo", "Cairo", "Lima", "Prague", "Dublin", "Quito", "Seoul"}

// Retrieve hides facts in a text and asks for them.
func (r *Runner) Retrieve(ctx context.Context, haystack Text, n Needles, s *attention.Schedule) (*Retrieval, error) {
	info := r.Model.Info()
	if !info.Causal {
		return nil, fmt.Errorf("eval: %s is an encoder; retrieval is of language models", info.Name)
	}
	if n.Depths < 1 || n.Repeats < 1 || len(n.Lengths) == 0 {
		return nil, fmt.Errorf("eval: %d lengths, %d depths and %d repeats; at least one of each", len(n.Lengths), n.Depths, n.Repeats)
	}
	hay := tokenizer.IDs(r.Tokenizer.Encode(haystack.Text, tokenizer.Options{}))
	draw := rand.New(rand.NewPCG(n.Seed, 0))
	out := &Retrieval{Model: info.Name, Schedule: "dense"}
	if s != nil {
		out.Schedule, out.ScheduleHash = s.Name, s.Hash()
	}
	total := len(n.Lengths) * n.Depths * n.Repeats
	for _, length := range n.Lengths {
		for i := range n.Depths * n.Repeats {
			needle := Needle{Length: length, Depth: float64(i%n.Depths) / float64(max(1, n.Depths-1)), Secret: fmt.Sprint(10000 + draw.IntN(90000))}
			ids, err := r.hide(hay, haystack.Name, cities[draw.IntN(len(cities))], &needle)
			if err != nil {
				return nil, err
			}
			if needle.Dense, needle.Answer, err = r.ask(ctx, ids, s); err != nil {
				return nil, err
			}
			needle.Found, needle.Before = strings.Contains(needle.Answer, needle.Secret), strings.Contains(needle.Dense, needle.Secret)
			out.ByNeedle = append(out.ByNeedle, needle)
			r.progress(len(out.ByNeedle), total)
		}
	}
	out.sum()
	return out, nil
}

// sum counts what was found.
func (r *Retrieval) sum() {
	r.Count = len(r.ByNeedle)
	var found, before, only, lost int
	for _, n := range r.ByNeedle {
		switch {
		case n.Found && n.Before:
			found, before = found+1, before+1
		case n.Found:
			found, only = found+1, only+1
		case n.Before:
			before, lost = before+1, lost+1
		}
	}
	r.Found, r.DenseFound = float64(found)/float64(r.Count), float64(before)/float64(r.Count)
	r.Found95, r.P = wilson(found, r.Count), mcnemar(only, lost)
}

// hide returns the tokens of a text with a fact in it and the question at its end.
func (r *Runner) hide(hay []int32, name, city string, n *Needle) ([]int32, error) {
	encode := func(text string) []int32 { return tokenizer.IDs(r.Tokenizer.Encode(text, tokenizer.Options{})) }
	fact := encode(fmt.Sprintf("\nThe special magic number for %s is %s.\n", city, n.Secret))
	ask := encode(fmt.Sprintf("\nQuestion: What is the special magic number for %s?\nAnswer: The special magic number for %s is", city, city))
	room := n.Length - len(fact) - len(ask)
	switch {
	case n.Length+answerTokens > r.Model.Info().MaxPositions:
		return nil, fmt.Errorf("eval: %w: %d tokens and an answer of %d, the model has %d positions", model.ErrContext, n.Length, answerTokens, r.Model.Info().MaxPositions)
	case room < 0:
		return nil, fmt.Errorf("eval: the fact and its question take %d tokens, more than %d", n.Length-room, n.Length)
	case room > len(hay):
		return nil, fmt.Errorf("eval: %s has %d tokens, %d are needed", name, len(hay), room)
	}
	at := int(n.Depth * float64(room))
	ids := append([]int32(nil), hay[:at]...)
	ids = append(append(ids, fact...), hay[at:room]...)
	return append(ids, ask...), nil
}

// ask continues tokens with the likeliest ones, dense and under a schedule.
func (r *Runner) ask(ctx context.Context, ids []int32, s *attention.Schedule) (dense, pruned string, err error) {
	logits := make([]float32, r.Model.Info().Vocab)
	seq, err := r.read(ctx, ids, nil, logits)
	if err != nil {
		return "", "", err
	}
	defer seq.Close()
	first := slices.Clone(logits)
	prunedSeq := seq
	switch {
	case s != nil && r.shares(s):
		if prunedSeq, err = seq.Refit(s); err != nil {
			return "", "", fmt.Errorf("eval: %w", err)
		}
		defer prunedSeq.Close()
	case s != nil:
		if prunedSeq, err = r.read(ctx, ids, s, first); err != nil {
			return "", "", err
		}
		defer prunedSeq.Close()
	}
	if dense, err = r.greedy(ctx, seq, logits); err != nil || s == nil {
		return dense, dense, err
	}
	pruned, err = r.greedy(ctx, prunedSeq, first)
	return dense, pruned, err
}

// greedy continues what a sequence has read with the likeliest tokens; logits are those after what it has read.
func (r *Runner) greedy(ctx context.Context, seq *attention.Sequence, logits []float32) (string, error) {
	var answer []int32
	for {
		answer = append(answer, int32(largest(logits)))
		if len(answer) == answerTokens {
			return r.Tokenizer.Decode(answer, false), nil
		}
		if err := r.pass(ctx, model.Chunk{Seq: seq, Tokens: answer[len(answer)-1:], Last: true, Want: model.Logits, Out: logits}); err != nil {
			return "", err
		}
	}
}
