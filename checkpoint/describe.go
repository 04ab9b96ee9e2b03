package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"spatten/checkpoint/gguf"
)

// Description is what a checkpoint holds.
type Description struct {
	Name         string              `json:"name"`
	Format       string              `json:"format"`
	Architecture string              `json:"architecture,omitempty"` // as the file names it
	Parameters   int64               `json:"parameters"`             // elements of all tensors
	Bytes        int64               `json:"bytes"`
	Types        []TypeTotal         `json:"types"`            // largest first
	Config       map[string]any      `json:"config,omitempty"` // config.json, or a GGUF file's metadata; lists only by type and length where they are GGUF's
	Tensors      []TensorDescription `json:"tensors"`          // by name
}

// TypeTotal sums up the tensors of one element format.
type TypeTotal struct {
	Type       string `json:"type"`
	Tensors    int    `json:"tensors"`
	Parameters int64  `json:"parameters"`
	Bytes      int64  `json:"bytes"`
}

// TensorDescription is a tensor without its data.
type TensorDescription struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
	Bytes int64  `json:"bytes"`
}

// Describe lists what the checkpoint holds. A folder without config.json has no configuration; one that cannot be read is an
// error.
func (c *Checkpoint) Describe() (*Description, error) {
	d := &Description{Name: c.name, Format: c.format, Bytes: c.Bytes()}
	totals := map[string]*TypeTotal{}
	for _, name := range c.Names() {
		t := c.tensors[name]
		elements := int64(len(t.Data)) / int64(t.Type.BlockBytes()) * int64(t.Type.BlockElements())
		d.Parameters += elements
		d.Tensors = append(d.Tensors, TensorDescription{name, t.Type.String(), t.Shape, int64(len(t.Data))})
		total := totals[t.Type.String()]
		if total == nil {
			total = &TypeTotal{Type: t.Type.String()}
			totals[total.Type] = total
		}
		total.Tensors++
		total.Parameters += elements
		total.Bytes += int64(len(t.Data))
	}
	for _, total := range totals {
		d.Types = append(d.Types, *total)
	}
	slices.SortFunc(d.Types, func(a, b TypeTotal) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Type, b.Type))
	})
	return d, c.describeConfig(d)
}

// describeConfig fills in the configuration and the architecture that it names.
func (c *Checkpoint) describeConfig(d *Description) error {
	if c.format == "gguf" {
		d.Architecture, _ = c.metadata.String("general.architecture")
		d.Config = map[string]any{}
		for key, value := range c.metadata {
			switch v := value.(type) {
			case gguf.List:
				value = v.String()
			case float64:
				if math.IsNaN(v) || math.IsInf(v, 0) { // JSON has no such numbers
					value = fmt.Sprint(v)
				}
			}
			d.Config[key] = value
		}
		return nil
	}
	data, err := c.File("config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &d.Config); err != nil {
		return fmt.Errorf("checkpoint: config.json of %s: %w", c.name, err)
	}
	d.Architecture, _ = d.Config["model_type"].(string)
	return nil
}
