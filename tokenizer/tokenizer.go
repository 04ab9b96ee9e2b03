// Package tokenizer turns text into token ids and back.
//
// It reads a tokenizer.json (the format of Hugging Face's tokenizers) or the metadata of a GGUF file, and writes
// tokens: an id, its piece, and the bytes of the text that it stands for. A component of a file that it does not
// know is an error that names it; nothing is skipped. The truncation and padding that a tokenizer.json carries
// are settings of the program that wrote it, not of the model: they are checked and otherwise left to the caller
// (Options.MaxTokens).
package tokenizer

import "sync"

// Token is one token of a text.
type Token struct {
	ID    int32
	Piece string // as the vocabulary writes it
	// Start and End are the bytes of the text that the token stands for: text[Start:End]. Byte-level tokens may
	// begin or end inside a character. A token that the template adds stands for no text: Start = End = 0.
	Start, End int
	// Segment is the token type: 1 for what belongs to the second text of a pair, if the template says so, else 0.
	// With a pair, offsets of the tokens of the second text count in the second text.
	Segment int
}

// Options say how a text is encoded.
type Options struct {
	// AddSpecial puts the tokens around the text that the model expects ([CLS], [SEP], <s>).
	AddSpecial bool
	// ParseSpecial reads the names of special tokens in the text ("<|im_end|>") as those tokens. Text that a user
	// wrote should not be parsed; a rendered chat template must be.
	ParseSpecial bool
	// Shielded takes out the marks that Shield has put into names of special tokens.
	Shielded bool
	// Pair is a second text, for models that compare two.
	Pair *string
	// MaxTokens is the most tokens to return, added ones included; 0 is no limit. The end of the text is cut off;
	// of a pair, the end of the longer text.
	MaxTokens int
}

// Tokenizer is one model's tokenizer. It may be used by several goroutines at once.
type Tokenizer struct {
	vocab     *vocabulary
	model     segmenter
	raw       finder // added tokens, looked for in the text as it is
	normalize normalizer
	cooked    finder // added tokens, looked for after normalization; nil without
	splitters splitters
	// prefix is put before text that begins the input or follows an added token (SentencePiece in GGUF).
	prefix   string
	template template
	trim     bool // offsets leave blanks at the ends out
	decode   []decodeStep
	verbatim map[int32]bool // tokens whose piece is their text
	roles    map[role]int32
	ends     map[int32]bool
	chat     string
	// encoder says that the tokenizer is that of an encoder such as BERT.
	encoder bool
	limit   int // of tokens in an input, 0 for none

	lock sync.Mutex
	idle []*workspace
}

// Encode cuts a text into tokens. Bytes that are not UTF-8 are kept by byte-level models and count as U+FFFD in others.
func (t *Tokenizer) Encode(text string, o Options) []Token {
	w := t.borrow()
	defer t.giveBack(w)

	slots := t.template.single
	if o.Pair != nil {
		slots = t.template.pair
	}
	if !o.AddSpecial {
		slots = texts(slots)
	}
	room := 0
	if o.MaxTokens > 0 {
		room = max(o.MaxTokens-specials(slots), 0)
	}
	tokens := t.encodeText(w, text, o)
	if o.Pair == nil {
		if o.MaxTokens > 0 && len(tokens) > room {
			tokens = tokens[:room]
		}
		tokens = t.fill(slots, tokens)
	} else {
		second := t.encodeText(w, *o.Pair, o)
		if o.MaxTokens > 0 {
			tokens, second = shorten(tokens, second, room)
		}
		tokens = t.fill(slots, tokens, second)
	}
	if o.MaxTokens > 0 && len(tokens) > o.MaxTokens {
		tokens = tokens[:o.MaxTokens]
	}
	return tokens
}

// encodeText cuts one text into tokens, without what surrounds it.
func (t *Tokenizer) encodeText(w *workspace, text string, o Options) []Token {
	special := o.ParseSpecial
	var tokens []Token
	emit := func(a aligned, id int32, i, j int) {
		start, end := a.span(i, j)
		tokens = append(tokens, Token{ID: id, Piece: t.Piece(id), Start: start, End: end})
	}
	var units []unit
	cutPiece := func(piece aligned) {
		units = t.model.segment(w, piece.text, units[:0])
		at := 0
		for _, u := range units {
			emit(piece, u.id, at, at+u.n)
			at += u.n
		}
	}
	cutText := func(a aligned) {
		if o.Shielded {
			a = unshield.normalize(a)
		}
		t.splitters.split(a, cutPiece)
	}
	whole := aligned{text: text}
	for _, p := range t.raw.parts(text, special) {
		if p.id >= 0 {
			emit(whole, p.id, p.i, p.j)
			continue
		}
		a := whole.slice(p.i, p.j)
		if t.prefix != "" {
			a = a.prepend(t.prefix)
		}
		if t.normalize != nil {
			a = t.normalize.normalize(a)
		}
		if t.cooked == nil {
			cutText(a)
			continue
		}
		for _, q := range t.cooked.parts(a.text, special) {
			if q.id >= 0 {
				emit(a, q.id, q.i, q.j)
				continue
			}
			cutText(a.slice(q.i, q.j))
		}
	}
	if t.trim {
		trim(text, tokens)
	}
	return tokens
}

// IDs returns the ids of tokens.
func IDs(tokens []Token) []int32 {
	ids := make([]int32, len(tokens))
	for i, t := range tokens {
		ids[i] = t.ID
	}
	return ids
}
