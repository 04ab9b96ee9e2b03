// Package lint holds the rules of the tree as tests: who may import whom, and how long a file may be.
package lint

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"spatten/internal/shared"
)

// order is the data's way through the code. A package imports only packages above its own line (or before
// it on the line), its own subfolders and internal/; a subfolder never imports its parent.
var order = []string{
	"models",
	"checkpoint/dtype", "checkpoint/safetensors", "checkpoint/gguf", "checkpoint/hub", "checkpoint",
	"tokenizer",
	"tensor",
	"attention/record", "attention/stored", "attention/kernel", "attention/topk", "attention/quant", "attention/fixed", "attention",
	"model/param", "model/batch", "model/bert", "model/gpt2", "model/llama", "model",
	"generate",
	"trace",
	"accel/config", "accel/pipe", "accel/hbm", "accel/reference", "accel/fetch", "accel/crossbar", "accel/bitwidth", "accel/qk", "accel/softmax",
	"accel/requant", "accel/topk", "accel/pv", "accel/importance", "accel/fc", "accel/energy", "accel/area", "accel/synthetic", "accel",
	"rival",
	"report", "eval", "bench", "tune",
	"paper/page", "paper/beyond", "paper/live", "paper", "sweep",
	"web", "serve",
	"cmd/spatten",
	"examples",
}

const module = "spatten/"

// maxLines is the longest a hand-written source file may be.
const maxLines = 600

// position returns a package's place in order, by its longest listed prefix, and whether it is listed.
func position(pkg string) (int, bool) {
	best, at := -1, -1
	for i, p := range order {
		if (pkg == p || strings.HasPrefix(pkg, p+"/")) && len(p) > best {
			best, at = len(p), i
		}
	}
	return at, at >= 0
}

func TestImportDirection(t *testing.T) {
	root := shared.Root(t)
	eachGoFile(t, root, func(path, pkg string, src []byte) {
		if strings.HasPrefix(pkg, "internal") {
			return
		}
		from, ok := position(pkg)
		if !ok {
			t.Errorf("%s: package %s has no place in the order of the tree", path, pkg)
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range file.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			target, ours := strings.CutPrefix(name, module)
			if !ours || strings.HasPrefix(target, "internal/") || target == pkg || strings.HasPrefix(target, pkg+"/") {
				continue
			}
			if strings.HasPrefix(pkg, target+"/") {
				t.Errorf("%s: subfolder %s imports its parent %s", path, pkg, target)
				continue
			}
			if strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(target, "cmd/") {
				continue // a test may look at the whole flow
			}
			if to, ok := position(target); !ok || to >= from {
				t.Errorf("%s: %s imports %s, which is not above it in the order of the tree", path, pkg, target)
			}
			if strings.HasPrefix(pkg, "accel") && (strings.HasPrefix(target, "model") || target == "tokenizer") {
				t.Errorf("%s: the accelerator imports %s; it may know only the trace", path, target)
			}
		}
	})
}

func TestFileSize(t *testing.T) {
	root := shared.Root(t)
	eachGoFile(t, root, func(path, _ string, src []byte) {
		if strings.HasSuffix(path, "_test.go") || bytes.HasPrefix(src, []byte("// Code generated")) {
			return
		}
		if n := bytes.Count(src, []byte{'\n'}); n > maxLines {
			t.Errorf("%s has %d lines; split it by idea (at most %d)", path, n, maxLines)
		}
	})
}

// eachGoFile calls f with every Go file of the checkout: its path and its folder relative to the root.
func eachGoFile(t *testing.T, root string, f func(path, pkg string, src []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		f(filepath.ToSlash(rel), filepath.ToSlash(filepath.Dir(rel)), src)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
