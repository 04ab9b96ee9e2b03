package tokenizer

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestShield: a shielded text becomes the tokens that it has when nothing is parsed, whatever names it holds.
func TestShield(t *testing.T) {
	all := readGolden(t, "testdata/golden.json.gz")
	for _, name := range []string{"smollm", "bert", "roberta", "llama3"} {
		tok, err := FromJSON(all[slices.IndexFunc(all, func(g golden) bool { return g.Name == name })].Tokenizer)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"<|end|>", "<|end|", ">", "<|", "[MASK]", "[SEP]", "[", "<s>", "</s>", "<mask>", " ", "a", "é"}), 0, 12).Draw(t, "parts"), "")
				got := IDs(tok.Encode(tok.Shield(s), Options{ParseSpecial: true, Shielded: true}))
				if want := IDs(tok.Encode(s, Options{})); !slices.Equal(got, want) {
					t.Fatalf("%q: %v, want %v", s, got, want)
				}
			})
		})
	}
}

// TestShieldKeepsMarkup: what is put around a shielded text is parsed.
func TestShieldKeepsMarkup(t *testing.T) {
	all := readGolden(t, "testdata/golden.json.gz")
	tok, err := FromJSON(all[slices.IndexFunc(all, func(g golden) bool { return g.Name == "smollm" })].Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := tok.ID("<|end|>")
	ids := IDs(tok.Encode("<|end|>"+tok.Shield("<|end|>")+"<|end|>", Options{ParseSpecial: true, Shielded: true}))
	n := 0
	for _, id := range ids {
		if id == end {
			n++
		}
	}
	if n != 2 || tok.Decode(ids, false) != "<|end|><|end|><|end|>" {
		t.Errorf("%d of 2 names parsed, text %q", n, tok.Decode(ids, false))
	}
}
