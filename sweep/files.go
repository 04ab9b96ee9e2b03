package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Files gives jobs the content that they name.
type Files interface {
	// Path returns a local file with the content of that hash, which it has verified.
	Path(ctx context.Context, hash string) (string, error)
}

// Cache keeps content in a folder, a file a hash. Several processes may use one folder. It may be deleted at any time
// between jobs.
type Cache struct {
	dir   string
	fetch func(ctx context.Context, hash string, to io.Writer) error
	mu    sync.Mutex
	good  map[string]bool // verified by this process
}

// NewCache keeps in dir what fetch brings.
func NewCache(dir string, fetch func(ctx context.Context, hash string, to io.Writer) error) (*Cache, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("sweep: cache: %w", err)
	}
	return &Cache{dir: dir, fetch: fetch, good: map[string]bool{}}, nil
}

// Path implements Files. A file that is damaged is fetched again.
func (c *Cache) Path(ctx context.Context, hash string) (string, error) {
	if !isHash(hash) {
		return "", fmt.Errorf("sweep: %q names no content", hash)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	path := filepath.Join(c.dir, hash)
	if c.good[hash] {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	have, err := hashFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("sweep: cache: %w", err)
	}
	if have != hash {
		if err := c.bring(ctx, hash, path); err != nil {
			return "", err
		}
	}
	c.good[hash] = true
	return path, nil
}

// bring fetches content beside its place, and puts it there when its hash is right.
func (c *Cache) bring(ctx context.Context, hash, path string) error {
	f, err := os.CreateTemp(c.dir, "part-*")
	if err != nil {
		return fmt.Errorf("sweep: cache: %w", err)
	}
	defer os.Remove(f.Name())
	if err := errors.Join(c.fetch(ctx, hash, f), f.Close()); err != nil {
		return fmt.Errorf("sweep: fetch %.12s: %w", hash, err)
	}
	have, err := hashFile(f.Name())
	if err != nil {
		return fmt.Errorf("sweep: cache: %w", err)
	}
	if have != hash {
		return fmt.Errorf("sweep: fetch %.12s: what came has the hash %.12s", hash, have)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("sweep: cache: %w", err)
	}
	return nil
}

// read returns small content.
func read(ctx context.Context, files Files, hash string) ([]byte, error) {
	path, err := files.Path(ctx, hash)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// copyFrom is the fetch of a plan's own content.
func (p *Plan) copyFrom(_ context.Context, hash string, to io.Writer) error {
	s, ok := p.files[hash]
	if !ok {
		return errors.New("the plan has no such content")
	}
	r, err := s.open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(to, r)
	return err
}
