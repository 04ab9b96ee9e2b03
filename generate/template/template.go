// Package template renders chat templates: it reads a conversation and writes the prompt that a model was trained on.
//
// A template comes with a model and is input, not code. This is a closed subset of Jinja 2, as Hugging Face's
// tokenizers set it up (trim_blocks and lstrip_blocks on): for, if, set, expressions, and the filters, tests and
// string methods listed in filter.go, test.go and method.go. Attributes are the keys of maps and of the loop, nothing
// else; there are no macros, imports or clocks; a tuple is a list. What is outside is an error that names it. Steps, output and
// nesting are bounded.
package template

import (
	"fmt"
	"slices"
	"strings"
)

// Limits of one template.
const (
	maxSource = 1 << 20 // bytes of a template
	maxDepth  = 64      // nesting of statements, and of expressions
	maxSteps  = 1 << 22 // nodes evaluated and values copied
	maxOutput = 1 << 24 // bytes rendered, and of one string on the way
	maxBuilt  = 1 << 28 // bytes of all strings on the way
)

// Template is a parsed chat template. It may be rendered by several goroutines at once.
type Template struct{ body []statement }

// Message is one turn of a conversation.
type Message struct {
	Role    string // "system", "user", "assistant"
	Content string
}

// Conversation is what a template is given.
type Conversation struct {
	Messages            []Message
	AddGenerationPrompt bool   // end with the beginning of the assistant's turn
	BOS, EOS            string // the pieces of those tokens, bos_token and eos_token of the template
	// Extra are further variables (tools, documents, enable_thinking …): nil, bool, integers, floats, strings,
	// []any, map[string]any, or json.RawMessage, which keeps the order of its keys.
	Extra map[string]any
}

// Parse reads a template. Errors say the line.
func Parse(src string) (*Template, error) {
	if len(src) > maxSource {
		return nil, fmt.Errorf("chat template: %d bytes long (at most %d)", len(src), maxSource)
	}
	tokens, err := lex(src)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	p := &parser{tokens: tokens}
	body, err := p.body(0)
	if err == nil && p.peek().kind != kindEnd {
		err = p.fail("%q without its beginning", p.peekAt(1).text)
	}
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	return &Template{body}, nil
}

// RaisedError is the message of a template that refused the conversation by raise_exception.
type RaisedError struct{ Message string }

func (e *RaisedError) Error() string { return e.Message }

// Render writes a conversation as the template says.
func (t *Template) Render(c Conversation) (string, error) {
	messages := make(list, 0, len(c.Messages))
	for _, m := range c.Messages {
		d := newDict()
		d.set("role", m.Role)
		d.set("content", m.Content)
		messages = append(messages, d)
	}
	vars := map[string]any{
		"messages": messages, "add_generation_prompt": c.AddGenerationPrompt,
		"bos_token": c.BOS, "eos_token": c.EOS, "tools": nil, "documents": nil,
	}
	names := make([]string, 0, len(c.Extra))
	for name := range c.Extra {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v, err := fromGo(c.Extra[name], 0)
		if err != nil {
			return "", fmt.Errorf("chat template: variable %s: %w", name, err)
		}
		vars[name] = v
	}
	s := &state{scopes: []map[string]any{vars, {}}, out: new(strings.Builder)}
	if _, err := s.run(t.body); err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	return s.out.String(), nil
}
