package tokenizer

import (
	"encoding/json"
	"fmt"
)

// Limits on what makes cutting a word slow.
const (
	maxAffix = 64  // bytes of a prefix or suffix of pieces
	maxWord  = 512 // characters of a word for WordPiece
)

// modelJSON holds the fields of BPE and WordPiece, so that a long file is read once.
type modelJSON struct {
	Type          string           `json:"type"`
	Vocab         map[string]int32 `json:"vocab"`
	Unknown       *string          `json:"unk_token"`
	Prefix        *string          `json:"continuing_subword_prefix"`
	Merges        []pieces         `json:"merges"`
	Dropout       *float64         `json:"dropout"`
	Suffix        *string          `json:"end_of_word_suffix"`
	FuseUnknown   bool             `json:"fuse_unk"`
	ByteFallback  bool             `json:"byte_fallback"`
	IgnoreMerges  bool             `json:"ignore_merges"`
	CacheCapacity int              `json:"cache_capacity"` // of no effect on tokens
	MaxRunes      *int             `json:"max_input_chars_per_word"`
}

// model reads the model component.
func (r *reader) model(raw json.RawMessage) error {
	if absent(raw) {
		return fmt.Errorf("missing")
	}
	var c modelJSON
	if err := strict(raw, &c); err != nil {
		if kind, _ := kindOf(raw); kind != "BPE" && kind != "WordPiece" && kind != "" {
			return fmt.Errorf("type %q is not supported (BPE and WordPiece are)", kind)
		}
		return named(c.Type, err)
	}
	switch { // files of old versions do not name the type
	case c.Type == "BPE" || c.Type == "" && c.Merges != nil:
		return named("BPE", r.bpeModel(&c))
	case c.Type == "WordPiece" || c.Type == "" && c.MaxRunes != nil:
		return named("WordPiece", r.wordPieceModel(&c))
	}
	return fmt.Errorf("type %q is not supported (BPE and WordPiece are)", c.Type)
}

func (r *reader) bpeModel(c *modelJSON) error {
	if c.MaxRunes != nil {
		return fmt.Errorf("max_input_chars_per_word is not supported")
	}
	if c.Dropout != nil && *c.Dropout != 0 {
		return fmt.Errorf("dropout %g is not supported: it makes tokens random", *c.Dropout)
	}
	if len(deref(c.Prefix, "")) > maxAffix || len(deref(c.Suffix, "")) > maxAffix {
		return fmt.Errorf("continuing_subword_prefix or end_of_word_suffix of more than %d bytes", maxAffix)
	}
	v, err := newVocabulary(c.Vocab)
	if err != nil {
		return err
	}
	pairs := make([][2]string, len(c.Merges))
	for i, m := range c.Merges {
		pairs[i] = m
	}
	b, err := newBPE(v, pairs, deref(c.Prefix, ""))
	if err != nil {
		return err
	}
	b.suffix, b.fuseUnknown, b.wholeWords = deref(c.Suffix, ""), c.FuseUnknown, c.IgnoreMerges
	if c.ByteFallback {
		b.fallback = byteTokens(v)
	}
	if c.Unknown != nil {
		id, ok := v.ids[*c.Unknown]
		if !ok {
			return fmt.Errorf("unk_token %q is not in the vocabulary", *c.Unknown)
		}
		b.unknown = id
	}
	r.t.vocab, r.t.model, r.bpe = v, b, b
	return nil
}

func (r *reader) wordPieceModel(c *modelJSON) error {
	if c.Merges != nil || c.Dropout != nil || c.Suffix != nil || c.FuseUnknown || c.ByteFallback || c.IgnoreMerges {
		return fmt.Errorf("fields of BPE are not supported")
	}
	if n := deref(c.MaxRunes, 100); n < 0 || n > maxWord || len(deref(c.Prefix, "")) > maxAffix {
		return fmt.Errorf("max_input_chars_per_word %d (at most %d), or continuing_subword_prefix of more than %d bytes", n, maxWord, maxAffix)
	}
	v, err := newVocabulary(c.Vocab)
	if err != nil {
		return err
	}
	name := deref(c.Unknown, "[UNK]")
	unknown, ok := v.ids[name]
	if !ok {
		return fmt.Errorf("unk_token %q is not in the vocabulary", name)
	}
	r.t.vocab, r.t.encoder = v, true
	r.t.model = &wordPiece{vocab: v, prefix: deref(c.Prefix, "##"), unknown: unknown, maxRunes: deref(c.MaxRunes, 100)}
	return nil
}

func deref[T any](p *T, missing T) T {
	if p == nil {
		return missing
	}
	return *p
}
