package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"spatten/accel"
)

// Simulation writes what a machine did with a trace: the totals, the units, the causes of waiting, the layers. Where
// dense is not nil, the same run without pruning stands beside it.
func Simulation(w io.Writer, r, dense *accel.Result) {
	fmt.Fprintf(w, "machine %s (%s), code %s, seed %d\n", r.Machine, r.MachineHash, r.CodeVersion, r.Seed)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	columns := []*accel.Result{r}
	fmt.Fprint(t, "\tthis run\t")
	if dense != nil {
		columns = append(columns, dense)
		fmt.Fprint(t, "dense\tratio\t")
	}
	fmt.Fprintln(t)
	line := func(name, format string, of func(*accel.Result) float64) {
		fmt.Fprintf(t, "%s\t", name)
		for _, c := range columns {
			fmt.Fprintf(t, format+"\t", of(c))
		}
		if dense != nil && of(r) != 0 {
			fmt.Fprintf(t, "%.2f\t", of(dense)/of(r))
		}
		fmt.Fprintln(t)
	}
	line("cycles", "%.0f", func(r *accel.Result) float64 { return float64(r.Cycles) })
	line("ms", "%.4f", func(r *accel.Result) float64 { return r.Seconds * 1e3 })
	line("DRAM MB", "%.3f", func(r *accel.Result) float64 { return float64(r.DRAMBytes) / 1e6 })
	line("of these K, V in generation", "%.3f", func(r *accel.Result) float64 { return float64(r.KVBytes) / 1e6 })
	line("GB/s", "%.1f", func(r *accel.Result) float64 { return float64(r.DRAMBytes) / max(r.Seconds, 1e-12) / 1e9 })
	line("attention GFLOP", "%.4f", func(r *accel.Result) float64 { return float64(r.Operations) / 1e9 })
	line("TFLOPS", "%.3f", func(r *accel.Result) float64 { return r.Roof.TFLOPS })
	line("energy mJ", "%.4f", func(r *accel.Result) float64 { return 1e3 * total(r.EnergyJ) })
	line("power W", "%.2f", func(r *accel.Result) float64 { return total(r.EnergyJ) / max(r.Seconds, 1e-12) })
	t.Flush()
	fmt.Fprintf(w, "%s-bound: %.2f operations a byte; roofs %.2f TFLOPS (multipliers), %.2f TFLOPS (memory)\n\n",
		r.Roof.Bound, r.Roof.OpsPerByte, r.Roof.ComputeTFLOPS, r.Roof.MemoryTFLOPS)
	simulationUnits(w, r)
	simulationLayers(w, r)
}

func simulationUnits(w io.Writer, r *accel.Result) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "unit\tbusy cycles\tutilization\t")
	for _, u := range r.Units {
		if u.Busy > 0 {
			fmt.Fprintf(t, "%s\t%d\t%.1f %%\t\n", u.Unit, u.Busy, 100*u.Utilization)
		}
	}
	t.Flush()
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "waits\tfor\tcycles\t")
	for _, s := range r.Stalls {
		if s.Cycles > 0 {
			fmt.Fprintf(t, "%s\t%s\t%d\t\n", s.Unit, s.Cause, s.Cycles)
		}
	}
	t.Flush()
	fmt.Fprintln(w)
	if sum := total(r.EnergyJ); sum > 0 {
		t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "energy\tmJ\tshare\t")
		for _, unit := range slices.Sorted(maps.Keys(r.EnergyJ)) {
			fmt.Fprintf(t, "%s\t%.5f\t%.1f %%\t\n", unit, 1e3*r.EnergyJ[unit], 100*r.EnergyJ[unit]/sum)
		}
		t.Flush()
		fmt.Fprintln(w)
	}
}

func simulationLayers(w io.Writer, r *accel.Result) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "layer\tqueries\tcycles\tshare\tDRAM bursts\t")
	for _, l := range r.Layers {
		fmt.Fprintf(t, "%d\t%d\t%d\t%.1f %%\t%d\t\n", l.Layer, l.Rows, l.Cycles, 100*float64(l.Cycles)/float64(max(1, r.Cycles)), l.Bursts)
	}
	t.Flush()
}

// total adds in a fixed order, so that the last digit is the same in every run.
func total(energy map[string]float64) float64 {
	var sum float64
	for _, unit := range slices.Sorted(maps.Keys(energy)) {
		sum += energy[unit]
	}
	return sum
}
