package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Cache returns the folder of the cache: $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub.
func Cache() (string, error) {
	if dir := os.Getenv("HF_HUB_CACHE"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("HF_HOME"); dir != "" {
		return filepath.Join(dir, "hub"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("hub: no home folder for the cache; set HF_HUB_CACHE: %w", err)
	}
	return filepath.Join(home, ".cache", "huggingface", "hub"), nil
}

// Resolve returns the path of a model: that of a folder or file, or of the snapshot of a pulled one (of one file in it,
// where the name ends in :file).
func Resolve(name string) (string, error) {
	if name == "" {
		return "", errors.New("hub: no model was named")
	}
	if _, err := os.Stat(name); err == nil {
		return name, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("hub: %w", err)
	}
	n, ok := Parse(name)
	if !ok {
		return "", fmt.Errorf("hub: no file or folder %q, and no name of the form org/model[@revision][:file]", name)
	}
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	store := store{root: filepath.Join(cache, n.Folder())}
	dir, err := store.resolve(n.Revision)
	if err != nil {
		return "", fmt.Errorf("hub: no file or folder %q, and not pulled (%w); fetch it with: spatten pull %s", name, err, n)
	}
	if n.File == "" {
		return dir, nil
	}
	file, err := pickFile(n.File, names(dir))
	if err != nil {
		return "", fmt.Errorf("hub: %s holds %w; fetch it with: spatten pull %s", dir, err, n)
	}
	return filepath.Join(dir, filepath.FromSlash(file)), nil
}

// names lists the files of a folder and of the folders in it.
func names(dir string) []string {
	var list []string
	fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return nil
	})
	return list
}

// store is a model's folder in a cache:
//
//	blobs/<checksum>             the contents of files; <checksum>.incomplete while they arrive
//	snapshots/<commit>/<file>    links to blobs
//	refs/<branch or tag>         the commit that it stood for when it was pulled
type store struct{ root string }

// commitName is a full commit id. Only such names and those read from refs become folders.
var commitName = regexp.MustCompile(`^[0-9a-f]{40}$`)

func (s store) blob(checksum string) string { return filepath.Join(s.root, "blobs", checksum) }

func (s store) snapshot(commit string) string { return filepath.Join(s.root, "snapshots", commit) }

// resolve finds the folder of a revision.
func (s store) resolve(revision string) (string, error) {
	commit := revision
	ref := filepath.Join(s.root, "refs", filepath.FromSlash(revision))
	if content, err := os.ReadFile(ref); err == nil {
		commit = strings.TrimSpace(string(content))
	} else if !commitName.MatchString(revision) {
		return "", fmt.Errorf("no %s", ref)
	}
	if commit == "" || !filepath.IsLocal(commit) || commit != filepath.Base(commit) {
		return "", fmt.Errorf("%s names no commit", ref)
	}
	dir := s.snapshot(commit)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("no %s", dir)
	}
	return dir, nil
}

// link makes a snapshot's file point to its blob.
func (s store) link(commit, file, checksum string) error {
	path := filepath.Join(s.snapshot(commit), filepath.FromSlash(file))
	blob := s.blob(checksum)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	target, err := filepath.Rel(filepath.Dir(path), blob)
	if err != nil {
		return err
	}
	if old, err := os.Readlink(path); err == nil && old == target {
		return nil
	}
	temporary := fmt.Sprintf("%s.%d.link", path, os.Getpid())
	os.Remove(temporary)
	if err := os.Symlink(target, temporary); err != nil {
		if err := os.Link(blob, temporary); err != nil { // a system without symbolic links
			return err
		}
	}
	return os.Rename(temporary, path)
}

// setRef records which commit a branch or tag stands for.
func (s store) setRef(revision, commit string) error {
	if revision == commit {
		return nil
	}
	path := filepath.Join(s.root, "refs", filepath.FromSlash(revision))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary := fmt.Sprintf("%s.%d.new", path, os.Getpid())
	if err := os.WriteFile(temporary, []byte(commit), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
