package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/spf13/cobra"

	"spatten/accel"
	"spatten/accel/reference"
)

// referenceResult is what the machine of the measured RTL did, in the form that every machine's JSON has.
type referenceResult struct {
	Machine   string             `json:"machine"`
	TraceHash string             `json:"trace_hash"`
	Cycles    int64              `json:"cycles"`
	DRAMReads int64              `json:"dram_reads"`
	DRAMBytes int64              `json:"dram_bytes"`
	EnergyJ   map[string]float64 `json:"energy_j"`
	Stalls    []accel.Stall      `json:"stalls"`
	Rows      []accel.Row        `json:"rows,omitempty"`
}

// simulateReference simulates a workload, or the inputs of a measured run, on the machine of the measured RTL.
func simulateReference(cmd *cobra.Command, f *simulateFlags, path string) (err error) {
	if !strings.EqualFold(filepath.Ext(path), ".csv") {
		return usageError{fmt.Errorf("%s: the machine %s reads workloads as CSV; simulate traces on another machine", path, f.machine)}
	}
	c, err := reference.Load(f.machine, f.sets)
	if err != nil {
		return usageError{err}
	}
	hash, err := fileHash(path)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := referenceResult{Machine: c.Name, TraceHash: hash}
	var observer reference.Observer
	if f.timeline != "" {
		w, err := createTimeline(f.timeline, c.ClockGHz)
		if err != nil {
			return err
		}
		observer = w.Reference()
		defer closeTimeline(w, f.timeline, &err)
	}
	if watched := observer.Row; f.rows || f.parquet != "" {
		observer.Row = func(row *reference.Row, s *reference.Stamps) {
			out.Rows = append(out.Rows, accel.Row{Row: int64(row.Index), Accept: s.Accept, Response: s.Response, DRAMReads: int64(s.KeyReads + s.RequantReads + s.ValueReads)})
			if watched != nil {
				watched(row, s)
			}
		}
	}
	begin := time.Now()
	r, err := reference.Simulate(reference.ReadCSV(file, reference.CSVOptions{Comparators: c.Comparators, Seed: f.seed}), c.Machine(), observer)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	printSpeed(cmd.ErrOrStderr(), r.Cycles, r.DRAMReads, time.Since(begin))
	out.Cycles, out.DRAMReads, out.DRAMBytes = r.Cycles, r.DRAMReads, r.DRAMBytes
	out.EnergyJ = map[string]float64{"dram": c.Joules(&r)}
	for i, n := range r.Stalls {
		out.Stalls = append(out.Stalls, accel.Stall{Unit: "reference-rtl", Cause: reference.Stall(i).String(), Cycles: n})
	}
	if f.parquet != "" {
		if err := parquet.WriteFile(f.parquet, out.Rows); err != nil {
			return fmt.Errorf("parquet %s: %w", f.parquet, err)
		}
	}
	if f.json {
		if !f.rows {
			out.Rows = nil
		}
		return printJSON(cmd.OutOrStdout(), out)
	}
	return printReference(cmd.OutOrStdout(), &out, r.Rows)
}

func printReference(w io.Writer, r *referenceResult, rows int) error {
	fmt.Fprintf(w, "machine %s: %d rows in %d cycles, %d DRAM reads of 32 byte, DRAM %.4f mJ\n", r.Machine, rows, r.Cycles, r.DRAMReads, 1e3*r.EnergyJ["dram"])
	for _, s := range r.Stalls {
		if s.Cycles > 0 {
			fmt.Fprintf(w, "  waits for %-18s %d cycles\n", s.Cause, s.Cycles)
		}
	}
	return nil
}
