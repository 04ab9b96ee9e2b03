package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const weights = "model.safetensors"

// TestFaults breaks the transfer of the weights in many ways. A pull either gets over it or ends in an error that says
// what happened; then the next pull, from a hub that is sound again, succeeds.
func TestFaults(t *testing.T) {
	half := func(f *fake) []byte { return f.files[weights][:len(f.files[weights])/2] }
	for _, c := range []struct {
		name  string
		fault func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool
		says  string // nothing where the pull gets over it
		asked string // the requests for the weights of the pull that succeeds
	}{
		{"connection lost once", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			if count == 1 {
				send(w, len(f.files[weights]), half(f))
			}
			return count == 1
		}, "", "GET model.safetensors, GET model.safetensors bytes=1572864-"},
		{"connection lost always", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			if r.Header.Get("Range") == "" {
				send(w, len(f.files[weights]), half(f))
			} else {
				panic(http.ErrAbortHandler)
			}
			return true
		}, "pull again to continue", "GET model.safetensors bytes=1572864-"},
		{"server that does not continue", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			if count == 1 {
				send(w, len(f.files[weights]), half(f))
			} else {
				send(w, len(f.files[weights]), f.files[weights])
			}
			return true
		}, "", "GET model.safetensors, GET model.safetensors bytes=1572864-"},
		{"server that continues elsewhere", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			switch count {
			case 1:
				send(w, len(f.files[weights]), half(f))
			case 2:
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(f.files[weights])-1, len(f.files[weights])))
				w.WriteHeader(http.StatusPartialContent)
				w.Write(f.files[weights])
			default:
				return false
			}
			return true
		}, "", "GET model.safetensors, GET model.safetensors bytes=1572864-, GET model.safetensors"},
		{"range refused", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			switch count {
			case 1:
				send(w, len(f.files[weights]), half(f))
			case 2:
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			default:
				return false
			}
			return true
		}, "", "GET model.safetensors, GET model.safetensors bytes=1572864-, GET model.safetensors"},
		{"wrong bytes once", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			if count == 1 {
				send(w, len(f.files[weights]), make([]byte, len(f.files[weights])))
			}
			return count == 1
		}, "", "GET model.safetensors, GET model.safetensors"},
		{"wrong bytes always", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			send(w, len(f.files[weights]), make([]byte, len(f.files[weights])))
			return true
		}, "checksum", "GET model.safetensors"},
		{"one bit wrong", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			b := bytes.Clone(f.files[weights])
			b[len(b)/2] ^= 4
			send(w, len(b), b)
			return true
		}, "checksum", "GET model.safetensors"},
		{"too long", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			send(w, len(f.files[weights])+1, append(bytes.Clone(f.files[weights]), 0))
			return true
		}, "more than the 3145728 announced", "GET model.safetensors"},
		{"without end", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			for chunk := make([]byte, 1<<16); ; {
				if _, err := w.Write(chunk); err != nil {
					return true
				}
			}
		}, "more than the 3145728 announced", "GET model.safetensors"},
		{"too short, and said so", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			if r.Header.Get("Range") == "" {
				send(w, len(half(f)), half(f))
			} else {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 1572864-1572864/%d", len(f.files[weights])))
				w.WriteHeader(http.StatusPartialContent)
			}
			return true
		}, "ended after 1572864 of 3145728 bytes", "GET model.safetensors bytes=1572864-"},
		{"redirects in a circle", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
			return true
		}, "more than 10 in a row", "GET model.safetensors"},
		{"redirect to a file", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
			return true
		}, "redirect refused", "GET model.safetensors"},
		{"busy, then ready", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			if count < attempts {
				w.WriteHeader([]int{429, 500, 503, 408}[count-1])
			}
			return count < attempts
		}, "", strings.TrimSuffix(strings.Repeat("GET model.safetensors, ", attempts), ", ")},
		{"broken for good", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}, "500 Internal Server Error", "GET model.safetensors"},
		{"gone", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			w.WriteHeader(http.StatusGone)
			return true
		}, "410 Gone", "GET model.safetensors"},
		{"silent", func(f *fake, w http.ResponseWriter, r *http.Request, count int) bool {
			if r.Header.Get("Range") == "" {
				w.Header().Set("Content-Length", strconv.Itoa(len(f.files[weights])))
				w.Write(half(f))
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
			return true
		}, "no byte arrived in", "GET model.safetensors bytes=1572864-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.fault = func(w http.ResponseWriter, r *http.Request, name string, count int) bool {
				return name == weights && c.fault(f, w, r, count)
			}
			o := quick()
			if c.name == "silent" {
				o.Idle = 300 * time.Millisecond
			}
			result, err := Pull(t.Context(), "org/model", o)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, want %q", err, c.says)
				}
				if _, err := Resolve("org/model"); err == nil {
					t.Error("a model that was not pulled whole is found")
				}
				f.mend()
				f.asked()
				result, err = Pull(t.Context(), "org/model", quick())
			}
			if err != nil {
				t.Fatal(err)
			}
			asked := f.asked()
			if i := strings.Index(asked, "GET "+weights); i < 0 || asked[i:] != c.asked {
				t.Errorf("asked %s; want %s", asked, c.asked)
			}
			f.check(result.Path, "config.json", "tokenizer.json", weights)
			left, _ := filepath.Glob(filepath.Join(result.Path, "..", "..", "blobs", "*.incomplete"))
			if len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

// send announces a length, sends some bytes, and breaks the connection where they are fewer.
func send(w http.ResponseWriter, length int, b []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.Write(b)
	if len(b) < length {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// TestDescriptions has a hub that says wrong things about its files: nothing may be written outside the cache, and
// nothing without a checksum.
func TestDescriptions(t *testing.T) {
	listing := func(commit string, names ...string) http.HandlerFunc {
		var siblings []map[string]string
		for _, name := range names {
			siblings = append(siblings, map[string]string{"rfilename": name})
		}
		return func(w http.ResponseWriter, r *http.Request) {
			json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": siblings})
		}
	}
	described := func(headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodHead {
				listing(commit, weights)(w, r)
				return
			}
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
		}
	}
	sum := strings.Repeat("a", 64)
	for _, c := range []struct {
		name string
		hub  http.HandlerFunc
		says string
	}{
		{"file outside", listing(commit, weights, "../../../../x.json"), "could leave its folder"},
		{"file at the root", listing(commit, weights, "/etc/x.json"), "could leave its folder"},
		{"file outside on Windows", listing(commit, weights, `..\x.json`), "could leave its folder"},
		{"file on a drive", listing(commit, weights, `c:x.json`), "could leave its folder"},
		{"file that paints the terminal", listing(commit, weights, "\x1b[2J.json"), "could leave its folder"},
		{"commit outside", listing("../../../x", weights), "names no commit"},
		{"no commit", listing("", weights), "names no commit"},
		{"no weights", listing(commit, "config.json", "pytorch_model.bin"), "no weights in safetensors or GGUF, only: config.json, pytorch_model.bin"},
		{"no JSON", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>")) }, "invalid character"},
		{"no JSON, without end", func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte(`{"sha":"`))
			for chunk := bytes.Repeat([]byte("a"), 1<<20); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "longer than"},
		{"circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, 307) }, "more than 10 in a row"},
		{"checksum outside", described("X-Linked-Etag", `"../../../x"`, "X-Linked-Size", "1"), "no checksum"},
		{"no checksum", described("X-Linked-Size", "1"), "no checksum"},
		{"no size", described("X-Linked-Etag", sum), "no size"},
		{"negative size", described("X-Linked-Etag", sum, "X-Linked-Size", "-1"), "no size"},
		{"huge size", described("X-Linked-Etag", sum, "X-Linked-Size", "9000000000000000000"), "larger than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.hub.Config.Handler = c.hub
			_, err := Pull(t.Context(), "org/model", quick())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if entries, _ := os.ReadDir(os.Getenv("HF_HUB_CACHE")); len(entries) > 0 {
				t.Errorf("something was written: %v", entries)
			}
		})
	}
}

// TestVerify damages a file in the cache: it is noticed by its size, or when asked to verify.
func TestVerify(t *testing.T) {
	f := newFake(t)
	result, err := Pull(t.Context(), "org/model", quick())
	if err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(result.Path, "..", "..", "blobs", sha256Of(f.files[weights]))
	damaged := bytes.Clone(f.files[weights])
	damaged[7]++
	for _, c := range []struct {
		content []byte
		verify  bool
	}{{damaged, true}, {damaged[:100], false}} {
		if err := os.WriteFile(blob, c.content, 0o644); err != nil {
			t.Fatal(err)
		}
		o := quick()
		o.Verify = c.verify
		if _, err := Pull(t.Context(), "org/model", o); err != nil {
			t.Fatal(err)
		}
		f.check(result.Path, "config.json", "tokenizer.json", weights)
	}
}

// TestDamagedPart begins with a partial file whose bytes are wrong, or that is too long.
func TestDamagedPart(t *testing.T) {
	for _, size := range []int{100, 3 << 20, 4 << 20} {
		f := newFake(t)
		blobs := filepath.Join(os.Getenv("HF_HUB_CACHE"), "models--org--model", "blobs")
		if err := os.MkdirAll(blobs, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(blobs, sha256Of(f.files[weights])+".incomplete"), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
		result, err := Pull(t.Context(), "org/model", quick())
		if err != nil {
			t.Fatal(err)
		}
		f.check(result.Path, "config.json", "tokenizer.json", weights)
	}
}

// TestTwoAtOnce pulls the same model twice at the same time: the locks make one wait for the other.
func TestTwoAtOnce(t *testing.T) {
	f := newFake(t)
	done := make(chan error)
	for range 2 {
		go func() {
			_, err := Pull(t.Context(), "org/model", quick())
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(f.asked(), "GET "+weights); n != 1 {
		t.Errorf("the weights were fetched %d times", n)
	}
}

// TestNoCache has a file where the cache should be.
func TestNoCache(t *testing.T) {
	newFake(t)
	cache := filepath.Join(t.TempDir(), "cache")
	if err := os.WriteFile(cache, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_HUB_CACHE", cache)
	if _, err := Pull(t.Context(), "org/model", quick()); err == nil || !strings.Contains(err.Error(), cache) {
		t.Errorf("got %v; want an error that names %s", err, cache)
	}
	if content, err := os.ReadFile(cache); err != nil || string(content) != "mine" {
		t.Errorf("the file was changed: %q, %v", content, err)
	}
}
