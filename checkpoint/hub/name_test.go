package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for s, want := range map[string]Name{
		"org/model":                   {"org", "model", "main", ""},
		"org/model@main":              {"org", "model", "main", ""},
		"org/model@v1.0":              {"org", "model", "v1.0", ""},
		"Org-1/Mo_del.2@refs/pr/3":    {"Org-1", "Mo_del.2", "refs/pr/3", ""},
		"org/model:Q4_K_M":            {"org", "model", "main", "Q4_K_M"},
		"org/model@x:sub/a-Q8_0.gguf": {"org", "model", "x", "sub/a-Q8_0.gguf"},
	} {
		got, ok := Parse(s)
		if !ok || got != want {
			t.Errorf("%s: %+v, %v", s, got, ok)
		}
		if again, ok := Parse(got.String()); !ok || again != got {
			t.Errorf("%s is printed as %s", s, got)
		}
	}
	for _, s := range []string{
		"", "model", "org/", "/model", "../model", "org/..", "a/b/c", "org/model@", "org/model@../x", "org/model@/x", "org/model:", "org/model:../x",
		"org/model@a//b", "org model/x", "org/mod\x00el", "org/" + strings.Repeat("m", 97), ".hidden/model", "https://huggingface.co/org/model",
	} {
		if got, ok := Parse(s); ok {
			t.Errorf("%q is read as %+v", s, got)
		}
	}
}

func TestCache(t *testing.T) {
	t.Setenv("HF_HUB_CACHE", "")
	t.Setenv("HF_HOME", "")
	t.Setenv("HOME", filepath.Join("/", "home", "x"))
	t.Setenv("USERPROFILE", filepath.Join("/", "home", "x"))
	want := filepath.Join("/", "home", "x", ".cache", "huggingface", "hub")
	if got, err := Cache(); err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
	t.Setenv("HF_HOME", "h")
	if got, _ := Cache(); got != filepath.Join("h", "hub") {
		t.Error(got)
	}
	t.Setenv("HF_HUB_CACHE", "c")
	if got, _ := Cache(); got != "c" {
		t.Error(got)
	}
}

func TestResolve(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	root := filepath.Join(cache, "models--org--model")
	snapshot := filepath.Join(root, "snapshots", commit)
	for path, content := range map[string]string{
		filepath.Join(root, "refs", "main"):    commit + "\n",
		filepath.Join(root, "refs", "outside"): "../../..",
		filepath.Join(root, "refs", "gone"):    strings.Repeat("f", 40),
		filepath.Join(snapshot, "a.Q4_0.gguf"): "",
		filepath.Join(snapshot, "config.json"): "",
		filepath.Join(cache, "file"):           "",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"org/model": snapshot, "org/model@main": snapshot, "org/model@" + commit: snapshot,
		"org/model:q4": filepath.Join(snapshot, "a.Q4_0.gguf"), cache: cache, filepath.Join(cache, "file"): filepath.Join(cache, "file"),
	} {
		if got, err := Resolve(name); err != nil || got != want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for name, says := range map[string]string{
		"":                           "no model",
		"nothing":                    `no file or folder "nothing", and no name of the form`,
		"org/other":                  "fetch it with: spatten pull org/other",
		"org/other@v2:Q4":            "fetch it with: spatten pull org/other@v2:Q4",
		"org/model@outside":          "names no commit",
		"org/model@gone":             "no " + filepath.Join(root, "snapshots", strings.Repeat("f", 40)),
		"org/model@never":            "no " + filepath.Join(root, "refs", "never"),
		"org/model:Q8":               `no file "Q8"`,
		filepath.Join(cache, "none"): "no name of the form",
	} {
		if got, err := Resolve(name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %s, %v, want %q", name, got, err, says)
		}
	}
}
