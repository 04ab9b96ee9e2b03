package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

// TestWordPieceFromGGUF writes the vocabulary of a tokenizer.json the way GGUF does and reads the golden texts.
func TestWordPieceFromGGUF(t *testing.T) {
	all := readGolden(t, "testdata/golden.json.gz")
	g := all[slices.IndexFunc(all, func(g golden) bool { return g.Name == "bert" })]
	want, err := FromJSON(g.Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	n := slices.Index(want.vocab.pieces, "<|end|>") // added tokens stay out
	m := values{"tokenizer.ggml.model": "bert", "tokenizer.ggml.unknown_token_id": uint64(1)}
	var tokens []string
	var types []int64
	for _, p := range want.vocab.pieces[:n] {
		kind := int64(1)
		if strings.HasPrefix(p, "[") && strings.HasSuffix(p, "]") {
			kind = typeControl
		} else if rest, inside := strings.CutPrefix(p, "##"); inside {
			p = rest
		} else {
			p = "▁" + p
		}
		tokens, types = append(tokens, p), append(types, kind)
	}
	m["tokenizer.ggml.tokens"], m["tokenizer.ggml.token_type"] = tokens, types
	got, err := FromGGUF(m)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, c := range g.Cases {
		if strings.Contains(c.Text, "<") || c.Pair != nil && strings.Contains(*c.Pair, "<") {
			continue
		}
		compared++
		o := Options{AddSpecial: c.Special, ParseSpecial: c.Parse, Pair: c.Pair, MaxTokens: c.Limit}
		if tokens := got.Encode(c.Text, o); !slices.Equal(tokens, want.Encode(c.Text, o)) {
			t.Errorf("%q: %v, want %v", c.Text, tokens, want.Encode(c.Text, o))
		}
	}
	if compared < 30 {
		t.Errorf("%d texts compared", compared)
	}
	if s := got.Decode([]int32{2, 1, 3}, true); s != "" {
		t.Errorf("special tokens decode to %q", s)
	}
	delete(m, "tokenizer.ggml.unknown_token_id")
	tokens[2] = "▁none"
	if _, err := FromGGUF(m); err == nil || !strings.Contains(err.Error(), "cls_token_id") {
		t.Errorf("without [CLS]: %v", err)
	}
}
