package hub

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// fake behaves like the hub for one model, org/model, and like the host that large files are kept on.
type fake struct {
	t     *testing.T
	hub   *httptest.Server
	store *httptest.Server // where /resolve/ sends those who ask for large files
	files map[string][]byte
	large map[string]bool // files in large-file storage: SHA-256, redirect

	mu       sync.Mutex
	requests []string // method, path and Range of all requests for contents
	// fault may answer a request for contents in its own way; it counts the requests for each file from 1.
	fault  func(w http.ResponseWriter, r *http.Request, name string, count int) bool
	counts map[string]int
}

// newFake starts a hub, and makes it and an empty cache those that the environment names.
func newFake(t *testing.T) *fake {
	f := &fake{t: t, files: map[string][]byte{}, large: map[string]bool{}, counts: map[string]int{}}
	f.store = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "" {
			t.Errorf("the token was sent to another host: %q", a)
		}
		f.content(w, r, strings.TrimPrefix(r.URL.Path, "/"))
	}))
	f.hub = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.hub.Close)
	t.Cleanup(f.store.Close)
	t.Setenv("HF_ENDPOINT", f.hub.URL)
	t.Setenv("HF_HUB_CACHE", filepath.Join(t.TempDir(), "hub"))
	t.Setenv("HF_TOKEN", "secret")
	t.Setenv("HF_HUB_OFFLINE", "")
	f.put("config.json", `{"model_type":"gpt2"}`)
	f.put("tokenizer.json", `{}`)
	f.put("README.md", "not needed")
	f.put("pytorch_model.bin", "not needed")
	f.putLarge("model.safetensors", 3<<20)
	return f
}

func (f *fake) put(name, content string) { f.files[name] = []byte(content) }

func (f *fake) putLarge(name string, size int) {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i * i >> 8)
	}
	f.files[name], f.large[name] = b, true
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Authorization"); got != "Bearer secret" && os.Getenv("HF_TOKEN") != "" {
		f.t.Errorf("the hub got the token %q", got)
	}
	if revision, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/models/org/model/revision/"); ok {
		f.describe(w, revision)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/org/old/") || strings.HasPrefix(r.URL.Path, "/api/models/org/old/") {
		http.Redirect(w, r, strings.Replace(r.URL.Path, "/old/", "/model/", 1), http.StatusTemporaryRedirect) // renamed
		return
	}
	const cached = "/api/resolve-cache/models/org/model/" + commit + "/" // where the hub sends those who ask for small files
	name, ok := strings.CutPrefix(strings.Replace(r.URL.Path, "/resolve/main/", "/resolve/"+commit+"/", 1), "/org/model/resolve/"+commit+"/")
	if _, exists := f.files[name]; ok && exists && !f.large[name] {
		w.Header().Set("X-Repo-Commit", commit)
		w.Header().Set("Location", cached+name+"?etag=x")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	if !ok {
		name, ok = strings.CutPrefix(r.URL.Path, cached)
	}
	content, exists := f.files[name]
	switch {
	case strings.Contains(r.URL.Path, "/org/gated/"):
		w.Header().Set("X-Error-Code", "GatedRepo")
		w.WriteHeader(http.StatusForbidden)
	case !ok || !exists:
		w.WriteHeader(http.StatusNotFound)
	case f.large[name]:
		w.Header().Set("X-Repo-Commit", commit)
		w.Header().Set("ETag", `"of the redirect"`)
		w.Header().Set("X-Linked-Etag", `"`+sha256Of(content)+`"`)
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(content)))
		http.Redirect(w, r, f.store.URL+"/"+name, http.StatusFound)
	default:
		w.Header().Set("X-Repo-Commit", commit)
		w.Header().Set("ETag", `W/"`+gitOf(content)+`"`)
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			return
		}
		f.content(w, r, name)
	}
}

func (f *fake) describe(w http.ResponseWriter, revision string) {
	if revision != "main" && revision != "refs%2Fpr%2F1" && revision != commit {
		w.Header().Set("X-Error-Code", "RevisionNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	type sibling struct {
		Name string `json:"rfilename"`
	}
	var siblings []sibling
	for name := range f.files {
		siblings = append(siblings, sibling{name})
	}
	json.NewEncoder(w).Encode(map[string]any{"id": "org/model", "sha": commit, "siblings": siblings})
}

// content sends a file, or the part that is asked for.
func (f *fake) content(w http.ResponseWriter, r *http.Request, name string) {
	f.mu.Lock()
	f.requests = append(f.requests, strings.TrimSpace(r.Method+" "+name+" "+r.Header.Get("Range")))
	f.counts[name]++
	count, fault := f.counts[name], f.fault
	f.mu.Unlock()
	if fault != nil && fault(w, r, name, count) {
		return
	}
	w.Header().Set("ETag", `"another"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.files[name]))
}

func sha256Of(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func gitOf(b []byte) string {
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(b)), b...))
	return hex.EncodeToString(sum[:])
}

// mend takes the fault away.
func (f *fake) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = nil
}

// asked returns the requests for contents since the last call.
func (f *fake) asked() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.requests, ", ")
	f.requests = nil
	return s
}

// check compares a pulled folder with the model.
func (f *fake) check(path string, names ...string) {
	f.t.Helper()
	for _, name := range names {
		got, err := os.ReadFile(filepath.Join(path, name))
		if err != nil || !bytes.Equal(got, f.files[name]) {
			f.t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(f.files[name]))
		}
	}
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) != len(names) {
		f.t.Errorf("the snapshot holds %v, %v; want %v", entries, err, names)
	}
}
