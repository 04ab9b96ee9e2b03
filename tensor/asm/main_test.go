package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGeneratedFilesAreCurrent generates the assembly anew and compares it with what is committed, but for the first
// line, which names the command.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	dir := t.TempDir()
	assembly, stubs := filepath.Join(dir, "kernels.s"), filepath.Join(dir, "stubs.go")
	cmd := exec.Command("go", "run", ".", "-out", assembly, "-stubs", stubs, "-pkg", "tensor")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("generator: %v\n%s", err, out)
	}
	for generated, committed := range map[string]string{assembly: "../kernels_amd64.s", stubs: "../stubs_amd64.go"} {
		if !bytes.Equal(rest(t, generated), rest(t, committed)) {
			t.Errorf("%s is out of date: run go generate ./tensor", committed)
		}
	}
}

// rest returns a file without its first line.
func rest(t *testing.T, path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, data, _ = bytes.Cut(data, []byte("\n"))
	return data
}
