// Package accel is stage 7, when it happens and what it costs: it reads the records of a trace and a machine, and writes
// a Result with cycles, bytes, energy and the causes of waiting. It knows neither models nor tokens.
//
// Reading guide: item.go says what the controller issues, program.go how a trace becomes items; control.go is the main
// loop and the fetcher's arbitration; front.go and back.go take a query through the units; each unit is a package below.
package accel

import (
	"context"
	"iter"
	"runtime/debug"

	"spatten/accel/config"
	"spatten/accel/crossbar"
	"spatten/trace"
)

// Options say how a trace is simulated. The zero value is fine.
type Options struct {
	Seed      uint64            // of pivots and of positions that the trace does not list
	Rows      bool              // keep every query's cycles in the Result
	Observer  Observer          // sees the units work; may be nil
	Progress  func(cycle int64) // called now and then; may be nil
	TraceHash string            // goes into the Result
}

// Simulate replays records on a machine. It holds a layer of them at a time. An error of the records, or of ctx, ends it.
func Simulate(ctx context.Context, records iter.Seq2[trace.Record, error], m config.Machine, o Options) (Result, error) {
	if err := m.Check(); err != nil {
		return Result{}, err
	}
	d, err := newDRAM(&m)
	if err != nil {
		return Result{}, err
	}
	return simulateOn(ctx, d, records, m, o)
}

// simulateOn replays records on a machine with a given memory.
func simulateOn(ctx context.Context, d dram, records iter.Seq2[trace.Record, error], m config.Machine, o Options) (Result, error) {
	p, stop := newProgram(&m, &queue{}, records, o.Seed)
	defer stop()
	s := newSim(p, crossbar.New(&m, d.channels))
	s.watch = o.Observer
	var rows []Row
	if o.Rows {
		s.rows = func(r Row) { rows = append(rows, r) }
	}
	if err := s.simulate(ctx, o.Progress); err != nil {
		return Result{}, err
	}
	r := s.result(d.stats(s.cycle))
	r.Rows, r.Seed, r.TraceHash, r.CodeVersion = rows, o.Seed, o.TraceHash, codeVersion()
	return r, nil
}

// codeVersion names the commit that the program was built from, where the build knows it.
func codeVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}
