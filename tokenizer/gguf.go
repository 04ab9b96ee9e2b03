package tokenizer

import (
	"fmt"
	"slices"
	"strings"
)

// Metadata is the metadata of a GGUF file. Each method returns the value under a key and whether it is there with
// that type.
type Metadata interface {
	String(key string) (string, bool)
	Uint(key string) (uint64, bool)
	Bool(key string) (bool, bool)
	Strings(key string) ([]string, bool)
	Floats(key string) ([]float64, bool)
	Ints(key string) ([]int64, bool)
}

// Token types of GGUF (tokenizer.ggml.token_type).
const (
	typeUnknown = 2
	typeControl = 3
	typeUser    = 4
)

// preTokenizer is what a name in tokenizer.ggml.pre means.
type preTokenizer struct {
	expressions []string
	wholeWords  bool // a piece that is a token needs no merges
	addBOS      bool // unless the file says otherwise
}

// preTokenizers are the values of tokenizer.ggml.pre that are supported, as llama.cpp reads them.
var preTokenizers = func() map[string]preTokenizer {
	m := map[string]preTokenizer{}
	for names, p := range map[string]preTokenizer{
		"default":                                  {expressions: []string{`[\p{P}\$\+<=>\^~\|]+`, gpt2Expression, `\p{N}+`, `[0-9][0-9][0-9]`}},
		"gpt-2 phi-2 jina-es jina-de mellum":       {expressions: []string{gpt2Expression}},
		"smollm starcoder refact command-r":        {expressions: []string{`\p{N}`, gpt2Expression}},
		"codeshell exaone minerva-7b":              {expressions: []string{`\p{N}`, gpt2Expression}},
		"llama-bpe llama3 llama-v3 falcon3":        {expressions: []string{llama3Expression}, wholeWords: true, addBOS: true},
		"dbrx smaug-bpe":                           {expressions: []string{llama3Expression}},
		"qwen2 deepseek-r1-qwen stablelm2 hunyuan": {expressions: []string{qwen2Expression}},
	} {
		for _, name := range strings.Fields(names) {
			m[name] = p
		}
	}
	return m
}()

// FromGGUF reads the tokenizer from a GGUF file's metadata: byte-level BPE (model "gpt2"), SentencePiece-style
// BPE ("llama") or WordPiece ("bert"). Errors name the key.
func FromGGUF(m Metadata) (*Tokenizer, error) {
	kind, ok := m.String("tokenizer.ggml.model")
	if !ok {
		return nil, fmt.Errorf("gguf: tokenizer.ggml.model is missing: the file holds no tokenizer")
	}
	t := &Tokenizer{template: plain}
	specials, err := t.ggufVocabulary(m)
	if err != nil {
		return nil, err
	}
	t.verbatim = map[int32]bool{}
	for _, a := range specials {
		t.verbatim[a.id] = true
	}
	if t.raw, err = newLongestFirst(specials); err != nil {
		return nil, fmt.Errorf("gguf: tokenizer.ggml.tokens: %w", err)
	}
	if err := t.ggufRoles(m); err != nil {
		return nil, err
	}
	addBOS := false
	switch kind {
	case "bert":
		return t, t.ggufWordPiece(m)
	case "gpt2":
		addBOS, err = t.ggufBPE(m)
	case "llama":
		addBOS, err = true, t.ggufSentencePiece(m)
	default:
		err = fmt.Errorf("gguf: tokenizer.ggml.model %q is not supported (gpt2, llama and bert are)", kind)
	}
	if err != nil {
		return nil, err
	}
	if add, ok := m.Bool("tokenizer.ggml.add_bos_token"); ok {
		addBOS = add
	}
	addEOS, _ := m.Bool("tokenizer.ggml.add_eos_token")
	if err := t.surround(addBOS, addEOS); err != nil {
		return nil, err
	}
	t.chat, _ = m.String("tokenizer.chat_template")
	return t, nil
}

// ggufVocabulary reads the pieces and their types and returns the tokens that are found in text as a whole.
func (t *Tokenizer) ggufVocabulary(m Metadata) ([]added, error) {
	tokens, ok := m.Strings("tokenizer.ggml.tokens")
	if !ok || len(tokens) == 0 {
		return nil, fmt.Errorf("gguf: tokenizer.ggml.tokens is missing or empty")
	}
	if len(tokens) > maxTokens {
		return nil, fmt.Errorf("gguf: tokenizer.ggml.tokens: %d entries (at most %d)", len(tokens), maxTokens)
	}
	types, ok := m.Ints("tokenizer.ggml.token_type")
	if ok && len(types) != len(tokens) {
		return nil, fmt.Errorf("gguf: tokenizer.ggml.token_type has %d entries, tokenizer.ggml.tokens %d", len(types), len(tokens))
	}
	v := &vocabulary{ids: make(map[string]int32, len(tokens)), pieces: slices.Clone(tokens), special: map[int32]bool{}}
	t.vocab = v
	var found []added
	for i, piece := range tokens {
		if len(piece) > maxPiece {
			return nil, fmt.Errorf("gguf: tokenizer.ggml.tokens: token %d is %d bytes long (at most %d)", i, len(piece), maxPiece)
		}
		id := int32(i)
		v.ids[piece] = id
		v.longest = max(v.longest, len(piece))
		if types == nil {
			continue
		}
		switch types[i] {
		case typeControl, typeUnknown:
			v.special[id] = true
			found = append(found, added{id: id, text: piece, special: true})
		case typeUser:
			if slices.Contains(turnEnds, piece) { // some files mark the end of a turn as a word
				v.special[id] = true
			}
			found = append(found, added{id: id, text: piece, special: v.special[id]})
		}
	}
	return found, nil
}

// ggufBPE reads a byte-level model and returns whether it begins texts with BOS unless told otherwise.
func (t *Tokenizer) ggufBPE(m Metadata) (bool, error) {
	name, ok := m.String("tokenizer.ggml.pre")
	if !ok {
		name = "default"
	}
	pre, ok := preTokenizers[name]
	if !ok {
		return false, fmt.Errorf("gguf: tokenizer.ggml.pre %q is not supported", name)
	}
	list, ok := m.Strings("tokenizer.ggml.merges")
	if !ok {
		return false, fmt.Errorf("gguf: tokenizer.ggml.merges is missing")
	}
	pairs := make([][2]string, len(list))
	for i, s := range list {
		if err := (*pieces)(&pairs[i]).parse(s); err != nil {
			return false, fmt.Errorf("gguf: tokenizer.ggml.merges: %d: %w", i, err)
		}
	}
	b, err := newBPE(t.vocab, pairs, "")
	if err != nil {
		return false, fmt.Errorf("gguf: tokenizer.ggml.merges: %w", err)
	}
	b.byteLevel()
	b.wholeWords = pre.wholeWords
	for _, e := range pre.expressions {
		p, err := compile(e)
		if err != nil {
			return false, fmt.Errorf("gguf: tokenizer.ggml.pre %q: %w", name, err)
		}
		t.splitters = append(t.splitters, cut{pattern: p, behaviour: isolated})
	}
	if prefix, _ := m.Bool("tokenizer.ggml.add_space_prefix"); prefix {
		t.splitters = append(splitters{prefixSpace{}}, t.splitters...)
	}
	t.model = b
	t.decode = []decodeStep{byteLevelStep}
	return pre.addBOS, nil
}

// ggufSentencePiece reads a model with scores.
func (t *Tokenizer) ggufSentencePiece(m Metadata) error {
	scores, ok := m.Floats("tokenizer.ggml.scores")
	if !ok || len(scores) != len(t.vocab.pieces) {
		return fmt.Errorf("gguf: tokenizer.ggml.scores has %d entries, tokenizer.ggml.tokens %d", len(scores), len(t.vocab.pieces))
	}
	for i, s := range scores {
		if s != s {
			return fmt.Errorf("gguf: tokenizer.ggml.scores: %d is not a number", i)
		}
	}
	sp := &sentencePiece{vocab: t.vocab, bytes: *byteTokens(t.vocab), rank: ranks(scores)}
	unknown, hasUnknown := m.Uint("tokenizer.ggml.unknown_token_id")
	for b, id := range sp.bytes {
		if id >= 0 {
			continue
		}
		if !hasUnknown || unknown >= uint64(len(t.vocab.pieces)) {
			return fmt.Errorf("gguf: tokenizer.ggml.tokens: no token <0x%02X> and no tokenizer.ggml.unknown_token_id", b)
		}
		sp.bytes[b] = int32(unknown)
	}
	t.model = sp
	t.normalize = replace{pattern: literal(" "), content: "▁"}
	prefix, ok := m.Bool("tokenizer.ggml.add_space_prefix")
	prefix = prefix || !ok
	t.decode = []decodeStep{byteFallbackStep, replaceStep(literal("▁"), " ")}
	if prefix {
		t.prefix = " "
		t.decode = append(t.decode, stripStep(" ", 1, 0, true))
	}
	return nil
}

// ranks numbers scores from the best down; equal scores share a number.
func ranks(scores []float64) []int32 {
	sorted := slices.Clone(scores)
	slices.SortFunc(sorted, func(a, b float64) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	sorted = slices.Compact(sorted)
	at := make(map[float64]int32, len(sorted))
	for i, s := range sorted {
		at[s] = int32(i)
	}
	out := make([]int32, len(scores))
	for i, s := range scores {
		out[i] = at[s]
	}
	return out
}

// ggufRoles reads which token is what.
func (t *Tokenizer) ggufRoles(m Metadata) error {
	t.roles = map[role]int32{}
	for key, r := range map[string]role{
		"bos_token_id": bos, "eos_token_id": eos, "cls_token_id": cls, "seperator_token_id": sep,
		"padding_token_id": pad, "unknown_token_id": unk,
	} {
		key = "tokenizer.ggml." + key
		id, ok := m.Uint(key)
		if !ok {
			continue
		}
		if id >= uint64(t.Vocab()) {
			return fmt.Errorf("gguf: %s: %d is not in the vocabulary of %d", key, id, t.Vocab())
		}
		t.roles[r] = int32(id)
	}
	t.markEnds()
	for _, turn := range []string{"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"} {
		if id, ok := m.Uint(turn); ok && id < uint64(t.Vocab()) {
			t.ends[int32(id)] = true
		}
	}
	return nil
}

// surround makes the template of a model that puts BOS before and EOS behind each text.
func (t *Tokenizer) surround(addBOS, addEOS bool) error {
	around := func(s slot) ([]slot, error) {
		out := []slot{s}
		if addBOS {
			id, ok := t.BOS()
			if !ok {
				return nil, fmt.Errorf("gguf: tokenizer.ggml.add_bos_token without tokenizer.ggml.bos_token_id")
			}
			out = append([]slot{{ids: []int32{id}, segment: s.segment}}, out...)
		}
		if addEOS {
			id, ok := t.EOS()
			if !ok {
				return nil, fmt.Errorf("gguf: tokenizer.ggml.add_eos_token without tokenizer.ggml.eos_token_id")
			}
			out = append(out, slot{ids: []int32{id}, segment: s.segment})
		}
		return out, nil
	}
	a, err := around(slot{text: 0})
	if err != nil {
		return err
	}
	b, err := around(slot{text: 1, segment: 1})
	if err != nil {
		return err
	}
	t.template = template{single: a, pair: append(slices.Clone(a), b...)}
	return nil
}
