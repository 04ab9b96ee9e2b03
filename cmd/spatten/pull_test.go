package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spatten/checkpoint/hub"
	"spatten/internal/shared"
)

// TestPullCommand pulls an embedded model's file from a hub that has only this, and inspects it by its name.
func TestPullCommand(t *testing.T) {
	weights, err := os.ReadFile(filepath.Join(shared.Root(t), "models", "sentiment", "model.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/models/org/model/revision/main":
			fmt.Fprintf(w, `{"sha":%q,"siblings":[{"rfilename":"README.md"},{"rfilename":"model.gguf"}]}`, commit)
		case "/org/model/resolve/" + commit + "/model.gguf":
			w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(weights)))
			w.Header().Set("Content-Length", fmt.Sprint(len(weights)))
			w.Write(weights)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	t.Setenv("HF_ENDPOINT", server.URL)
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	t.Setenv("HF_HUB_OFFLINE", "")

	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"pull", "--json", "org/model"}, nil, &out, &errs); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	var result hub.Result
	if err := json.Unmarshal(out.Bytes(), &result); err != nil || result.Commit != commit || result.Bytes != int64(len(weights)) {
		t.Errorf("%+v, %v", result, err)
	}
	if errs.String() != "model.gguf\n" {
		t.Errorf("progress %q", errs.String())
	}
	out.Reset()
	if code := run(t.Context(), []string{"inspect", "org/model"}, nil, &out, &errs); code != exitOK || !strings.Contains(out.String(), "architecture bert") {
		t.Errorf("exit code %d: %s%s", code, &out, &errs)
	}
	errs.Reset()
	if code := run(t.Context(), []string{"pull", "org/absent"}, nil, &out, &errs); code != exitFailure || !strings.Contains(errs.String(), "no such model") {
		t.Errorf("exit code %d: %s", code, &errs)
	}
}
