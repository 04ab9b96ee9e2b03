package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fake is a contender with known speeds that notes the order of its measurements.
type fake struct {
	peer   string
	speeds []float64
	calls  *[]string
	fails  bool
}

func (f *fake) Peer() string    { return f.peer }
func (f *fake) Mode() string    { return "dense" }
func (f *fake) Can(k Kind) bool { return k == Decode }
func (f *fake) Measure(context.Context, Test) (Sample, error) {
	*f.calls = append(*f.calls, f.peer)
	if f.fails {
		return Sample{}, errors.New("no")
	}
	s := f.speeds[0]
	f.speeds = f.speeds[1:]
	return Sample{TokensPerSecond: s}, nil
}

func TestRunInterleavesAndRates(t *testing.T) {
	var calls []string
	contenders := []Contender{
		&fake{peer: "spatten", speeds: []float64{30, 10, 20}, calls: &calls},
		&fake{peer: "llama.cpp", speeds: []float64{5, 6, 4}, calls: &calls},
		&fake{peer: "onnxruntime", speeds: []float64{8, 9, 10}, calls: &calls},
	}
	rows, err := Run(t.Context(), contenders, []Test{{Kind: Prefill, Depth: 1}, {Kind: Decode, Depth: 7, Threads: 2}}, 3, func(int, int, string) {})
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Repeat([]string{"spatten", "llama.cpp", "onnxruntime"}, 3); !slices.Equal(calls, want) {
		t.Errorf("measured in the order %v", calls)
	}
	if len(rows) != 3 || rows[0].TokensPerSecond != 20 || rows[0].Depth != 7 || *rows[0].RatioToBestPeer != 20.0/9 || rows[1].RatioToBestPeer != nil {
		t.Errorf("rows %+v", rows)
	}
	var table strings.Builder
	if err := Table(&table, rows); err != nil || !strings.Contains(table.String(), "2.22 x") {
		t.Errorf("table\n%s", table.String())
	}
}

func TestFailuresNameTheContender(t *testing.T) {
	var calls []string
	_, err := Run(t.Context(), []Contender{&fake{peer: "llama.cpp", fails: true, calls: &calls}}, []Test{{Kind: Decode}}, 1, func(int, int, string) {})
	if err == nil || !strings.Contains(err.Error(), "llama.cpp") {
		t.Errorf("error %v", err)
	}
}

func TestLlamaBench(t *testing.T) {
	s, err := parseLlamaBench([]byte(`[{"n_prompt": 512, "avg_ts": 151.5, "samples_ts": [151.5]}]`))
	if err != nil || s.TokensPerSecond != 151.5 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "[]", `[{"avg_ts": 0}]`, `{"avg_ts": 1}`} {
		if _, err := parseLlamaBench([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a result", bad)
		}
	}
}

func TestPeersThatFailAreQuoted(t *testing.T) {
	program := filepath.Join(t.TempDir(), "peer")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho model not found >&2\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Contender{&LlamaCpp{Bench: program}, &OnnxRuntime{Python: program}} {
		if _, err := c.Measure(t.Context(), Test{Kind: Decode, Depth: 1, Threads: 1}); err == nil || !strings.Contains(err.Error(), "model not found") {
			t.Errorf("%s: %v", c.Peer(), err)
		}
	}
}
