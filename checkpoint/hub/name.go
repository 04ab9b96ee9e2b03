// Package hub is part of stage 1: it reads names of models and writes paths of files. Models that are not here it fetches
// from the Hugging Face hub, into the cache layout that all its tools share (huggingface.co/docs/hub/local-cache).
package hub

import (
	"regexp"
	"strings"
)

// repository is a name on the hub: org/model, optionally @revision, optionally :file.
var repository = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]{0,95})/([A-Za-z0-9][A-Za-z0-9._-]{0,95})(?:@([A-Za-z0-9][A-Za-z0-9._/-]{0,95}))?(?::([A-Za-z0-9][A-Za-z0-9._/-]{0,250}))?$`)

// Name is a parsed name of a model on the hub.
type Name struct {
	Org, Model string
	Revision   string // a branch, tag or commit; "main" where none was given
	File       string // a file of the model or a part of a .gguf file's name ("Q4_K_M"); usually empty
}

// Parse splits org/model[@revision][:file].
func Parse(s string) (Name, bool) {
	m := repository.FindStringSubmatch(s)
	if m == nil || strings.Contains(s, "..") || strings.Contains(s, "//") {
		return Name{}, false
	}
	n := Name{Org: m[1], Model: m[2], Revision: m[3], File: m[4]}
	if n.Revision == "" {
		n.Revision = "main"
	}
	return n, true
}

// String returns the name as Parse reads it.
func (n Name) String() string {
	s := n.Repository()
	if n.Revision != "main" {
		s += "@" + n.Revision
	}
	if n.File != "" {
		s += ":" + n.File
	}
	return s
}

// Repository returns org/model.
func (n Name) Repository() string { return n.Org + "/" + n.Model }

// Folder returns the model's folder in a cache.
func (n Name) Folder() string { return "models--" + n.Org + "--" + n.Model }
