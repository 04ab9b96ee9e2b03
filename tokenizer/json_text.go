package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// patternJSON is {"String": …} or {"Regex": …}.
type patternJSON struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

func (p patternJSON) pattern() (pattern, error) {
	switch {
	case p.String != nil && p.Regex == nil:
		return literal(*p.String), nil
	case p.Regex != nil && p.String == nil:
		return compile(*p.Regex)
	}
	return nil, fmt.Errorf("pattern is neither String nor Regex")
}

// Limits on components, so that a short text stays one.
const (
	maxComponents = 64
	maxGrowth     = 64   // times that all Replaces of a file may lengthen a text
	maxContent    = 1024 // bytes of a replacement or of what is put before a text
)

// count counts a component.
func (r *reader) count() error {
	if r.components++; r.components > maxComponents {
		return fmt.Errorf("more than %d components", maxComponents)
	}
	return nil
}

// grow counts by how much a replacement may lengthen a text.
func (r *reader) grow(p pattern, content string) error {
	shortest := 1
	if l, ok := p.(literal); ok {
		shortest = max(len(l), 1)
	}
	factor := max(float64(len(content))/float64(shortest), 1)
	if p == nil {
		factor = 1
	}
	if r.growth = max(r.growth, 1) * factor; r.growth > maxGrowth || len(content) > maxContent {
		return fmt.Errorf("replacements that may make a text more than %d times as long, or of more than %d bytes", maxGrowth, maxContent)
	}
	return nil
}

// normalizer reads a normalizer; nil stands for none.
func (r *reader) normalizer(raw json.RawMessage, depth int) (normalizer, error) {
	if absent(raw) {
		return nil, nil
	}
	kind, err := kindOf(raw)
	if err != nil {
		return nil, err
	}
	if err := r.count(); err != nil {
		return nil, err
	}
	var c struct {
		Type         string            `json:"type"`
		Normalizers  []json.RawMessage `json:"normalizers"`
		CleanText    bool              `json:"clean_text"`
		Chinese      bool              `json:"handle_chinese_chars"`
		StripAccents *bool             `json:"strip_accents"`
		Lowercase    bool              `json:"lowercase"`
		Prepend      string            `json:"prepend"`
		Pattern      patternJSON       `json:"pattern"`
		Content      string            `json:"content"`
		StripLeft    bool              `json:"strip_left"`
		StripRight   bool              `json:"strip_right"`
	}
	if err := strict(raw, &c); err != nil {
		return nil, named(kind, err)
	}
	switch kind {
	case "Sequence":
		if depth >= maxDepth {
			return nil, fmt.Errorf("sequences nest deeper than %d", maxDepth)
		}
		var ns normalizers
		for i, raw := range c.Normalizers {
			n, err := r.normalizer(raw, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
			if n != nil {
				ns = append(ns, n)
			}
		}
		return ns, nil
	case "BertNormalizer":
		accents := c.Lowercase
		if c.StripAccents != nil {
			accents = *c.StripAccents
		}
		return bertNormalizer(c.CleanText, c.Chinese, accents, c.Lowercase), nil
	case "NFC":
		return form{compose: true}, nil
	case "NFD":
		return form{}, nil
	case "NFKC":
		return form{compat: true, compose: true}, nil
	case "NFKD":
		return form{compat: true}, nil
	case "Lowercase":
		return lowercase, nil
	case "StripAccents":
		return stripAccents, nil
	case "Strip":
		return strip{c.StripLeft, c.StripRight}, nil
	case "Prepend":
		return prependText(c.Prepend), named(kind, r.grow(nil, c.Prepend))
	case "Replace":
		p, err := c.Pattern.pattern()
		if err == nil {
			err = r.grow(p, c.Content)
		}
		return replace{p, c.Content}, named(kind, err)
	}
	return nil, fmt.Errorf("type %q is not supported", kind)
}

// preTokenizer appends a pre-tokenizer to the tokenizer's splitters.
func (r *reader) preTokenizer(raw json.RawMessage, depth int) error {
	if absent(raw) {
		return nil
	}
	kind, err := kindOf(raw)
	if err != nil {
		return err
	}
	if err := r.count(); err != nil {
		return err
	}
	if r.byteLevel {
		return fmt.Errorf("%s after ByteLevel is not supported", kind)
	}
	var c struct {
		Type           string            `json:"type"`
		PreTokenizers  []json.RawMessage `json:"pretokenizers"`
		AddPrefixSpace *bool             `json:"add_prefix_space"`
		TrimOffsets    bool              `json:"trim_offsets"` // of no effect here: the post-processor trims
		UseRegex       *bool             `json:"use_regex"`
		Individual     bool              `json:"individual_digits"`
		Pattern        patternJSON       `json:"pattern"`
		Behaviour      behaviour         `json:"behavior"`
		Invert         bool              `json:"invert"`
		Replacement    string            `json:"replacement"`
		PrependScheme  string            `json:"prepend_scheme"`
		Split          *bool             `json:"split"`
		StrRep         string            `json:"str_rep"`
		Delimiter      string            `json:"delimiter"`
	}
	if err := strict(raw, &c); err != nil {
		return named(kind, err)
	}
	add := func(s ...splitter) { r.t.splitters = append(r.t.splitters, s...) }
	switch kind {
	case "Sequence":
		if depth >= maxDepth {
			return fmt.Errorf("sequences nest deeper than %d", maxDepth)
		}
		for i, raw := range c.PreTokenizers {
			if err := r.preTokenizer(raw, depth+1); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	case "ByteLevel":
		if c.AddPrefixSpace == nil || *c.AddPrefixSpace {
			add(prefixSpace{})
		}
		if c.UseRegex == nil || *c.UseRegex {
			add(cut{pattern: scanner(scanGPT2), behaviour: isolated})
		}
		r.byteLevel = true
	case "Digits":
		b := contiguous
		if c.Individual {
			b = isolated
		}
		add(cut{pattern: oneRune(unicode.IsNumber), behaviour: b})
	case "Split", "Punctuation", "CharDelimiterSplit":
		s := cut{behaviour: c.Behaviour, invert: c.Invert}
		switch kind {
		case "Split":
			if s.pattern, err = c.Pattern.pattern(); err != nil {
				return named(kind, err)
			}
		case "Punctuation":
			s.pattern = oneRune(isPunctuation)
			if s.behaviour == "" {
				s.behaviour = isolated
			}
		default:
			s.pattern, s.behaviour = literal(c.Delimiter), removed
		}
		switch s.behaviour {
		case removed, isolated, mergedWithPrevious, mergedWithNext, contiguous:
		default:
			return fmt.Errorf("%s: behavior %q is not supported", kind, s.behaviour)
		}
		add(s)
	case "BertPreTokenizer":
		add(bertSplitter)
	case "Whitespace":
		add(wordSplitter)
	case "WhitespaceSplit":
		add(cut{pattern: oneRune(unicode.IsSpace), behaviour: removed})
	case "Metaspace":
		m, err := newMetaspace(c.Replacement, c.PrependScheme, c.AddPrefixSpace, c.Split)
		if err != nil {
			return named(kind, err)
		}
		add(m)
	default:
		return fmt.Errorf("type %q is not supported", kind)
	}
	return nil
}

// newMetaspace reads the settings that the pre-tokenizer and the decoder Metaspace share.
func newMetaspace(mark, scheme string, addPrefix, split *bool) (metaspace, error) {
	m := metaspace{mark: mark, prefix: scheme, cut: split == nil || *split}
	if m.mark == "" {
		m.mark = "▁"
	}
	if utf8.RuneCountInString(m.mark) != 1 {
		return m, fmt.Errorf("replacement %.16q is not one character", m.mark)
	}
	if scheme == "" {
		m.prefix = "always"
		if addPrefix != nil && !*addPrefix {
			m.prefix = "never"
		}
	}
	switch m.prefix {
	case "always", "first", "never":
		return m, nil
	}
	return m, fmt.Errorf("prepend_scheme %q is not supported", scheme)
}
