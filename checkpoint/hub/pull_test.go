package hub

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// quick are options that do not wait long.
func quick() Options { return Options{Wait: time.Millisecond, Idle: 5 * time.Second} }

func TestPull(t *testing.T) {
	f := newFake(t)
	var last Progress
	o := quick()
	o.Progress = func(p Progress) {
		if p.Done < last.Done && p.File == last.File || p.Done > p.Total {
			t.Errorf("progress from %v to %v", last, p)
		}
		last = p
	}
	result, err := Pull(t.Context(), "org/model", o)
	if err != nil {
		t.Fatal(err)
	}
	f.check(result.Path, "config.json", "tokenizer.json", "model.safetensors")
	if last.Done != last.Total || last.Total != result.Bytes || result.Bytes != 3<<20+21+2 {
		t.Errorf("last progress %v, result of %d bytes", last, result.Bytes)
	}
	// The layout that other tools of the hub read.
	root := filepath.Join(os.Getenv("HF_HUB_CACHE"), "models--org--model")
	if want := filepath.Join(root, "snapshots", commit); result.Path != want || result.Commit != commit {
		t.Errorf("path %s, want %s", result.Path, want)
	}
	target, err := os.Readlink(filepath.Join(result.Path, "model.safetensors"))
	if want := "../../blobs/" + sha256Of(f.files["model.safetensors"]); err != nil || filepath.ToSlash(target) != want {
		t.Errorf("link to %s, %v; want %s", target, err, want)
	}
	if _, err := os.Stat(filepath.Join(root, "blobs", gitOf(f.files["config.json"]))); err != nil {
		t.Error(err)
	}
	if ref, err := os.ReadFile(filepath.Join(root, "refs", "main")); err != nil || string(ref) != commit {
		t.Errorf("refs/main is %q, %v", ref, err)
	}
	if path, err := Resolve("org/model"); err != nil || path != result.Path {
		t.Errorf("resolved to %s, %v", path, err)
	}
	f.asked()
	again, err := Pull(t.Context(), "org/model", quick())
	if err != nil || !again.Files[2].Cached || f.asked() != "" {
		t.Errorf("pulled again: %+v, %v", again, err)
	}
}

func TestPullRevision(t *testing.T) {
	f := newFake(t)
	if _, err := Pull(t.Context(), "org/model@refs/pr/1", quick()); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve("org/model"); err == nil {
		t.Error("main was not pulled, but is found")
	}
	for _, name := range []string{"org/model@refs/pr/1", "org/model@" + commit} {
		path, err := Resolve(name)
		if err != nil {
			t.Fatal(err)
		}
		f.check(path, "config.json", "tokenizer.json", "model.safetensors")
	}
}

func TestPullRenamed(t *testing.T) {
	f := newFake(t)
	result, err := Pull(t.Context(), "org/old", quick())
	if err != nil {
		t.Fatal(err)
	}
	f.check(result.Path, "config.json", "tokenizer.json", "model.safetensors")
}

func TestPullShards(t *testing.T) {
	f := newFake(t)
	delete(f.files, "model.safetensors")
	f.put(index, `{"weight_map":{"a":"model-00001-of-00002.safetensors"}}`)
	f.putLarge("model-00001-of-00002.safetensors", 1000)
	f.putLarge("model-00002-of-00002.safetensors", 0)
	f.put("1_Pooling/config.json", `{"word_embedding_dimension":4}`)
	result, err := Pull(t.Context(), "org/model", quick())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, file := range result.Files {
		got = append(got, file.Name)
	}
	want := []string{"1_Pooling/config.json", "config.json", "tokenizer.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", index}
	if !slices.Equal(got, want) {
		t.Errorf("pulled %v, want %v", got, want)
	}
	for _, name := range want {
		content, err := os.ReadFile(filepath.Join(result.Path, name))
		if err != nil || !bytes.Equal(content, f.files[name]) {
			t.Errorf("%s: %d bytes, %v", name, len(content), err)
		}
	}
}

func TestPullGGUF(t *testing.T) {
	f := newFake(t)
	f.files = map[string][]byte{}
	f.putLarge("Model.Q4_0.gguf", 100)
	f.putLarge("Model.Q8_0.gguf", 200)
	if _, err := Pull(t.Context(), "org/model", quick()); err == nil || !strings.Contains(err.Error(), "Model.Q4_0.gguf, Model.Q8_0.gguf; name one") {
		t.Error(err)
	}
	for _, name := range []string{"org/model:q8", "org/model:Model.Q8_0.gguf", "org/model@main:Q8_0"} {
		result, err := Pull(t.Context(), name, quick())
		if err != nil {
			t.Fatal(err)
		}
		if path, err := Resolve(name); err != nil || path != result.Path || filepath.Base(path) != "Model.Q8_0.gguf" {
			t.Errorf("%s: pulled to %s, resolved to %s, %v", name, result.Path, path, err)
		}
		f.check(filepath.Dir(result.Path), "Model.Q8_0.gguf")
	}
	for name, says := range map[string]string{"org/model:Q": "several", "org/model:Q5": "no file"} {
		if _, err := Pull(t.Context(), name, quick()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPullParts(t *testing.T) {
	f := newFake(t)
	f.files = map[string][]byte{}
	for _, name := range []string{"m-q4-00001-of-00002.gguf", "m-q4-00002-of-00002.gguf", "m-q8-00001-of-00001.gguf"} {
		f.putLarge(name, len(f.files)+10)
	}
	result, err := Pull(t.Context(), "org/model:q4", quick())
	if err != nil {
		t.Fatal(err)
	}
	f.check(filepath.Dir(result.Path), "m-q4-00001-of-00002.gguf", "m-q4-00002-of-00002.gguf")
	if path, err := Resolve("org/model:Q4"); err != nil || path != result.Path || filepath.Base(path) != "m-q4-00001-of-00002.gguf" {
		t.Errorf("pulled to %s, resolved to %s, %v", result.Path, path, err)
	}
	delete(f.files, "m-q4-00002-of-00002.gguf")
	if _, err := Pull(t.Context(), "org/model:q4", quick()); err == nil || !strings.Contains(err.Error(), "m-q4-00002-of-00002.gguf") {
		t.Errorf("a part is missing: %v", err)
	}
}

func TestOffline(t *testing.T) {
	f := newFake(t)
	for _, on := range []string{"1", "true", "YES"} {
		t.Setenv("HF_HUB_OFFLINE", on)
		if _, err := Pull(t.Context(), "org/model", quick()); err == nil || !strings.Contains(err.Error(), "HF_HUB_OFFLINE") {
			t.Error(err)
		}
	}
	t.Setenv("HF_HUB_OFFLINE", "0")
	if _, err := Pull(t.Context(), "org/model", quick()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_HUB_OFFLINE", "ON")
	f.hub.Close()
	result, err := Pull(t.Context(), "org/model", quick())
	if err != nil {
		t.Fatal(err)
	}
	f.check(result.Path, "config.json", "tokenizer.json", "model.safetensors")
}

func TestRefusals(t *testing.T) {
	newFake(t)
	for name, says := range map[string]string{
		"org/absent":         "no such model, or it is private",
		"org/gated":          "is gated: accept its terms",
		"org/model@nonsense": `no revision "nonsense"`,
		"model":              "no name of the form",
		"org/../x":           "no name of the form",
	} {
		if _, err := Pull(t.Context(), name, quick()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
	t.Setenv("HF_ENDPOINT", "ftp://x")
	if _, err := Pull(t.Context(), "org/model", quick()); err == nil || !strings.Contains(err.Error(), "HF_ENDPOINT") {
		t.Error(err)
	}
	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:1")
	if _, err := Pull(t.Context(), "org/model", quick()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
}

func TestCancel(t *testing.T) {
	newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	o := quick()
	o.Progress = func(p Progress) {
		if p.File == "model.safetensors" && p.Done > 1<<20 {
			cancel()
		}
	}
	if _, err := Pull(ctx, "org/model", o); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Error(err)
	}
	if _, err := Resolve("org/model"); err == nil {
		t.Error("a model that was not pulled whole is found")
	}
}
