package tokenizer

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// file returns a small tokenizer.json with one field set to other JSON.
func file(field, value string) string {
	fields := map[string]string{
		"version": `"1.0"`, "truncation": "null", "padding": "null", "added_tokens": "[]", "normalizer": "null",
		"pre_tokenizer": "null", "post_processor": "null", "decoder": "null",
		"model": `{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}`,
	}
	fields[field] = value
	var list []string
	for k, v := range fields {
		list = append(list, fmt.Sprintf("%q:%s", k, v))
	}
	slices.Sort(list)
	return "{" + strings.Join(list, ",") + "}"
}

func TestHostileJSON(t *testing.T) {
	deep := strings.Repeat(`{"type":"Sequence","normalizers":[`, 50) + `{"type":"NFC"}` + strings.Repeat(`]}`, 50)
	for _, c := range []struct{ name, json, want string }{
		{"not JSON", "GGUF", "invalid character"},
		{"cut off", file("model", "null")[:40], "unexpected EOF"},
		{"unknown field", `{"modell":{}}`, "modell"},
		{"no model", file("model", "null"), "model: missing"},
		{"Unigram", file("model", `{"type":"Unigram","vocab":[]}`), `"Unigram" is not supported`},
		{"absent token", file("model", `{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}`), `no token "ab"`},
		{"absent part", file("model", `{"type":"BPE","vocab":{"a":0,"ab":1},"merges":[["a","b"]]}`), `no token "b"`},
		{"merge of three", file("model", `{"type":"BPE","vocab":{"a":0},"merges":["a a a"]}`), "not two pieces"},
		{"merge of one", file("model", `{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}`), "merge of 1 pieces"},
		{"negative id", file("model", `{"type":"BPE","vocab":{"a":-1},"merges":[]}`), "negative id"},
		{"huge id", file("model", `{"type":"BPE","vocab":{"a":2000000000},"merges":[]}`), "out of range"},
		{"id beyond 32 bits", file("model", `{"type":"BPE","vocab":{"a":99999999999},"merges":[]}`), "number 99999999999"},
		{"id twice", file("model", `{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}`), "two tokens"},
		{"dropout", file("model", `{"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]}`), "dropout"},
		{"unknown token missing", file("model", `{"type":"WordPiece","unk_token":"?","vocab":{"a":0}}`), `unk_token "?"`},
		{"deep normalizers", file("normalizer", deep), "nest deeper"},
		{"unknown normalizer", file("normalizer", `{"type":"Precompiled"}`), `normalizer: type "Precompiled"`},
		{"unknown setting", file("normalizer", `{"type":"NFC","level":3}`), `unknown field "level"`},
		{"unknown pre-tokenizer", file("pre_tokenizer", `{"type":"UnicodeScripts"}`), `pre_tokenizer: type "UnicodeScripts"`},
		{"look-behind", file("pre_tokenizer", `{"type":"Split","pattern":{"Regex":"(?<=a)b"},"behavior":"Isolated"}`), "look-around"},
		{"possessive", file("pre_tokenizer", `{"type":"Split","pattern":{"Regex":"a++"},"behavior":"Isolated"}`), "possessive"},
		{"huge repeat", file("pre_tokenizer", `{"type":"Split","pattern":{"Regex":"(a{1000}){1000}"},"behavior":"Isolated"}`), "invalid repeat"},
		{"large program", file("pre_tokenizer", `{"type":"Split","pattern":{"Regex":"(a?b?){900}"},"behavior":"Isolated"}`), "too large"},
		{"growing text", file("normalizer", `{"type":"Sequence","normalizers":[`+strings.Repeat(`{"type":"Replace","pattern":{"String":"a"},"content":"aa"},`, 40)+`{"type":"NFC"}]}`), "times as long"},
		{"many steps", file("normalizer", `{"type":"Sequence","normalizers":[`+strings.Repeat(`{"type":"NFC"},`, 400)+`{"type":"NFC"}]}`), "more than 64 components"},
		{"long words", file("model", `{"type":"WordPiece","max_input_chars_per_word":1000000000,"vocab":{"[UNK]":0}}`), "max_input_chars_per_word 1000000000"},
		{"long prefix", file("model", `{"type":"BPE","continuing_subword_prefix":"`+strings.Repeat("#", 100)+`","vocab":{"a":0},"merges":[]}`), "more than 64 bytes"},
		{"long mark", file("pre_tokenizer", `{"type":"Metaspace","replacement":"  "}`), "not one character"},
		{"bad behavior", file("pre_tokenizer", `{"type":"Split","pattern":{"String":"a"},"behavior":"Gone"}`), "behavior"},
		{"bytes, then more", file("pre_tokenizer", `{"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Whitespace"}]}`), "Whitespace after ByteLevel"},
		{"template of unknown", file("post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{}}`), `"[CLS]" has no ids`},
		{"template id out of range", file("post_processor", `{"type":"BertProcessing","sep":["[SEP]",102],"cls":["[CLS]",-5]}`), "not in the vocabulary"},
		{"template without text", file("post_processor", `{"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}}`), "appears 0 times"},
		{"unknown decoder", file("decoder", `{"type":"CTC"}`), `decoder: type "CTC"`},
		{"added out of range", file("added_tokens", `[{"id":4000000000,"content":"x"}]`), "out of range"},
		{"added too long", file("added_tokens", `[{"id":3,"content":"`+strings.Repeat("x", 5000)+`"}]`), "5000 bytes long"},
	} {
		_, err := FromJSON([]byte(c.json))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
	}
}

func TestHostileGGUF(t *testing.T) {
	for _, c := range []struct {
		key   string
		value any
		want  string
	}{
		{"tokenizer.ggml.model", "rwkv", `"rwkv" is not supported`},
		{"tokenizer.ggml.model", uint64(7), "tokenizer.ggml.model is missing"},
		{"tokenizer.ggml.tokens", []string{}, "missing or empty"},
		{"tokenizer.ggml.token_type", []int64{1, 2}, "has 2 entries"},
		{"tokenizer.ggml.scores", []float64{1}, "has 1 entries"},
		{"tokenizer.ggml.bos_token_id", uint64(1 << 40), "not in the vocabulary"},
		{"tokenizer.ggml.eos_token_id", uint64(271), "not in the vocabulary"},
		{"tokenizer.ggml.add_eos_token", true, ""},
		{"tokenizer.ggml.model", "gpt2", "merges is missing"},
	} {
		m := sentencePieceMetadata()
		m[c.key] = c.value
		_, err := FromGGUF(m)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s = %v: error %v, want %q in it", c.key, c.value, err, c.want)
		}
	}
	m := sentencePieceMetadata()
	m["tokenizer.ggml.scores"].([]float64)[5] = math.NaN()
	if _, err := FromGGUF(m); err == nil {
		t.Error("a score that is not a number passes")
	}
	bytePairs := values{"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": []string{"a", "b"}, "tokenizer.ggml.merges": []string{"a b"}}
	if _, err := FromGGUF(bytePairs); err == nil || !strings.Contains(err.Error(), `no token "ab"`) {
		t.Errorf("a merge into nothing: %v", err)
	}
	bytePairs["tokenizer.ggml.pre"] = "viking"
	if _, err := FromGGUF(bytePairs); err == nil || !strings.Contains(err.Error(), `"viking"`) {
		t.Errorf("an unknown pre-tokenizer: %v", err)
	}
}

// TestPreTokenizers: every name that is listed makes a tokenizer.
func TestPreTokenizers(t *testing.T) {
	var tokens []string
	for _, r := range byteRune {
		tokens = append(tokens, string(r))
	}
	for name := range preTokenizers {
		tok, err := FromGGUF(values{"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": name, "tokenizer.ggml.tokens": tokens,
			"tokenizer.ggml.merges": []string{}, "tokenizer.ggml.bos_token_id": uint64(0)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkRoundTrip(t, tok, "It's 12345 <=> é\xff\r\n  x")
	}
}

func FuzzTokenizerJSON(f *testing.F) {
	f.Add([]byte(file("version", `"1.0"`)), "ab a")
	f.Add([]byte(file("model", `{"type":"WordPiece","unk_token":"a","vocab":{"a":0,"##b":7}}`)), "ab a")
	f.Add([]byte(file("pre_tokenizer", `{"type":"Split","pattern":{"Regex":"\\s+(?!\\S)|\\s+"},"behavior":"Contiguous","invert":true}`)), "a  b")
	f.Add([]byte(file("normalizer", `{"type":"Replace","pattern":{"String":""},"content":"x"}`)), "a")
	f.Add([]byte(file("added_tokens", `[{"id":3,"content":" ","lstrip":true,"rstrip":true,"normalized":true,"special":false,"single_word":true}]`)), "a   b")
	for _, g := range readGolden(f, "testdata/golden.json.gz") {
		f.Add([]byte(g.Tokenizer), g.Cases[9].Text)
	}
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		tok, err := FromJSON(raw)
		if err != nil {
			return
		}
		for _, tk := range tok.Encode(text, Options{AddSpecial: true, ParseSpecial: true, Pair: &text, MaxTokens: 100}) {
			if tk.Start < 0 || tk.End > len(text) || tk.Start > tk.End || tk.ID < 0 || int(tk.ID) >= tok.Vocab() {
				t.Fatalf("token %+v of %q", tk, text)
			}
			tok.Decode([]int32{tk.ID}, true)
		}
	})
}

func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "Hello, world!", "it's  2024\r\n", "é\xff\xe2\x82", "日本語 😀 <|end|>"} {
		f.Add(s)
	}
	g := readGolden(f, "testdata/golden.json.gz")
	tok, err := FromJSON(g[slices.IndexFunc(g, func(g golden) bool { return g.Name == "smollm" })].Tokenizer)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) { checkRoundTrip(t, tok, s) })
}
