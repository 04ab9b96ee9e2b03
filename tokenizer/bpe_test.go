package tokenizer

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// sample draws text that byte-level expressions care about: letters, digits, blanks, apostrophes, bytes.
func sample(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]string{" ", "  ", "\n", "\r\n", "\t", "'", "'s", "'LL", "'ſ", "a", "ab", "É", "日", "7", "½", "..", "\u00a0", "\u3000", "́", "\xff", "\xe2\x82", "😀"}),
		rapid.String(),
	), 0, 12).Draw(t, "parts"), "")
}

// TestScanners checks the scanners written by hand against the expressions that they stand for.
func TestScanners(t *testing.T) {
	for name, c := range map[string]struct {
		scan scanner
		expr string
	}{"gpt2": {scanGPT2, gpt2Expression}, "llama3": {scanLlama3, llama3Expression}, "qwen2": {scanQwen2, qwen2Expression}} {
		t.Run(name, func(t *testing.T) {
			want, err := compileExpression(c.expr)
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(t *rapid.T) {
				// Go's expressions and ours both read an invalid byte as U+FFFD.
				s := sample(t)
				if got, want := cutAll(c.scan, s), cutAll(want, s); !slices.Equal(got, want) {
					t.Fatalf("%q: %q, want %q", s, got, want)
				}
			})
		})
	}
}

func cutAll(p pattern, s string) (out []string) {
	cut{pattern: p, behaviour: isolated}.split(aligned{text: s}, func(a aligned) { out = append(out, a.text) })
	return out
}

// letters returns a byte-level BPE over a, b, c with some merges.
func letters(t interface{ Fatal(...any) }, merges ...[2]string) *bpe {
	ids := map[string]int32{"a": 0, "b": 1, "c": 2}
	for _, m := range merges {
		if _, ok := ids[m[0]+m[1]]; !ok {
			ids[m[0]+m[1]] = int32(len(ids))
		}
	}
	v, err := newVocabulary(ids)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBPE(v, merges, "")
	if err != nil {
		t.Fatal(err)
	}
	b.byteLevel()
	return b
}

// naiveBPE merges as the definition says: the best pair of all, again and again.
func naiveBPE(b *bpe, s string) []int32 {
	var ids []int32
	for i := range len(s) {
		ids = append(ids, b.first[s[i]])
	}
	for {
		best, at := rule{rank: 1 << 30}, -1
		for i := 0; i+1 < len(ids); i++ {
			if r, ok := b.merges[pairKey(ids[i], ids[i+1])]; ok && r.rank < best.rank {
				best, at = r, i
			}
		}
		if at < 0 {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, best.id)
	}
}

func TestMergeIsTheDefinition(t *testing.T) {
	all := [][2]string{{"a", "b"}, {"b", "c"}, {"ab", "c"}, {"a", "a"}, {"aa", "aa"}, {"a", "bc"}, {"c", "c"}, {"abc", "abc"}, {"b", "b"}, {"bb", "bb"}, {"aa", "b"}}
	rapid.Check(t, func(t *rapid.T) {
		var merges [][2]string
		known := map[string]bool{"a": true, "b": true, "c": true}
		for _, m := range rapid.Permutation(all).Draw(t, "merges") {
			if known[m[0]] && known[m[1]] {
				merges = append(merges, m)
				known[m[0]+m[1]] = true
			}
		}
		b := letters(t, merges...)
		s := rapid.StringMatching(`[abc]{0,60}`).Draw(t, "text")
		var got []int32
		n := 0
		for _, u := range b.segment(&workspace{}, s, nil) {
			got = append(got, u.id)
			n += u.n
		}
		if want := naiveBPE(b, s); !slices.Equal(got, want) || n != len(s) {
			t.Fatalf("%q: %v over %d bytes, want %v", s, got, n, want)
		}
	})
}

// values is metadata as Go values.
type values map[string]any

func lookup[T any](m values, key string) (T, bool) {
	v, ok := m[key].(T)
	return v, ok
}

func (m values) String(key string) (string, bool)    { return lookup[string](m, key) }
func (m values) Uint(key string) (uint64, bool)      { return lookup[uint64](m, key) }
func (m values) Bool(key string) (bool, bool)        { return lookup[bool](m, key) }
func (m values) Strings(key string) ([]string, bool) { return lookup[[]string](m, key) }
func (m values) Floats(key string) ([]float64, bool) { return lookup[[]float64](m, key) }
func (m values) Ints(key string) ([]int64, bool)     { return lookup[[]int64](m, key) }

func sentencePieceMetadata() values {
	tokens := []string{"<unk>", "<s>", "</s>"}
	types := []int64{2, 3, 3}
	scores := []float64{0, 0, 0}
	for b := range 256 {
		tokens = append(tokens, "<0x"+strings.ToUpper(hex(b))+">")
		types, scores = append(types, 6), append(scores, 0)
	}
	for i, p := range []string{"▁", "a", "b", "c", "▁a", "ab", "bc", "abc", "▁abc", "aa", "▁▁", "<x>"} {
		tokens = append(tokens, p)
		kind := int64(1)
		if p == "<x>" {
			kind = typeUser
		}
		types, scores = append(types, kind), append(scores, -float64(i*7%5))
	}
	return values{
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types, "tokenizer.ggml.scores": scores,
		"tokenizer.ggml.bos_token_id": uint64(1), "tokenizer.ggml.eos_token_id": uint64(2), "tokenizer.ggml.unknown_token_id": uint64(0),
	}
}

func hex(b int) string { return string("0123456789abcdef"[b>>4]) + string("0123456789abcdef"[b&15]) }

// TestSentencePieceIsTheDefinition joins the best-scored pair of all, again and again, the leftmost of equals.
func TestSentencePieceIsTheDefinition(t *testing.T) {
	tok, err := FromGGUF(sentencePieceMetadata())
	if err != nil {
		t.Fatal(err)
	}
	m := tok.model.(*sentencePiece)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[abc xé]{0,40}`).Draw(t, "text")
		var parts []string
		for _, r := range strings.ReplaceAll(" "+s, " ", "▁") {
			parts = append(parts, string(r))
		}
		if s == "" {
			parts = nil
		}
		for {
			at, best := -1, int32(1<<30)
			for i := 0; i+1 < len(parts); i++ {
				if id, ok := m.vocab.ids[parts[i]+parts[i+1]]; ok && m.rank[id] < best {
					at, best = i, m.rank[id]
				}
			}
			if at < 0 {
				break
			}
			parts = slices.Replace(parts, at, at+2, parts[at]+parts[at+1])
		}
		want := []string{}
		for _, p := range parts {
			if _, ok := m.vocab.ids[p]; ok {
				want = append(want, p)
				continue
			}
			for i := range len(p) {
				want = append(want, "<0x"+strings.ToUpper(hex(int(p[i])))+">")
			}
		}
		tokens := tok.Encode(s, Options{})
		got := []string{}
		for _, tk := range tokens {
			got = append(got, tk.Piece)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", s, got, want)
		}
		if back := tok.Decode(IDs(tokens), true); back != s {
			t.Fatalf("%q comes back as %q", s, back)
		}
	})
}

func TestSentencePieceAddedTokens(t *testing.T) {
	tok, err := FromGGUF(sentencePieceMetadata())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text   string
		o      Options
		pieces string
	}{
		{"abc", Options{AddSpecial: true}, "<s> ▁abc"},
		{"a<x>a", Options{}, "▁a <x> ▁a"},
		{"<s>a", Options{ParseSpecial: true}, "<s> ▁a"},
		{"  a", Options{}, "▁▁ ▁a"},
		{"", Options{AddSpecial: true}, "<s>"},
	} {
		var got []string
		for _, tk := range tok.Encode(c.text, c.o) {
			got = append(got, tk.Piece)
		}
		if s := strings.Join(got, " "); s != c.pieces {
			t.Errorf("%q: %q, want %q", c.text, s, c.pieces)
		}
	}
	if _, ok := tok.ID("▁abc"); !ok || !tok.IsSpecial(1) || tok.IsSpecial(3) || !tok.Ends(2) {
		t.Error("roles of tokens are wrong")
	}
}

// TestByteLevelRoundTrip: every byte comes back, UTF-8 or not, and spans join to the text.
func TestByteLevelRoundTrip(t *testing.T) {
	g := readGolden(t, "testdata/golden.json.gz")
	for _, name := range []string{"gpt2", "smollm", "llama3", "deepseek"} {
		i := slices.IndexFunc(g, func(g golden) bool { return g.Name == name })
		tok, err := FromJSON(g[i].Tokenizer)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkRoundTrip(t, tok, sample(t)) })
		})
	}
}

func checkRoundTrip(t interface{ Fatalf(string, ...any) }, tok *Tokenizer, s string) {
	tokens := tok.Encode(s, Options{})
	at := 0
	for _, tk := range tokens {
		if tk.Start != at || tk.End < at || tk.End > len(s) {
			t.Fatalf("%q: token %+v after %d", s, tk, at)
		}
		at = tk.End
	}
	if got := tok.Decode(IDs(tokens), false); got != s || at != len(s) {
		t.Fatalf("%q comes back as %q, spans end at %d of %d", s, got, at, len(s))
	}
	d := tok.NewDecoder(false)
	var all strings.Builder
	for _, tk := range tokens {
		part := d.Next(tk.ID)
		if !utf8.ValidString(part) {
			t.Fatalf("%q: the decoder gives %q", s, part)
		}
		all.WriteString(part)
	}
	all.WriteString(d.Flush())
	if got := all.String(); got != valid([]byte(s)) {
		t.Fatalf("%q: the decoder gives %q", s, got)
	}
}

// TestConcurrentUse: calls share a tokenizer and disturb each other in nothing.
func TestConcurrentUse(t *testing.T) {
	g := readGolden(t, "testdata/golden.json.gz")[0]
	tok, err := FromJSON(g.Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			checkGolden(t, tok, g)
		})
	}
}
