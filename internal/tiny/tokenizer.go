package tiny

import (
	"encoding/json"
	"testing/fstest"
)

// End is the token that ends a text.
const End = Vocab - 1

// WithTokenizer adds a tokenizer to a model's files: the printable characters of ASCII and the line feed, one token
// each in their order (byte-level, without merges), and End.
func WithTokenizer(files fstest.MapFS) fstest.MapFS {
	vocab := map[string]int{"Ċ": 0, "<|end|>": End}
	for c := ' '; c <= '~'; c++ {
		piece := string(c)
		if c == ' ' {
			piece = "Ġ"
		}
		vocab[piece] = int(c-' ') + 1
	}
	data, _ := json.Marshal(map[string]any{
		"version": "1.0",
		"added_tokens": []any{map[string]any{
			"id": End, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
		}},
		"normalizer": nil, "post_processor": nil,
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"decoder":       map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"model":         map[string]any{"type": "BPE", "vocab": vocab, "merges": []string{}},
	})
	files["tokenizer.json"] = &fstest.MapFile{Data: data}
	return files
}
