package checkpoint

import (
	"fmt"

	"spatten/checkpoint/gguf"
)

// loadGGUF opens a .gguf file, and where it is one part of a model, all of them. The metadata are those of the first.
func (c *Checkpoint) loadGGUF(file string, open func(string) (mapped, error)) error {
	c.format = "gguf"
	f, err := c.addGGUF(file, open)
	if err != nil {
		return err
	}
	count, split := f.Metadata.Uint("split.count")
	if !split || count <= 1 {
		c.metadata = f.Metadata
		return nil
	}
	part, ok := gguf.ParsePart(file)
	if !ok || uint64(part.Count) != count || count > maxShards {
		return fmt.Errorf("checkpoint: %s is one of %d parts; it must be called as in %s, with at most %d parts",
			file, count, gguf.Part{Base: "name", Number: 1, Count: 2}, maxShards)
	}
	opened := part.Number
	for part.Number = 1; part.Number <= part.Count; part.Number++ {
		g := f
		if part.Number != opened {
			if g, err = c.addGGUF(part.String(), open); err != nil {
				return err
			}
		}
		number, _ := g.Metadata.Uint("split.no")
		if n, _ := g.Metadata.Uint("split.count"); n != count || number != uint64(part.Number-1) {
			return fmt.Errorf("checkpoint: %s says that it is part %d of %d", part, number+1, n)
		}
		if part.Number == 1 {
			c.metadata = g.Metadata
		}
	}
	if total, ok := c.metadata.Uint("split.tensors.count"); ok && total != uint64(len(c.tensors)) {
		return fmt.Errorf("checkpoint: the parts of %s hold %d tensors, not the %d of the whole model", part.Base, len(c.tensors), total)
	}
	return nil
}

// addGGUF maps one file and adds its tensors.
func (c *Checkpoint) addGGUF(file string, open func(string) (mapped, error)) (*gguf.File, error) {
	m, err := open(file)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	c.maps = append(c.maps, m)
	f, err := gguf.Parse(m.data)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", file, err)
	}
	for _, t := range f.Tensors {
		if _, twice := c.tensors[t.Name]; twice {
			return nil, fmt.Errorf("checkpoint: %s holds tensor %q, which another part holds too", file, t.Name)
		}
		c.tensors[t.Name] = Tensor(t)
	}
	return f, nil
}
