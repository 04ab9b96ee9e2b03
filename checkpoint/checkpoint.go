// Package checkpoint is stage 1, a model on disk to named tensors: it reads folders, files and embedded models and writes
// tensors and metadata. It trusts nothing and knows no model.
package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"spatten/checkpoint/dtype"
	"spatten/checkpoint/gguf"
	"spatten/checkpoint/safetensors"
)

// Tensor is a named array. Its bytes belong to the checkpoint: they must not be changed, are valid until it is closed, and
// may begin at any address.
type Tensor struct {
	Name  string
	Type  dtype.Type
	Shape []int // outermost first: a matrix is [out, in]
	Data  []byte
}

// Checkpoint is an opened model.
type Checkpoint struct {
	name     string
	format   string
	tensors  map[string]Tensor
	metadata gguf.Metadata
	side     fs.FS    // where config.json and its like are; nil for a lone file
	maps     []mapped // to be released
}

// maxSideFile bounds config.json, tokenizer.json and their like, in bytes.
const maxSideFile = 256 << 20

// Open opens a folder (config.json with model.safetensors, a sharded model.safetensors.index.json, or one .gguf), a
// .gguf file (any of its parts, where it is split) or a .safetensors file. Weights are mapped, not read; the files must not be shortened while they are open.
func Open(name string) (*Checkpoint, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	dir, file := name, ""
	if !info.IsDir() {
		dir, file = filepath.Dir(name), filepath.Base(name)
	}
	c := &Checkpoint{name: name, tensors: map[string]Tensor{}, side: os.DirFS(dir)}
	if err := c.load(file, func(file string) (mapped, error) { return mapFile(filepath.Join(dir, file)) }); err != nil {
		c.Close()
		return nil, err
	}
	if file != "" && c.format == "gguf" {
		c.side = nil // a GGUF file is whole by itself; what lies beside it is another model's
	}
	return c, nil
}

// OpenFS opens a model that lies in fsys, which serves its files from memory.
func OpenFS(fsys fs.FS, name string) (*Checkpoint, error) {
	c := &Checkpoint{name: name, tensors: map[string]Tensor{}, side: fsys}
	err := c.load("", func(file string) (mapped, error) {
		info, err := fs.Stat(fsys, file)
		if err != nil {
			return mapped{}, err
		}
		if !info.Mode().IsRegular() {
			return mapped{}, fmt.Errorf("%s is not a regular file", file)
		}
		data, err := fs.ReadFile(fsys, file)
		return mapped{data: data}, err
	})
	return c, err
}

// load finds the weights among the files and opens them with open.
func (c *Checkpoint) load(file string, open func(string) (mapped, error)) error {
	if file == "" {
		var err error
		if file, err = c.weights(); err != nil {
			return err
		}
	}
	switch ext := strings.ToLower(path.Ext(file)); ext {
	case ".gguf":
		return c.loadGGUF(file, open)
	case ".safetensors":
		c.format = "safetensors"
		return c.loadShard(file, open, nil)
	case ".json":
		c.format = "safetensors"
		return c.loadIndex(file, open)
	default:
		return fmt.Errorf("checkpoint: %s: weights are read from .safetensors and .gguf files, not from %q", c.name, ext)
	}
}

// weights names the file of a folder that holds or lists the weights.
func (c *Checkpoint) weights() (string, error) {
	for _, name := range []string{"model.safetensors", indexFile} {
		_, err := fs.Stat(c.side, name)
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("checkpoint: %s: %w", c.name, err)
		}
	}
	entries, err := fs.ReadDir(c.side, ".")
	if err != nil {
		return "", fmt.Errorf("checkpoint: %s: %w", c.name, err)
	}
	var found []string
	for _, e := range entries {
		if path.Ext(e.Name()) == ".gguf" {
			found = append(found, e.Name())
		}
	}
	switch found = gguf.Whole(found); len(found) {
	case 0:
		return "", fmt.Errorf("checkpoint: %s holds no model.safetensors, no %s and no .gguf file", c.name, indexFile)
	case 1:
		return found[0], nil
	default:
		return "", fmt.Errorf("checkpoint: %s holds %d .gguf files (%s); name one of them", c.name, len(found), strings.Join(found, ", "))
	}
}

// loadShard adds the tensors of one safetensors file; want, where not nil, says which file each belongs in.
func (c *Checkpoint) loadShard(file string, open func(string) (mapped, error), want map[string]string) error {
	m, err := open(file)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	c.maps = append(c.maps, m)
	f, err := safetensors.Parse(m.data)
	if err != nil {
		return fmt.Errorf("checkpoint: %s: %w", file, err)
	}
	for _, t := range f.Tensors {
		if want != nil && want[t.Name] != file {
			return fmt.Errorf("checkpoint: %s holds tensor %q, which the index places in %q", file, t.Name, want[t.Name])
		}
		c.tensors[t.Name] = Tensor(t)
	}
	return nil
}

// Name returns the name that the checkpoint was opened by.
func (c *Checkpoint) Name() string { return c.name }

// Format returns "gguf" or "safetensors".
func (c *Checkpoint) Format() string { return c.format }

// Metadata returns a GGUF file's key-value store; it is empty for safetensors.
func (c *Checkpoint) Metadata() gguf.Metadata { return c.metadata }

// Tensor returns a tensor by name.
func (c *Checkpoint) Tensor(name string) (Tensor, bool) {
	t, ok := c.tensors[name]
	return t, ok
}

// Names returns the names of all tensors, sorted.
func (c *Checkpoint) Names() []string {
	names := make([]string, 0, len(c.tensors))
	for name := range c.tensors {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Bytes returns the size of all tensors.
func (c *Checkpoint) Bytes() int64 {
	var n int64
	for _, t := range c.tensors {
		n += int64(len(t.Data))
	}
	return n
}

// File reads a file that lies beside the weights, such as config.json. The error wraps fs.ErrNotExist where there is none.
func (c *Checkpoint) File(name string) ([]byte, error) {
	if c.side == nil {
		return nil, fmt.Errorf("checkpoint: %s is a single file without %s: %w", c.name, name, fs.ErrNotExist)
	}
	info, err := fs.Stat(c.side, name)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", c.name, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSideFile {
		return nil, fmt.Errorf("checkpoint: %s: %s is no regular file of at most %d MiB", c.name, name, maxSideFile>>20)
	}
	data, err := fs.ReadFile(c.side, name)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", c.name, err)
	}
	return data, nil
}

// Forget gives back the memory that the pages of some mapped bytes of a tensor take. They stay readable: the pages come from
// the file again when they are touched.
func (c *Checkpoint) Forget(data []byte) {
	for _, m := range c.maps {
		m.forget(data)
	}
}

// Close releases the mapped files. Tensors must not be used afterwards.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, m := range c.maps {
		errs = append(errs, m.release())
	}
	c.maps, c.tensors = nil, nil
	return errors.Join(errs...)
}
