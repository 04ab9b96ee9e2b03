package generate

import (
	"errors"
	"fmt"

	"spatten/generate/template"
	"spatten/tokenizer"
)

// ErrNoTemplate is returned for a model that was not made for conversations.
var ErrNoTemplate = errors.New("generate: the model has no chat template")

// Chat returns the prompt that a model's chat template makes of a conversation, up to the beginning of the assistant's
// turn. Names of special tokens in what is said stay text; those of the template are read.
func Chat(t *tokenizer.Tokenizer, messages []template.Message) ([]int32, error) {
	if t.ChatTemplate() == "" {
		return nil, ErrNoTemplate
	}
	parsed, err := template.Parse(t.ChatTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	text, err := WriteChat(t, parsed, messages)
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	return tokenizer.IDs(t.Encode(text, tokenizer.Options{ParseSpecial: true, Shielded: true})), nil
}

// WriteChat writes a chat as a parsed template says, up to where the assistant's turn begins. What messages say is shielded:
// it is never read as the template's own tokens where the text is encoded with Shielded.
func WriteChat(t *tokenizer.Tokenizer, parsed *template.Template, messages []template.Message) (string, error) {
	c := template.Conversation{AddGenerationPrompt: true}
	for _, m := range messages {
		c.Messages = append(c.Messages, template.Message{Role: m.Role, Content: t.Shield(m.Content)})
	}
	if id, ok := t.BOS(); ok {
		c.BOS = t.Piece(id)
	}
	if id, ok := t.EOS(); ok {
		c.EOS = t.Piece(id)
	}
	return parsed.Render(c)
}
