// Package web holds the page that shows attention pruned live: plain files, embedded, without a build step.
package web

import (
	"embed"
	"io/fs"
)

//go:embed static
var files embed.FS

// Files are the page's files, index.html at their root.
var Files = sub()

func sub() fs.FS {
	f, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return f
}
