//go:build linux

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"spatten/internal/shared"
)

// peak is what a run of generate took at most.
type peak struct{ resident, file, cache int64 }

// measure runs generate on the first bytes of a book, as a process of its own.
func measure(t testing.TB, text int, flags string) peak {
	t.Helper()
	model := shared.Path(t, "models", "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf")
	file, err := os.Stat(model)
	if err != nil {
		t.Fatal(err)
	}
	book, err := os.ReadFile(shared.Path(t, "data", "books", "austen-emma.txt"))
	if err != nil {
		t.Fatal(err)
	}
	prompt, program := filepath.Join(t.TempDir(), "prompt.txt"), filepath.Join(t.TempDir(), "spatten")
	if err := os.WriteFile(prompt, book[:text], 0o644); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, program); err != nil { // TestMain runs the command under that name
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"generate", "--model", model, "--prompt-file", prompt, "--max-tokens", "4", "--ignore-end", "--json"}, strings.Fields(flags)...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", flags, err)
	}
	var result struct {
		CacheBytes int64 `json:"cache_bytes"`
	}
	if err := json.Unmarshal(out, &result); err != nil || result.CacheBytes == 0 {
		t.Fatalf("%s: %v in %s", flags, err, out)
	}
	return peak{cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10, file.Size(), result.CacheBytes}
}

// TestMappedNotCopied: beside the weights, which are mapped, and the cache, a run holds little. With a prompt of 4,245 tokens and a cache of
// 8 bits this bound is half of file and cache together.
func TestMappedNotCopied(t *testing.T) {
	const limit = 75e6
	for _, flags := range []string{"--dense --precision int8", "--dense --precision f32"} {
		p := measure(t, 1200, flags)
		if rest := p.resident - p.file - p.cache; rest > limit {
			t.Errorf("%s: %.1f MB resident beside %.1f MB of weights and %.1f MB of cache, more than %.0f", flags, float64(rest)/1e6, float64(p.file)/1e6, float64(p.cache)/1e6, limit/1e6)
		} else {
			t.Logf("%s: %.1f MB beside weights and cache", flags, float64(rest)/1e6)
		}
	}
}

// BenchmarkPeakMemory reports the largest resident set with a prompt of some 4,245 tokens as a multiple of file and cache:
// go test ./cmd/spatten -run '^$' -bench PeakMemory -benchtime 1x.
func BenchmarkPeakMemory(b *testing.B) {
	for _, flags := range []string{"--dense --precision int8", "--dense --precision f32", "--schedule default", "--schedule smollm2-1pct"} {
		b.Run(strings.ReplaceAll(flags, " ", ""), func(b *testing.B) {
			for range b.N {
				p := measure(b, 17960, flags)
				b.ReportMetric(float64(p.resident)/float64(p.file+p.cache), "x(file+cache)")
				b.ReportMetric(float64(p.resident)/1e6, "MB")
			}
		})
	}
}
