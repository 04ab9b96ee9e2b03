package tokenizer

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"spatten/checkpoint"
	"spatten/internal/shared"
)

// open returns the tokenizer of a model of ../shared.
func open(t testing.TB, parts ...string) *Tokenizer {
	t.Helper()
	c, err := checkpoint.Open(shared.Path(t, append([]string{"models"}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	tok, err := FromCheckpoint(c)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// oracle reads a file of ../shared/reference/oracle.
func oracle(t testing.TB, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(shared.Path(t, "reference", "oracle", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatal(err)
	}
}

// TestOracle checks ids, round trips and offsets with the options that a model has by default.
func TestOracle(t *testing.T) {
	for _, m := range []struct {
		model, file string
		exactText   bool
	}{
		{"smollm2-135m-instruct", "smollm2_tokenizer.json", true},
		{"tiny-gpt2-f16", "gpt2_tokenizer.json", true},
		{"tiny-gpt2-f16", "tiny_gpt2.json", true},
		{"tiny-llama-bf16-sharded", "tiny_llama.json", true},
		{"tiny-bert-f32", "tiny_bert.json", false},
		{"minilm-l6-v2-f16", "minilm.json", false},
	} {
		t.Run(m.file, func(t *testing.T) {
			tok := open(t, m.model)
			type entry struct {
				Text string
				IDs  []int32
			}
			var file struct{ Strings, Cases []entry }
			oracle(t, m.file, &file)
			cases := append(file.Strings, file.Cases...)
			if len(cases) < 5 {
				t.Fatalf("%d cases", len(cases))
			}
			for _, c := range cases {
				tokens := tok.Encode(c.Text, tok.DefaultOptions())
				if got := IDs(tokens); !slices.Equal(got, c.IDs) {
					t.Errorf("%q:\n got %v\nwant %v", c.Text, got, c.IDs)
				}
				if !m.exactText {
					continue
				}
				if got := tok.Decode(c.IDs, false); got != c.Text {
					t.Errorf("decoded %q, want %q", got, c.Text)
				}
				at := 0
				for _, tk := range tokens {
					if tk.Start != at {
						t.Errorf("%q: token %+v begins at %d, the one before ends at %d", c.Text, tk, tk.Start, at)
					}
					at = tk.End
				}
				if at != len(c.Text) {
					t.Errorf("%q: tokens end at %d of %d", c.Text, at, len(c.Text))
				}
			}
		})
	}
}

func TestOracleWholeFile(t *testing.T) {
	tok := open(t, "smollm2-135m-instruct")
	var want struct {
		File     string
		N        int     `json:"n_tokens"`
		First    []int32 `json:"first64"`
		Last     []int32 `json:"last16"`
		Middle   []int32 `json:"tokens_32768_33k"`
		SumOfIDs int64   `json:"sum_of_ids"`
	}
	oracle(t, "smollm2_wikitext2_tokens.json", &want)
	text, err := os.ReadFile(shared.Path(t, "data", "wikitext2", want.File))
	if err != nil {
		t.Fatal(err)
	}
	ids := IDs(tok.Encode(string(text), tok.DefaultOptions()))
	sum := int64(0)
	for _, id := range ids {
		sum += int64(id)
	}
	if len(ids) != want.N || sum != want.SumOfIDs {
		t.Fatalf("%d tokens with sum %d, want %d with %d", len(ids), sum, want.N, want.SumOfIDs)
	}
	if !slices.Equal(ids[:64], want.First) || !slices.Equal(ids[len(ids)-16:], want.Last) ||
		!slices.Equal(ids[32768-8:][:len(want.Middle)], want.Middle) {
		t.Error("the samples of the file differ")
	}
}
