// Package shared finds the reference material (models, data, oracles) that lies beside a checkout in ../shared.
// The project builds and passes its tests without it; tests that need it skip with a reason that .ci/run knows.
package shared

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of a file or folder of ../shared, named by its slash-separated parts
// ("models", "tiny-gpt2-f16"), and skips the test where the whole of ../shared is absent.
// A missing file inside a present ../shared fails the test.
func Path(t testing.TB, parts ...string) string {
	t.Helper()
	root := filepath.Join(Root(t), "..", "shared")
	if _, err := os.Stat(root); err != nil {
		t.Skip("skipped without ../shared")
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("reference file: %v", err)
	}
	return path
}

// Root returns the root of the checkout: the nearest folder upwards that holds go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
