package tokenizer

import (
	"os"
	"strings"
	"testing"

	"spatten/internal/shared"
)

func benchmarkEncode(b *testing.B, model, text string) {
	tok := open(b, model)
	o := tok.DefaultOptions()
	o.MaxTokens = 0
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		tok.Encode(text, o)
	}
}

func BenchmarkEncodeBook(b *testing.B) {
	raw, err := os.ReadFile(shared.Path(b, "data", "books", "carroll-alice.txt"))
	if err != nil {
		b.Fatal(err)
	}
	for _, model := range []string{"smollm2-135m-instruct", "tiny-gpt2-f16", "minilm-l6-v2-f16"} {
		b.Run(model, func(b *testing.B) { benchmarkEncode(b, model, string(raw)) })
	}
}

// BenchmarkEncodeOneLetter is the worst case of merging: one piece of a megabyte.
func BenchmarkEncodeOneLetter(b *testing.B) {
	benchmarkEncode(b, "tiny-gpt2-f16", strings.Repeat("a", 1<<20))
}

func BenchmarkEncodeBlanks(b *testing.B) {
	benchmarkEncode(b, "smollm2-135m-instruct", strings.Repeat(" ", 1<<20))
}

func BenchmarkLoad(b *testing.B) {
	for _, model := range []string{"smollm2-135m-instruct", "tiny-gpt2-f16", "minilm-l6-v2-f16"} {
		b.Run(model, func(b *testing.B) {
			for b.Loop() {
				open(b, model)
			}
		})
	}
}
