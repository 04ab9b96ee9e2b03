package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spatten/internal/tiny"
	"spatten/model"
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

func TestTraceCost(t *testing.T) {
	config, arrays := tiny.Llama(nil)
	m, err := model.Load(tiny.Open(t, "tiny-llama", tiny.Files(config, arrays, 7)))
	if err != nil {
		t.Fatal(err)
	}
	o := &Ours{Model: m, Steps: 4}
	defer o.Close()
	c, err := o.TraceCost(t.Context(), 20, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if c.Seconds <= 0 || c.Traced < c.TracedDecode || c.Bytes < 100 || c.BytesPerToken != float64(c.Bytes)/4 {
		t.Errorf("%+v", c)
	}
	var out strings.Builder
	if err := c.Print(&out); err != nil || !strings.Contains(out.String(), "20 tokens of prompt and 4 more") {
		t.Error(out.String())
	}
	if _, err := o.TraceCost(t.Context(), 1<<20, 1, 1); err == nil {
		t.Error("a prompt beyond the model's positions is measured")
	}
}

func TestPrunedIsComparedWithDense(t *testing.T) {
	rows := []Row{
		{Peer: ours, Mode: "dense", Samples: []float64{10}}, {Peer: ours, Mode: "pruned", Samples: []float64{25}},
		{Peer: "onnxruntime", Mode: "dense", Samples: []float64{5}},
	}
	rate(rows)
	if rows[0].RatioToDense != nil || rows[2].RatioToDense != nil || *rows[1].RatioToDense != 2.5 || *rows[1].RatioToBestPeer != 5 {
		t.Errorf("%+v", rows)
	}
}
