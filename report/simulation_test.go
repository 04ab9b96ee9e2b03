package report

import (
	"strings"
	"testing"

	"spatten/accel"
)

func TestSimulation(t *testing.T) {
	r := accel.Result{Machine: "m", Cycles: 1000, Seconds: 1e-6, DRAMBytes: 64_000, EnergyJ: map[string]float64{"dram": 2e-6, "qk": 1e-6},
		Units:  []accel.UnitResult{{Unit: "qk", Busy: 250, Utilization: 0.25}, {Unit: "fc"}},
		Stalls: []accel.Stall{{Unit: "qk", Cause: "memory", Cycles: 40}, {Unit: "pv", Cause: "memory"}},
		Layers: []accel.LayerResult{{Layer: 0, Cycles: 1000, Rows: 3, Bursts: 2000}},
		Roof:   accel.Roofline{Bound: "memory"}}
	dense := r
	dense.Cycles = 4000
	var b strings.Builder
	Simulation(&b, &r, &dense)
	for _, want := range []string{"4000   4.00", "25.0 %", "memory-bound", "66.7 %", "100.0 %"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	for _, idle := range []string{"fc", "pv"} {
		if strings.Contains(b.String(), idle) {
			t.Errorf("%s did nothing and is listed in\n%s", idle, b.String())
		}
	}
}
