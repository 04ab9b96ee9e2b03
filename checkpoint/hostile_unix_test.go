//go:build unix

package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNoRegularFile opens what would block or never end, had it been opened or read (CVE-2024-39721: /dev/random).
func TestNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, pipe := range []string{"pipe.gguf", "a/model.safetensors", "b/" + indexFile, "c/config.json"} {
		if err := os.MkdirAll(filepath.Dir(in(pipe)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mkfifo(in(pipe), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/zero", in("zero.safetensors")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop.gguf", in("loop.gguf")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in("c/model.safetensors"), []byte(oneTensor("a")), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		for path, says := range map[string]string{
			"/dev/random": "weights are read from", in("zero.safetensors"): "not a regular file", in("pipe.gguf"): "not a regular file",
			in("a"): "not a regular file", in("b"): "no regular file", in("loop.gguf"): "symbolic links", in("absent"): "no such file",
		} {
			if _, err := Open(path); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %q", path, err, says)
			}
		}
		c, err := Open(in("c"))
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if _, err := c.File("config.json"); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Error(err)
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("opening hangs")
	}
}
