package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep sequences may nest.
const maxDepth = 8

type addedJSON struct {
	ID         int64  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// FromJSON reads a tokenizer.json. Errors name the component that is wrong or not supported. The roles of tokens
// (BOS, EOS …) are known by their usual names until Configure has read a tokenizer_config.json.
func FromJSON(tokenizerJSON []byte) (*Tokenizer, error) {
	var file struct {
		Version       string          `json:"version"`
		Truncation    json.RawMessage `json:"truncation"`
		Padding       json.RawMessage `json:"padding"`
		AddedTokens   []addedJSON     `json:"added_tokens"`
		Normalizer    json.RawMessage `json:"normalizer"`
		PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
		PostProcessor json.RawMessage `json:"post_processor"`
		Decoder       json.RawMessage `json:"decoder"`
		Model         json.RawMessage `json:"model"`
	}
	if err := strict(tokenizerJSON, &file); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	t := &Tokenizer{template: plain}
	r := reader{t: t}
	steps := []struct {
		field string
		read  func() error
	}{
		{"model", func() error { return r.model(file.Model) }},
		{"normalizer", func() (err error) { t.normalize, err = r.normalizer(file.Normalizer, 0); return err }},
		{"pre_tokenizer", func() error { return r.preTokenizer(file.PreTokenizer, 0) }},
		{"added_tokens", func() error { return r.added(file.AddedTokens) }},
		{"post_processor", func() error { return r.postProcessor(file.PostProcessor, 0) }},
		{"decoder", func() error { return r.decoder(file.Decoder, 0) }},
	}
	for _, s := range steps {
		if err := s.read(); err != nil {
			return nil, fmt.Errorf("tokenizer.json: %s: %w", s.field, err)
		}
	}
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	t.guessRoles()
	return t, nil
}

// reader builds a tokenizer from the components of a tokenizer.json.
type reader struct {
	t         *Tokenizer
	bpe       *bpe // the model, if it is one
	byteLevel bool // the pre-tokenizers end with ByteLevel
	fused     bool // the decoders so far have joined the tokens

	components int     // read so far
	growth     float64 // of a text by replacements
}

// strict decodes JSON into v; a field that v lacks is an error.
func strict(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// absent says whether a field is missing or null.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// kindOf returns a component's type.
func kindOf(raw json.RawMessage) (string, error) {
	var c struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", err
	}
	return c.Type, nil
}

// named puts a component's name before its error.
func named(kind string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", kind, err)
}

func (r *reader) added(list []addedJSON) error {
	v := r.t.vocab
	var raw, cooked []added
	for _, a := range list {
		if a.ID < 0 || a.ID >= maxTokens {
			return fmt.Errorf("token %.64q: id %d is out of range", a.Content, a.ID)
		}
		if a.Content == "" {
			continue // the format's own reader leaves empty ones out
		}
		id := int32(a.ID)
		if known, ok := v.ids[a.Content]; ok {
			id = known
		} else if err := v.add(a.Content, id); err != nil {
			return err
		}
		if a.Special {
			v.special[id] = true
		}
		tok := added{id: id, text: a.Content, special: a.Special, leading: a.LStrip, trailing: a.RStrip, word: a.SingleWord}
		if !a.Normalized {
			raw = append(raw, tok)
			continue
		}
		if r.t.normalize != nil {
			tok.text = r.t.normalize.normalize(aligned{text: tok.text}).text
		}
		cooked = append(cooked, tok)
	}
	first, err := newTrie(raw)
	if err != nil {
		return err
	}
	r.t.raw = first
	if len(cooked) > 0 {
		second, err := newTrie(cooked)
		if err != nil {
			return err
		}
		r.t.cooked = second
	}
	return nil
}

// finish checks that the components fit together.
func (r *reader) finish() error {
	switch {
	case r.byteLevel && r.bpe == nil:
		return fmt.Errorf("pre_tokenizer ByteLevel needs a BPE model")
	case r.byteLevel && (r.bpe.prefix != "" || r.bpe.suffix != "" || r.bpe.fallback != nil):
		return fmt.Errorf("pre_tokenizer ByteLevel with continuing_subword_prefix, end_of_word_suffix or byte_fallback is not supported")
	case r.byteLevel:
		r.bpe.byteLevel()
	}
	return nil
}

// pieces is a merge: "a b", or ["a", "b"].
type pieces [2]string

func (p *pieces) UnmarshalJSON(raw []byte) error {
	if plain := bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw); plain { // nearly all of many: no escapes to undo
		parts := strings.Split(string(raw), `"`)
		if len(parts) == 3 && raw[0] == '"' {
			return p.parse(parts[1])
		}
		if len(parts) == 5 && strings.TrimSpace(parts[2]) == "," {
			p[0], p[1] = parts[1], parts[3]
			return nil
		}
	}
	if len(raw) > 0 && raw[0] == '[' {
		var list []string
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		if len(list) != 2 {
			return fmt.Errorf("a merge of %d pieces", len(list))
		}
		p[0], p[1] = list[0], list[1]
		return nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	return p.parse(s)
}

// parse splits a merge at its blank.
func (p *pieces) parse(s string) error {
	a, b, ok := strings.Cut(s, " ")
	if !ok || a == "" || b == "" || strings.Contains(b, " ") {
		return fmt.Errorf("merge %.64q is not two pieces with a blank between", s)
	}
	p[0], p[1] = a, b
	return nil
}
