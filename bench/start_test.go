package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script writes a program of the shell.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFirstTokenIsTheFirstByte(t *testing.T) {
	p := &Program{Name: "llama.cpp", Command: []string{script(t, `echo noise >&2; sleep 0.05; echo "$1"; sleep 0.5`), "token"}}
	rows, err := Run(t.Context(), []Contender{p}, []Test{{Kind: FirstToken, Depth: 32, Threads: 2}}, 1, func(int, int, string) {})
	if err != nil {
		t.Fatal(err)
	}
	if s := rows[0].Seconds; s < 0.05 || s*rows[0].TokensPerSecond < 0.999 || s*rows[0].TokensPerSecond > 1.001 {
		t.Errorf("%+v", rows[0])
	}
	if p.Can(Decode) {
		t.Error("a program that is started anew cannot be asked to decode")
	}
	var table strings.Builder
	if err := Table(&table, rows); err != nil || !strings.Contains(table.String(), "first token") {
		t.Error(table.String())
	}
}

func TestProgramsThatFail(t *testing.T) {
	for body, want := range map[string]string{
		"echo model not found >&2; exit 3": "model not found",
		"true":                             "EOF",
	} {
		p := &Program{Command: []string{script(t, body)}}
		if _, err := p.Measure(t.Context(), Test{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v", body, err)
		}
	}
	p := &Program{Command: []string{"/absent"}}
	if _, err := p.Measure(t.Context(), Test{}); err == nil {
		t.Error("an absent program is measured")
	}
}
