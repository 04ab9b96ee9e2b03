package hub

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options of Pull. The zero value is right for most.
type Options struct {
	Progress  func(Progress)    // called while bytes arrive; nil for silence
	Verify    bool              // read files that are in the cache already and compare their checksums
	MaxBytes  int64             // refuse models that are larger; 0: 200 GB
	Transport http.RoundTripper // nil: the usual one
	Wait      time.Duration     // before the first retry; 0: one second
	Idle      time.Duration     // how long the hub may be silent; 0: one minute
}

// Progress says how far a pull has come.
type Progress struct {
	File        string // the file that is arriving
	Done, Total int64  // bytes of all files that are wanted, those in the cache included
}

// Result is what a pull left in the cache.
type Result struct {
	Name   string `json:"name"`
	Commit string `json:"commit,omitempty"` // of what was fetched
	Path   string `json:"path"`             // the folder, or the file that was named
	Bytes  int64  `json:"bytes"`
	Files  []File `json:"files"`
}

// File is one file of a Result.
type File struct {
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	Checksum string `json:"checksum"` // SHA-256, or SHA-1 of the git blob
	Cached   bool   `json:"cached"`   // it was there already
}

const defaultMaxBytes = 200e9

// Pull fetches what is needed to run a model, named org/model[@revision][:file], into the cache. Files that are there are
// not fetched again, files that were begun are continued, and every file is checked before it gets its name. The revision
// is recorded last: a pull that ended early changes nothing for those who use the model. Settings are read from the
// environment as the hub's own tools do: HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, HF_HUB_CACHE, HF_HOME.
func Pull(ctx context.Context, name string, o Options) (*Result, error) {
	n, ok := Parse(name)
	if !ok {
		return nil, fmt.Errorf("hub: %q is no name of the form org/model[@revision][:file]", name)
	}
	if offline() {
		path, err := Resolve(name)
		if err != nil {
			return nil, fmt.Errorf("hub: HF_HUB_OFFLINE is set, so nothing is fetched: %w", err)
		}
		return &Result{Name: n.String(), Path: path}, nil
	}
	result, err := pull(ctx, n, o)
	if err != nil {
		return nil, fmt.Errorf("hub: pull %s: %w", n, err)
	}
	return result, nil
}

// offline reports whether HF_HUB_OFFLINE is set, by the hub's reading of truth.
func offline() bool {
	switch strings.ToUpper(os.Getenv("HF_HUB_OFFLINE")) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

func pull(ctx context.Context, n Name, o Options) (*Result, error) {
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	c, err := newClient(o.Transport)
	if err != nil {
		return nil, err
	}
	if o.Wait == 0 {
		o.Wait = time.Second
	}
	if o.Idle == 0 {
		o.Idle = time.Minute
	}
	commit, files, err := c.plan(ctx, n, o)
	if err != nil {
		return nil, err
	}
	store := store{filepath.Join(cache, n.Folder())}
	d := &download{
		client: c, name: n, commit: commit, store: store, options: o,
		locks: filepath.Join(cache, ".locks", n.Folder()),
	}
	result := &Result{Name: n.String(), Commit: commit, Path: store.snapshot(commit)}
	for _, f := range files {
		d.total += f.size
	}
	for _, f := range files {
		cached, err := d.fetch(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if err := store.link(commit, f.name, f.checksum); err != nil {
			return nil, err
		}
		result.Bytes += f.size
		result.Files = append(result.Files, File{f.name, f.size, f.checksum, cached})
	}
	if n.File != "" {
		result.Path = filepath.Join(result.Path, filepath.FromSlash(files[0].name))
	}
	return result, store.setRef(n.Revision, commit)
}

// plan asks the hub for the commit and chooses and describes the files.
func (c *client) plan(ctx context.Context, n Name, o Options) (commit string, files []file, err error) {
	var all []string
	err = again(ctx, o.Wait, func() (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, o.Idle)
		defer cancel()
		commit, all, err = c.files(ctx, n)
		return false, err
	})
	if err != nil {
		return "", nil, err
	}
	chosen, err := choose(n, all)
	if err != nil {
		return "", nil, err
	}
	limit := o.MaxBytes
	if limit == 0 {
		limit = defaultMaxBytes
	}
	left := limit
	for _, name := range chosen {
		var f file
		err := again(ctx, o.Wait, func() (_ bool, err error) {
			ctx, cancel := context.WithTimeout(ctx, o.Idle)
			defer cancel()
			f, err = c.describe(ctx, n, commit, name)
			return false, err
		})
		if err != nil {
			return "", nil, err
		}
		if f.size > left {
			return "", nil, fmt.Errorf("its files are larger than %d bytes in all; raise the limit if you want them", limit)
		}
		left -= f.size
		files = append(files, f)
	}
	return commit, files, nil
}
