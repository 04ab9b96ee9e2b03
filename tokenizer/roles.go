package tokenizer

import (
	"encoding/json"
	"fmt"
)

// role is what a token is for.
type role string

const (
	bos role = "bos_token"
	eos role = "eos_token"
	cls role = "cls_token"
	sep role = "sep_token"
	pad role = "pad_token"
	unk role = "unk_token"
)

// usualNames are what models call these tokens.
var usualNames = map[role][]string{
	bos: {"<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>", "<|endoftext|>"},
	eos: {"</s>", "<|end_of_text|>", "<eos>", "<|endoftext|>"},
	cls: {"[CLS]", "<s>"},
	sep: {"[SEP]", "</s>"},
	pad: {"[PAD]", "<pad>"},
	unk: {"[UNK]", "<unk>"},
}

// turnEnds are the tokens that end a turn of a conversation, whatever the end-of-text token is.
var turnEnds = []string{"<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eot|>", "<|eom_id|>", "<EOT>", "_<EOT>"}

// guessRoles takes roles from names, and what ends a generation.
func (t *Tokenizer) guessRoles() {
	t.roles = map[role]int32{}
	for r, names := range usualNames {
		for _, name := range names {
			if id, ok := t.vocab.ids[name]; ok && t.vocab.special[id] {
				t.roles[r] = id
				break
			}
		}
	}
	t.markEnds()
}

func (t *Tokenizer) markEnds() {
	t.ends = map[int32]bool{}
	for _, name := range turnEnds {
		if id, ok := t.vocab.ids[name]; ok && t.vocab.special[id] {
			t.ends[id] = true
		}
	}
	if id, ok := t.roles[eos]; ok {
		t.ends[id] = true
	}
}

// Configure reads the roles of tokens, the longest input and the chat template from a tokenizer_config.json. A named token that the
// vocabulary lacks is an error.
func (t *Tokenizer) Configure(tokenizerConfigJSON []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(tokenizerConfigJSON, &fields); err != nil {
		return fmt.Errorf("tokenizer_config.json: %w", err)
	}
	for r := range usualNames {
		raw, ok := fields[string(r)]
		if !ok || absent(raw) {
			continue
		}
		var name string
		var object struct {
			Content string `json:"content"`
		}
		if json.Unmarshal(raw, &name) != nil {
			if err := json.Unmarshal(raw, &object); err != nil {
				return fmt.Errorf("tokenizer_config.json: %s: %w", r, err)
			}
			name = object.Content
		}
		id, ok := t.vocab.ids[name]
		if !ok {
			return fmt.Errorf("tokenizer_config.json: %s %q is not in the vocabulary", r, name)
		}
		t.roles[r] = id
	}
	var limit float64 // files without a limit say 1e30
	if raw, ok := fields["model_max_length"]; ok && json.Unmarshal(raw, &limit) == nil && limit >= 1 && limit < 1<<30 {
		t.limit = int(limit)
	}
	if raw, ok := fields["chat_template"]; ok && !absent(raw) {
		var named []struct{ Name, Template string }
		if err := json.Unmarshal(raw, &t.chat); err != nil {
			if err := json.Unmarshal(raw, &named); err != nil {
				return fmt.Errorf("tokenizer_config.json: chat_template: %w", err)
			}
			for _, n := range named {
				if n.Name == "default" {
					t.chat = n.Template
				}
			}
		}
	}
	t.markEnds()
	return nil
}

func (t *Tokenizer) role(r role) (int32, bool) {
	id, ok := t.roles[r]
	return id, ok
}

// BOS returns the token that begins a text, if the model has one.
func (t *Tokenizer) BOS() (int32, bool) { return t.role(bos) }

// EOS returns the token that ends a text, if the model has one.
func (t *Tokenizer) EOS() (int32, bool) { return t.role(eos) }

// CLS returns the token whose state stands for the whole text in an encoder, if the model has one.
func (t *Tokenizer) CLS() (int32, bool) { return t.role(cls) }

// SEP returns the token between and after texts of an encoder, if the model has one.
func (t *Tokenizer) SEP() (int32, bool) { return t.role(sep) }

// PAD returns the token that fills up batches, if the model has one.
func (t *Tokenizer) PAD() (int32, bool) { return t.role(pad) }

// UNK returns the token for what the vocabulary cannot spell, if the model has one.
func (t *Tokenizer) UNK() (int32, bool) { return t.role(unk) }

// Ends says whether id ends a generation: the end of the text, or of a turn.
func (t *Tokenizer) Ends(id int32) bool { return t.ends[id] }

// IsSpecial says whether id is a special token, one that text does not contain.
func (t *Tokenizer) IsSpecial(id int32) bool { return t.vocab.special[id] }

// Vocab returns the size of the vocabulary: the largest id, and one.
func (t *Tokenizer) Vocab() int { return len(t.vocab.pieces) }

// Piece returns the piece of id as the vocabulary writes it, "" outside.
func (t *Tokenizer) Piece(id int32) string {
	if id < 0 || int(id) >= len(t.vocab.pieces) {
		return ""
	}
	return t.vocab.pieces[id]
}

// ID returns the id of a piece.
func (t *Tokenizer) ID(piece string) (int32, bool) {
	id, ok := t.vocab.ids[piece]
	return id, ok
}

// ChatTemplate returns the source of the model's chat template, "" if it has none.
func (t *Tokenizer) ChatTemplate() string { return t.chat }

// SetChatTemplate sets the chat template where it lies in a file of its own (chat_template.jinja).
func (t *Tokenizer) SetChatTemplate(src string) { t.chat = src }

// DefaultOptions returns how a text is read unless someone says otherwise: with the tokens around it that the
// model expects; names of special tokens are parsed by models that are talked to in them, those with a chat
// template ("<|im_end|>") and encoders ("[MASK]"), and are plain text to others, as GPT-2's "<|endoftext|>" is. Encoders read no more than
// the file says they can (model_max_length).
func (t *Tokenizer) DefaultOptions() Options {
	o := Options{AddSpecial: true, ParseSpecial: t.chat != "" || t.encoder}
	if t.encoder {
		o.MaxTokens = t.limit
	}
	return o
}
