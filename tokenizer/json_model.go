package tokenizer

import (
	"encoding/json"
	"fmt"
)

// model reads the model component.
func (r *reader) model(raw json.RawMessage) error {
	if absent(raw) {
		return fmt.Errorf("missing")
	}
	kind, err := kindOf(raw)
	if err != nil {
		return err
	}
	var probe map[string]json.RawMessage
	if kind == "" { // files of old versions do not name the type
		if err := json.Unmarshal(raw, &probe); err != nil {
			return err
		}
		if _, ok := probe["merges"]; ok {
			kind = "BPE"
		} else if _, ok := probe["max_input_chars_per_word"]; ok {
			kind = "WordPiece"
		}
	}
	switch kind {
	case "BPE":
		return named(kind, r.bpeModel(raw))
	case "WordPiece":
		return named(kind, r.wordPieceModel(raw))
	}
	return fmt.Errorf("type %q is not supported (BPE and WordPiece are)", kind)
}

func (r *reader) bpeModel(raw json.RawMessage) error {
	var c struct {
		Type          string           `json:"type"`
		Dropout       *float64         `json:"dropout"`
		Unknown       *string          `json:"unk_token"`
		Prefix        *string          `json:"continuing_subword_prefix"`
		Suffix        *string          `json:"end_of_word_suffix"`
		FuseUnknown   bool             `json:"fuse_unk"`
		ByteFallback  bool             `json:"byte_fallback"`
		IgnoreMerges  bool             `json:"ignore_merges"`
		Vocab         map[string]int32 `json:"vocab"`
		Merges        []pieces         `json:"merges"`
		CacheCapacity int              `json:"cache_capacity"`
	}
	if err := strict(raw, &c); err != nil {
		return err
	}
	if c.Dropout != nil && *c.Dropout != 0 {
		return fmt.Errorf("dropout %g is not supported: it makes tokens random", *c.Dropout)
	}
	v, err := newVocabulary(c.Vocab)
	if err != nil {
		return err
	}
	pairs := make([][2]string, len(c.Merges))
	for i, m := range c.Merges {
		pairs[i] = m
	}
	prefix := deref(c.Prefix)
	b, err := newBPE(v, pairs, prefix)
	if err != nil {
		return err
	}
	b.suffix, b.fuseUnknown, b.wholeWords = deref(c.Suffix), c.FuseUnknown, c.IgnoreMerges
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

func (r *reader) wordPieceModel(raw json.RawMessage) error {
	var c struct {
		Type    string           `json:"type"`
		Unknown string           `json:"unk_token"`
		Prefix  string           `json:"continuing_subword_prefix"`
		Max     int              `json:"max_input_chars_per_word"`
		Vocab   map[string]int32 `json:"vocab"`
	}
	c.Unknown, c.Prefix, c.Max = "[UNK]", "##", 100
	if err := strict(raw, &c); err != nil {
		return err
	}
	v, err := newVocabulary(c.Vocab)
	if err != nil {
		return err
	}
	unknown, ok := v.ids[c.Unknown]
	if !ok {
		return fmt.Errorf("unk_token %q is not in the vocabulary", c.Unknown)
	}
	r.t.vocab, r.t.encoder = v, true
	r.t.model = &wordPiece{vocab: v, prefix: c.Prefix, unknown: unknown, maxRunes: c.Max}
	return nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
