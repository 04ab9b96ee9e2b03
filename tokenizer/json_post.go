package tokenizer

import (
	"encoding/json"
	"fmt"
	"math"
)

// named token of BertProcessing and RobertaProcessing: ["[SEP]", 102].
type tokenJSON struct {
	text string
	id   int32
}

func (t *tokenJSON) UnmarshalJSON(raw []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	if len(list) != 2 {
		return fmt.Errorf("a token is [text, id]")
	}
	if err := json.Unmarshal(list[0], &t.text); err != nil {
		return err
	}
	return json.Unmarshal(list[1], &t.id)
}

// slotJSON is {"SpecialToken": {…}} or {"Sequence": {…}}.
type slotJSON struct {
	SpecialToken *slotName `json:"SpecialToken"`
	Sequence     *slotName `json:"Sequence"`
}

type slotName struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

type specialJSON struct {
	ID     string   `json:"id"`
	IDs    []int32  `json:"ids"`
	Tokens []string `json:"tokens"`
}

// postProcessor reads what surrounds the tokens.
func (r *reader) postProcessor(raw json.RawMessage, depth int) error {
	if absent(raw) {
		return nil
	}
	kind, err := kindOf(raw)
	if err != nil {
		return err
	}
	var c struct {
		Type           string                 `json:"type"`
		Processors     []json.RawMessage      `json:"processors"`
		Single         []slotJSON             `json:"single"`
		Pair           []slotJSON             `json:"pair"`
		SpecialTokens  map[string]specialJSON `json:"special_tokens"`
		Sep            tokenJSON              `json:"sep"`
		Cls            tokenJSON              `json:"cls"`
		AddPrefixSpace *bool                  `json:"add_prefix_space"`
		TrimOffsets    *bool                  `json:"trim_offsets"`
		UseRegex       bool                   `json:"use_regex"` // of no effect here
	}
	if err := strict(raw, &c); err != nil {
		return named(kind, err)
	}
	trims := func() {
		if c.TrimOffsets == nil || *c.TrimOffsets {
			r.t.trim = true
		}
	}
	cls, sep := []int32{c.Cls.id}, []int32{c.Sep.id}
	switch kind {
	case "Sequence":
		if depth >= maxDepth {
			return fmt.Errorf("sequences nest deeper than %d", maxDepth)
		}
		templates := 0
		for i, raw := range c.Processors {
			if k, _ := kindOf(raw); k != "ByteLevel" && k != "Sequence" {
				templates++
			}
			if templates > 1 {
				return fmt.Errorf("a sequence of two templates is not supported")
			}
			if err := r.postProcessor(raw, depth+1); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	case "ByteLevel":
		trims()
	case "BertProcessing":
		r.t.template = bertTemplate(cls, sep)
	case "RobertaProcessing":
		trims()
		r.t.template = template{
			single: []slot{{ids: cls}, {text: 0}, {ids: sep}},
			pair:   []slot{{ids: cls}, {text: 0}, {ids: sep}, {ids: sep}, {text: 1}, {ids: sep}},
		}
	case "TemplateProcessing":
		if r.t.template.single, err = slots(c.Single, c.SpecialTokens, 1); err != nil {
			return fmt.Errorf("%s: single: %w", kind, err)
		}
		if r.t.template.pair, err = slots(c.Pair, c.SpecialTokens, 2); err != nil {
			return fmt.Errorf("%s: pair: %w", kind, err)
		}
	default:
		return fmt.Errorf("type %q is not supported", kind)
	}
	return r.checkTemplate()
}

// slots reads one half of a template: each of its texts has to appear once.
func slots(list []slotJSON, specials map[string]specialJSON, texts int) ([]slot, error) {
	var out []slot
	seen := [2]int{}
	for _, s := range list {
		name := s.SpecialToken
		if name == nil {
			name = s.Sequence
		}
		if name == nil || s.SpecialToken != nil && s.Sequence != nil || name.TypeID < 0 || name.TypeID > math.MaxInt8 {
			return nil, fmt.Errorf("a piece is one SpecialToken or one Sequence, its type_id small")
		}
		if s.SpecialToken != nil {
			special, ok := specials[name.ID]
			if !ok || len(special.IDs) == 0 {
				return nil, fmt.Errorf("special token %q has no ids", name.ID)
			}
			out = append(out, slot{ids: special.IDs, segment: name.TypeID})
			continue
		}
		text := 0
		if name.ID == "B" {
			text = 1
		} else if name.ID != "A" {
			return nil, fmt.Errorf("sequence %q is neither A nor B", name.ID)
		}
		seen[text]++
		out = append(out, slot{text: text, segment: name.TypeID})
	}
	for i := range seen {
		want := 0
		if i < texts {
			want = 1
		}
		if seen[i] != want {
			return nil, fmt.Errorf("sequence %c appears %d times", 'A'+i, seen[i])
		}
	}
	return out, nil
}

// checkTemplate checks that the template's ids are in the vocabulary.
func (r *reader) checkTemplate() error {
	for _, slots := range [][]slot{r.t.template.single, r.t.template.pair} {
		for _, s := range slots {
			for _, id := range s.ids {
				if id < 0 || int(id) >= r.t.Vocab() {
					return fmt.Errorf("template token %d is not in the vocabulary of %d", id, r.t.Vocab())
				}
			}
		}
	}
	return nil
}

// decoder appends a decoder to the tokenizer's steps.
func (r *reader) decoder(raw json.RawMessage, depth int) error {
	if absent(raw) {
		if depth == 0 { // without a decoder tokens are words, joined by blanks
			r.t.decode = append(r.t.decode, wordPieceStep("", false))
		}
		return nil
	}
	kind, err := kindOf(raw)
	if err != nil {
		return err
	}
	if err := r.count(); err != nil {
		return err
	}
	var c struct {
		Type           string            `json:"type"`
		Decoders       []json.RawMessage `json:"decoders"`
		Prefix         string            `json:"prefix"`
		Cleanup        *bool             `json:"cleanup"`
		Replacement    string            `json:"replacement"`
		PrependScheme  string            `json:"prepend_scheme"`
		AddPrefixSpace *bool             `json:"add_prefix_space"`
		Split          *bool             `json:"split"`
		StrRep         string            `json:"str_rep"`
		TrimOffsets    bool              `json:"trim_offsets"` // of no effect here
		UseRegex       bool              `json:"use_regex"`    // of no effect here
		Pattern        patternJSON       `json:"pattern"`
		Content        string            `json:"content"`
		Start          int               `json:"start"`
		Stop           int               `json:"stop"`
	}
	if err := strict(raw, &c); err != nil {
		return named(kind, err)
	}
	add := func(s decodeStep) { r.t.decode = append(r.t.decode, s) }
	switch kind {
	case "Sequence":
		if depth >= maxDepth {
			return fmt.Errorf("sequences nest deeper than %d", maxDepth)
		}
		for i, raw := range c.Decoders {
			if err := r.decoder(raw, depth+1); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	case "ByteLevel":
		add(byteLevelStep)
	case "WordPiece":
		add(wordPieceStep(c.Prefix, c.Cleanup == nil || *c.Cleanup))
	case "ByteFallback":
		add(byteFallbackStep)
	case "Fuse":
		r.fused = true
	case "Metaspace":
		m, err := newMetaspace(c.Replacement, c.PrependScheme, c.AddPrefixSpace, c.Split)
		if err != nil {
			return named(kind, err)
		}
		add(metaspaceStep(m.mark, m.prefix != "never"))
	case "Replace":
		p, err := c.Pattern.pattern()
		if err == nil {
			err = r.grow(p, c.Content)
		}
		if err != nil {
			return named(kind, err)
		}
		if r.fused {
			return fmt.Errorf("Replace after Fuse is not supported")
		}
		add(replaceStep(p, c.Content))
	case "Strip":
		if r.fused && (c.Stop > 0 || c.Start > 1) {
			return fmt.Errorf("Strip after Fuse with stop %d, start %d is not supported (0 and at most 1 are)", c.Stop, c.Start)
		}
		add(stripStep(c.Content, c.Start, c.Stop, r.fused))
	default:
		return fmt.Errorf("type %q is not supported", kind)
	}
	return nil
}
