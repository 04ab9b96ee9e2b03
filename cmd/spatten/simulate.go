package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"spatten/accel"
	"spatten/accel/config"
	"spatten/accel/reference"
	"spatten/report"
	"spatten/report/timeline"
	"spatten/trace"
)

// simulateFlags are what simulate, and run and generate with --machine, take.
type simulateFlags struct {
	machine  string
	sets     []string
	json     bool
	rows     bool
	dense    bool
	bits     uint8
	timeline string
	parquet  string
	seed     uint64
}

// simulateCommand replays a trace on a machine.
func simulateCommand() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate TRACE|CSV",
		Short: "Replay a trace (or a published workload as CSV) on an accelerator, cycle by cycle",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, err := config.Kind(f.machine)
			if err != nil {
				return usageError{err}
			}
			if kind == reference.ConfigKind {
				return simulateReference(cmd, &f, args[0])
			}
			m, err := config.Load(f.machine, f.sets)
			if err != nil {
				return usageError{err}
			}
			return simulateTrace(cmd, &f, m, args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.machine, "machine", "spatten", "machine: a name of 'spatten machine list', or a YAML file")
	flags.StringArrayVar(&f.sets, "set", nil, "override one number of the machine, as unit.key=value (repeatable)")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	flags.BoolVar(&f.rows, "rows", false, "with --json: every query's cycles")
	flags.BoolVar(&f.dense, "dense", true, "set the same run without pruning beside it")
	flags.Uint8Var(&f.bits, "dense-bits", 32, "width at which the dense run stores its operands (32: fp32; 12: the machine's own)")
	flags.StringVar(&f.timeline, "timeline", "", "write a timeline for the Perfetto viewer to this file")
	flags.StringVar(&f.parquet, "parquet", "", "write every query's cycles as Parquet to this file")
	flags.Uint64Var(&f.seed, "seed", 0, "seed of pivots and of positions that the trace does not list")
	return cmd
}

// simulateTrace simulates one file on a machine of the paper's family and prints what came of it.
func simulateTrace(cmd *cobra.Command, f *simulateFlags, m config.Machine, path string) error {
	r, err := simulatePair(cmd, f, m, path)
	if err != nil {
		return err
	}
	if f.parquet != "" {
		if err := parquet.WriteFile(f.parquet, r.Rows); err != nil {
			return fmt.Errorf("parquet %s: %w", f.parquet, err)
		}
	}
	if !f.json {
		report.Simulation(cmd.OutOrStdout(), r.Result, r.Dense)
		return nil
	}
	if !f.rows {
		r.Rows = nil
	}
	return printJSON(cmd.OutOrStdout(), r)
}

// simulation is a run on a machine, and the same run without pruning.
type simulation struct {
	*accel.Result
	Dense *accel.Result `json:"dense,omitempty"`
}

// simulatePair simulates a file, with the timeline that was asked for, and its dense equivalent.
func simulatePair(cmd *cobra.Command, f *simulateFlags, m config.Machine, path string) (s *simulation, err error) {
	hash, err := fileHash(path)
	if err != nil {
		return nil, err
	}
	o := accel.Options{Seed: f.seed, Rows: f.rows || f.parquet != "", TraceHash: hash}
	if f.timeline != "" {
		w, err := createTimeline(f.timeline, m.ClockGHz)
		if err != nil {
			return nil, err
		}
		o.Observer = w
		defer closeTimeline(w, f.timeline, &err)
	}
	defer showProgress(cmd.ErrOrStderr(), &o)()
	begin := time.Now()
	r, err := simulateOnce(cmd, m, path, 0, o)
	if err != nil {
		return nil, err
	}
	printSpeed(cmd.ErrOrStderr(), r.Cycles, r.DRAMReads, time.Since(begin))
	s = &simulation{Result: &r}
	if f.dense {
		d, err := simulateOnce(cmd, m, path, f.bits, accel.Options{Seed: f.seed, TraceHash: hash, Progress: o.Progress})
		if err != nil {
			return nil, fmt.Errorf("the dense run: %w", err)
		}
		s.Dense = &d
	}
	return s, nil
}

// createTimeline starts a timeline file; closeTimeline ends it, and reports an error where there is none yet.
func createTimeline(path string, clockGHz float64) (*timeline.Writer, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("timeline: %w", err)
	}
	return timeline.New(file, clockGHz), nil
}

func closeTimeline(w *timeline.Writer, path string, err *error) {
	if cerr := w.Close(); *err == nil && cerr != nil {
		*err = fmt.Errorf("timeline %s: %w", path, cerr)
	}
}

// printSpeed says how fast a simulation was, reading the file included.
func printSpeed(w io.Writer, cycles, reads int64, took time.Duration) {
	s := max(took.Seconds(), 1e-9)
	fmt.Fprintf(w, "%d cycles and %d DRAM reads simulated in %.2f s: %.1f million cycles and %.1f million reads a second\n",
		cycles, reads, s, 1e-6*float64(cycles)/s, 1e-6*float64(reads)/s)
}

// simulateOnce simulates a file as it is, or its dense equivalent where bits is not 0.
func simulateOnce(cmd *cobra.Command, m config.Machine, path string, bits uint8, o accel.Options) (accel.Result, error) {
	records, err := trace.OpenRecords(path)
	if err != nil {
		return accel.Result{}, err
	}
	if bits > 0 {
		records = accel.Dense(records, bits)
	}
	r, err := accel.Simulate(cmd.Context(), records, m, o)
	if err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// showProgress shows the simulated cycles while they pass, where errors go to a terminal.
func showProgress(errs io.Writer, o *accel.Options) (done func()) {
	file, ok := errs.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() {}
	}
	bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(file), progressbar.OptionSetDescription("cycles"), progressbar.OptionShowCount())
	o.Progress = func(cycle int64) { bar.Set64(cycle) }
	return func() { bar.Clear() }
}

// fileHash is a short fingerprint of a file's bytes.
func fileHash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
