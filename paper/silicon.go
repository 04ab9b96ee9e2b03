package paper

import (
	"fmt"

	"gonum.org/v1/plot/plotter"

	"spatten/accel/area"
	"spatten/accel/config"
	"spatten/accel/energy"
	"spatten/paper/page"
)

// Silicon is what the machine takes: Table II and Fig. 13.
type Silicon struct {
	Power     map[string]float64 `json:"power_w"`        // Table II: logic, SRAM, DRAM
	Area      map[string]float64 `json:"area_mm2"`       // Fig. 13a, by block
	ChipPower map[string]float64 `json:"onchip_power_w"` // Fig. 13b, by block
}

// blocks are the machine's blocks in the order of Fig. 13.
var blocks = []string{energy.Fetcher, energy.QK, energy.Softmax, energy.TopK, energy.PV, energy.Others}

// silicon is energy over time of all benchmarks together, and the area of the machine.
func (l *Lab) silicon(runs map[string]Run) (Silicon, error) {
	m, err := config.Load("spatten", nil)
	if err != nil {
		return Silicon{}, err
	}
	var seconds, sram float64
	joules := map[string]float64{}
	for _, b := range l.Benchmarks {
		r := runs[b.Name]
		seconds, sram = seconds+r.Seconds, sram+r.SRAM
		for unit, j := range r.Energy {
			joules[unit] += j
		}
	}
	a := area.Of(&m)
	s := Silicon{ChipPower: map[string]float64{}, Area: map[string]float64{energy.Fetcher: a.Fetcher, energy.QK: a.QK, energy.Softmax: a.Softmax,
		energy.TopK: a.TopK, energy.PV: a.PV, energy.Others: a.Others, "total": a.Total()}}
	chip := 0.0
	for _, b := range blocks {
		s.ChipPower[b] = joules[b] / seconds
		chip += joules[b] / seconds
	}
	s.ChipPower["total"] = chip
	dram := joules[energy.DRAM] / seconds
	s.Power = map[string]float64{"logic": chip - sram/seconds, "sram": sram / seconds, "dram": dram, "total": chip + dram}
	return s, nil
}

// table1 sets the machine that is simulated beside Table I.
func (r *Report) table1() (page.Section, error) {
	m, err := config.Load("spatten", nil)
	if err != nil {
		return page.Section{}, err
	}
	p := &r.facts.Setup
	t := page.Table{Columns: []string{"", "simulated", "published"}}
	row := func(name string, ours, theirs any) { t.Row(name, fmt.Sprint(ours), fmt.Sprint(theirs)) }
	row("clock, GHz", m.ClockGHz, p.ClockGHz)
	row("multipliers of Q×K and of probability×V", fmt.Sprint(m.QK.Multipliers, " + ", m.PV.Multipliers), fmt.Sprint(p.Multipliers.QK, " + ", p.Multipliers.PV))
	row("bits on chip", m.KeySRAM.WordBits, p.Multipliers.Bits)
	row("K and V SRAM, bytes (published in KB)", fmt.Sprint(m.KeySRAM.Bytes, " + ", m.ValSRAM.Bytes), fmt.Sprint(p.SRAM.Key, " + ", p.SRAM.Value))
	row("address crossbar", fmt.Sprintf("%dx%d", m.Fetch.Ports, m.DRAM.Channels), p.Crossbar.Address)
	row("data crossbar", fmt.Sprintf("%dx%d", m.DRAM.Channels, m.Fetch.Ports), p.Crossbar.Data)
	row("FIFO at each port, entries", m.Fetch.FIFODepth, p.Crossbar.FIFODepth)
	row("width of its entries, bytes of address, of data", fmt.Sprint(m.Fetch.AddressBytes, ", ", m.Fetch.DataBytes), fmt.Sprint(p.Crossbar.AddressBytes, ", ", p.Crossbar.DataBytes))
	row("softmax lanes", m.Softmax.Parallelism, p.Softmax.Parallelism)
	row("softmax FIFO, entries", m.Softmax.FIFODepth, p.Softmax.FIFODepth)
	row("comparators of each of a top-k engine's arrays", m.TopK.Comparators, p.TopK.Comparators)
	row("HBM2 channels", m.DRAM.Channels, p.HBM2.Channels)
	row("bandwidth, GB/s", m.BytesPerCycle()*m.ClockGHz, float64(p.HBM2.Channels)*p.HBM2.Channel)
	return page.Section{ID: "table1", Title: "Table I: the machine", Tables: []page.Table{t},
		Words: []string{"The size of every block of the simulated machine beside the published one (40 nm). These are inputs: they agree because they were taken over."}}, nil
}

func (r *Report) table2() page.Section {
	t := page.Table{Title: "Table II, watt", Columns: []string{"", "ours", "published", "ratio"}}
	for _, k := range []string{"logic", "sram", "dram", "total"} {
		t.Compared(k, "%.2f", r.Silicon.Power[k], r.facts.Power[k])
	}
	a := page.Table{Title: "Fig. 13a, mm²", Columns: t.Columns}
	w := page.Table{Title: "Fig. 13b, watt", Columns: t.Columns}
	var mm, watt [2]plotter.Values
	for _, b := range append(blocks, "total") {
		a.Compared(b, "%.3f", r.Silicon.Area[b], r.facts.Area[b])
		w.Compared(b, "%.3f", r.Silicon.ChipPower[b], r.facts.ChipPower[b])
		if b != "total" {
			mm[0], mm[1] = append(mm[0], r.Silicon.Area[b]), append(mm[1], r.facts.Area[b])
			watt[0], watt[1] = append(watt[0], r.Silicon.ChipPower[b]), append(watt[1], r.facts.ChipPower[b])
		}
	}
	both := []string{"ours", "published"}
	return page.Section{ID: "table2", Title: "Table II and Fig. 13: power and area", Tables: []page.Table{t, a, w},
		Words: []string{"Energy over time of the 30 synthetic benchmarks together. The area of each block was set from Fig. 13a, so it closes and proves nothing. The energies on chip were calibrated on Fig. 13b over " +
			"another set of runs, probability×V apart; what is compared here is the same table of energies on these traces. DRAM energy is bits moved times a published energy a bit (3.92 pJ, second-hand), not calibrated."},
		After: []string{"The DRAM's 5.71 W are 182 GB/s at that energy a bit. Only the memory-bound GPT-2 runs move so much, and on BERT, bound by arithmetic, K and V are fetched once a head: " +
			"the average over all 30 hangs on how long GPT-2 runs beside BERT, which is not published. Probability×V takes more than published because its multipliers cost what Q×K's do here, and how many values the paper's average kept is not published."},
		Plots: []page.Plot{page.Bars("figure13a-area", page.Axes{Title: "Area by block", Y: "mm²"}, blocks, both, mm[:]),
			page.Bars("figure13b-power", page.Axes{Title: "Power on chip by block", Y: "W"}, blocks, both, watt[:])}}
}
