// Package hub is part of stage 1: it reads names of models and writes paths of files, in the cache layout of the Hugging
// Face hub (huggingface.co/docs/hub/local-cache).
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

// repository is a name on the hub: org/name, optionally @revision.
var repository = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]{0,95})/([A-Za-z0-9][A-Za-z0-9._-]{0,95})(?:@([A-Za-z0-9][A-Za-z0-9._/-]{0,95}))?$`)

// Name is a parsed name of a model on the hub.
type Name struct {
	Org, Model string
	Revision   string // "main" where none was given
}

// Parse splits org/name[@revision].
func Parse(s string) (Name, bool) {
	m := repository.FindStringSubmatch(s)
	if m == nil || strings.Contains(s, "..") {
		return Name{}, false
	}
	if m[3] == "" {
		m[3] = "main"
	}
	return Name{m[1], m[2], m[3]}, true
}

// Folder returns the model's folder in a cache.
func (n Name) Folder() string { return "models--" + n.Org + "--" + n.Model }

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

// Resolve returns the path of a model: that of a folder or file, or of the snapshot of a pulled one.
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
		return "", fmt.Errorf("hub: no file or folder %q, and no name of the form org/model", name)
	}
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	snapshot, err := n.snapshot(cache)
	if err != nil {
		return "", fmt.Errorf("hub: no file or folder %q, and not in the cache %s; fetch it with: spatten pull %s", name, cache, name)
	}
	return snapshot, nil
}

// snapshot finds the folder of the name's revision in a cache.
func (n Name) snapshot(cache string) (string, error) {
	root := filepath.Join(cache, n.Folder())
	commit := n.Revision
	if ref, err := os.ReadFile(filepath.Join(root, "refs", filepath.FromSlash(n.Revision))); err == nil {
		commit = strings.TrimSpace(string(ref))
	}
	if commit == "" || strings.ContainsAny(commit, `/\`) || strings.HasPrefix(commit, ".") {
		return "", fmt.Errorf("hub: the cache names no commit for %s", n.Revision)
	}
	dir := filepath.Join(root, "snapshots", commit)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("hub: no snapshot %s: %w", commit, fs.ErrNotExist)
	}
	return dir, nil
}
