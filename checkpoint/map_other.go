//go:build !unix

package checkpoint

import (
	"fmt"
	"os"
)

// mapped is a file's bytes.
type mapped struct{ data []byte }

// mapFile reads a regular file whole, where files cannot be mapped.
func mapFile(name string) (mapped, error) {
	info, err := os.Stat(name)
	if err != nil {
		return mapped{}, err
	}
	if !info.Mode().IsRegular() {
		return mapped{}, fmt.Errorf("%s is not a regular file", name)
	}
	data, err := os.ReadFile(name)
	return mapped{data}, err
}

// forget does nothing: what was read stays.
func (m mapped) forget([]byte) {}

func (m mapped) release() error { return nil }
