package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"

	"spatten/checkpoint"
)

// FromCheckpoint reads the tokenizer that lies beside a model's weights: in the metadata of a GGUF file, else as
// tokenizer.json with tokenizer_config.json and chat_template.jinja where they exist.
func FromCheckpoint(c *checkpoint.Checkpoint) (*Tokenizer, error) {
	m := c.Metadata()
	_, inFile := m.String("tokenizer.ggml.model")
	raw, err := c.File("tokenizer.json")
	if m != nil && (inFile || errors.Is(err, fs.ErrNotExist)) {
		t, err := FromGGUF(m)
		return t, wrap(c, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: tokenizer: %w", c.Name(), err)
	}
	t, err := FromJSON(raw)
	if err != nil {
		return nil, wrap(c, err)
	}
	if raw, ok, err := optional(c, "tokenizer_config.json"); err != nil {
		return nil, err
	} else if ok {
		if err := t.Configure(raw); err != nil {
			return nil, wrap(c, err)
		}
	}
	if raw, ok, err := optional(c, "chat_template.jinja"); err != nil {
		return nil, err
	} else if ok {
		t.chat = string(raw)
	}
	return t, nil
}

func wrap(c *checkpoint.Checkpoint, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", c.Name(), err)
}

// optional returns a file that a checkpoint may have.
func optional(c *checkpoint.Checkpoint, name string) ([]byte, bool, error) {
	raw, err := c.File(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %s: %w", c.Name(), name, err)
	}
	return raw, true, nil
}
