package param

import (
	"fmt"

	"spatten/checkpoint"
)

// Open returns the fields of a checkpoint's configuration: a GGUF file's metadata, or config.json.
func Open(c *checkpoint.Checkpoint) (fields *Numbers, gguf bool, err error) {
	if c.Format() == "gguf" {
		m := c.Metadata()
		return Metadata("metadata of "+c.Name(), func(name string) (any, bool) {
			v, ok := m[name]
			return v, ok
		}), true, nil
	}
	data, err := c.File("config.json")
	if err != nil {
		return nil, false, fmt.Errorf("model: %w", err)
	}
	fields, err = JSON("config.json of "+c.Name(), data)
	return fields, false, err
}

// Rows returns the rows of a matrix, or 0 where it is missing or none: what a configuration that does not say takes
// for its vocabulary or its labels.
func Rows(c *checkpoint.Checkpoint, name string) int {
	t, ok := c.Tensor(name)
	if !ok || len(t.Shape) != 2 {
		return 0
	}
	return t.Shape[0]
}
