// Package models holds the models that come with the program: a folder each, with its card.
package models

import (
	"embed"
	"io/fs"
)

//go:embed */*
var files embed.FS

// Names returns the names of the embedded models.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// Open returns the files of an embedded model.
func Open(name string) (fs.FS, bool) {
	if !fs.ValidPath(name) || name == "." {
		return nil, false
	}
	for _, known := range Names() {
		if known == name {
			sub, err := fs.Sub(files, name)
			return sub, err == nil
		}
	}
	return nil, false
}
