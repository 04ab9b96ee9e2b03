package accel

import (
	"testing"

	"spatten/accel/config"
	"spatten/trace"
)

func machine(t testing.TB, name string, sets ...string) config.Machine {
	t.Helper()
	m, err := config.Load(name, sets)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func simulateFile(t testing.TB, m config.Machine, path string, o Options) Result {
	t.Helper()
	records, err := trace.OpenRecords(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Simulate(t.Context(), records, m, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
