package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
)

// LlamaCpp measures llama.cpp through its own llama-bench, in the setting that is fastest on CPUs without matrix units:
// an f16 cache with flash attention off.
type LlamaCpp struct {
	Bench string // path of llama-bench
	Model string // the GGUF file
	Steps int    // tokens that a decode test writes
}

// Peer implements Contender.
func (l *LlamaCpp) Peer() string { return "llama.cpp" }

// Mode implements Contender.
func (l *LlamaCpp) Mode() string { return "dense" }

// Can implements Contender.
func (l *LlamaCpp) Can(k Kind) bool { return k == Prefill || k == Decode }

// Measure implements Contender.
func (l *LlamaCpp) Measure(ctx context.Context, t Test) (Sample, error) {
	args := []string{"-m", l.Model, "-t", strconv.Itoa(t.Threads), "-fa", "0", "-ctk", "f16", "-ctv", "f16", "-r", "1", "-o", "json"}
	if t.Kind == Prefill {
		args = append(args, "-p", strconv.Itoa(t.Depth), "-n", "0")
	} else {
		args = append(args, "-p", "0", "-n", strconv.Itoa(l.Steps), "-d", strconv.Itoa(t.Depth))
	}
	out, err := exec.CommandContext(ctx, l.Bench, args...).Output()
	if err != nil {
		return Sample{}, fmt.Errorf("run %s: %w%s", l.Bench, err, complaint(err))
	}
	return parseLlamaBench(out)
}

// parseLlamaBench reads the one result that llama-bench -o json prints.
func parseLlamaBench(out []byte) (Sample, error) {
	var results []struct {
		Rate float64 `json:"avg_ts"`
	}
	if err := json.Unmarshal(out, &results); err != nil {
		return Sample{}, fmt.Errorf("llama-bench printed no JSON: %w", err)
	}
	if len(results) != 1 || results[0].Rate <= 0 {
		return Sample{}, fmt.Errorf("llama-bench printed %d results, expected one", len(results))
	}
	return Sample{TokensPerSecond: results[0].Rate}, nil
}

// complaint is the end of what a failed program wrote to stderr.
func complaint(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || len(exit.Stderr) == 0 {
		return ""
	}
	const most = 400
	s := exit.Stderr
	if len(s) > most {
		s = s[len(s)-most:]
	}
	return ": " + string(s)
}
