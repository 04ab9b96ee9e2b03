package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spatten/accel/config"
	"spatten/report"
)

// replayFlags let run and generate replay what they just did on a machine.
type replayFlags struct {
	simulateFlags
	loaded config.Machine
}

func (f *replayFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.machine, "machine", "", "replay the run on this accelerator, dense beside it (a name of 'spatten machine list', or a YAML file)")
	flags.StringArrayVar(&f.sets, "set", nil, "with --machine: override one of its numbers, as unit.key=value (repeatable)")
	flags.StringVar(&f.timeline, "timeline", "", "with --machine: write a timeline for the Perfetto viewer to this file")
}

// prepare checks the machine before anything runs, and names the trace file that the run writes: the user's, or a
// temporary one that clean removes.
func (f *replayFlags) prepare(trace string) (path string, clean func(), err error) {
	f.dense, f.bits = true, 32
	if f.machine == "" {
		return trace, func() {}, nil
	}
	if f.loaded, err = config.Load(f.machine, f.sets); err != nil {
		return "", nil, usageError{err}
	}
	if trace != "" {
		return trace, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "spatten")
	if err != nil {
		return "", nil, fmt.Errorf("a place for the trace: %w", err)
	}
	return filepath.Join(dir, "run.trace"), func() { os.RemoveAll(dir) }, nil
}

// replay simulates the trace that the run wrote; nil without --machine.
func (f *replayFlags) replay(cmd *cobra.Command, trace string) (*simulation, error) {
	if f.machine == "" {
		return nil, nil
	}
	return simulatePair(cmd, &f.simulateFlags, f.loaded, trace)
}

// print writes what replay found.
func (s *simulation) print(out io.Writer) {
	if s != nil {
		fmt.Fprintln(out)
		report.Simulation(out, s.Result, s.Dense)
	}
}
