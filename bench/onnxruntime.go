package bench

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
)

//go:embed encode_onnx.py
var onnxScript string

// OnnxRuntime measures ONNX Runtime through a Python interpreter that has it installed.
type OnnxRuntime struct {
	Python string // the interpreter
	Model  string // the .onnx file of an encoder
	Name   string // shown as the mode: "dense", "dense int8"
}

// Peer implements Contender.
func (o *OnnxRuntime) Peer() string { return "onnxruntime" }

// Mode implements Contender.
func (o *OnnxRuntime) Mode() string { return o.Name }

// Can implements Contender.
func (o *OnnxRuntime) Can(k Kind) bool { return k == Encode }

// Measure implements Contender.
func (o *OnnxRuntime) Measure(ctx context.Context, t Test) (Sample, error) {
	cmd := exec.CommandContext(ctx, o.Python, "-c", onnxScript, o.Model, strconv.Itoa(t.Depth), strconv.Itoa(t.Threads))
	out, err := cmd.Output()
	if err != nil {
		return Sample{}, fmt.Errorf("run ONNX Runtime with %s: %w%s", o.Python, err, complaint(err))
	}
	var result struct {
		Rate float64 `json:"tokens_per_second"`
	}
	if err := json.Unmarshal(out, &result); err != nil || result.Rate <= 0 {
		return Sample{}, fmt.Errorf("ONNX Runtime printed %q, expected one JSON object", out)
	}
	return Sample{TokensPerSecond: result.Rate}, nil
}
