package accel

import (
	"spatten/accel/config"
	"spatten/accel/crossbar"
	"spatten/accel/energy"
	"spatten/accel/fc"
	"spatten/accel/fetch"
	"spatten/accel/hbm"
	"spatten/accel/importance"
	"spatten/accel/pv"
	"spatten/accel/qk"
	"spatten/accel/requant"
	"spatten/accel/softmax"
	"spatten/accel/topk"
)

// Result is what a machine did with a trace. Everything that people see is made from it.
type Result struct {
	Machine     string `json:"machine"`
	MachineHash string `json:"machine_hash"`
	TraceHash   string `json:"trace_hash,omitempty"`
	CodeVersion string `json:"code_version"`
	Seed        uint64 `json:"seed"`

	Cycles       int64   `json:"cycles"`
	Seconds      float64 `json:"seconds"`
	DRAMReads    int64   `json:"dram_reads"` // bursts read
	DRAMWrites   int64   `json:"dram_writes"`
	DRAMBytes    int64   `json:"dram_bytes"`    // of all bursts, padding included
	KVBytes      int64   `json:"kv_bytes"`      // as the trace counts them in generation
	Operations   int64   `json:"operations"`    // of attention, two a multiply-accumulate, really done
	FCOperations int64   `json:"fc_operations"` // of the FC layers in the trace, simulated or not
	FCCycles     int64   `json:"fc_cycles"`     // cycles from the end of what came before to the end of each FC layer

	EnergyJ map[string]float64 `json:"energy_j"`
	Counts  energy.Counts      `json:"-"` // that EnergyJ is made from
	Units   []UnitResult       `json:"units"`
	Layers  []LayerResult      `json:"layers"`
	Stalls  []Stall            `json:"stalls"`
	Roof    Roofline           `json:"roofline"`
	Rows    []Row              `json:"rows,omitempty"`

	Counters Counters `json:"counters"`
}

// UnitResult is one unit's share of the run.
type UnitResult struct {
	Unit        string  `json:"unit"`
	Busy        int64   `json:"busy_cycles"`
	Utilization float64 `json:"utilization"`
}

// LayerResult is one layer's share of the run, over all passes.
type LayerResult struct {
	Layer  int   `json:"layer"`
	Cycles int64 `json:"cycles"`
	Bursts int64 `json:"bursts"`
	Rows   int64 `json:"rows"`
}

// Stall is a cause of waiting and how many cycles of a unit it took.
type Stall struct {
	Unit   string `json:"unit"`
	Cause  string `json:"cause"`
	Cycles int64  `json:"cycles"`
}

// Roofline is where the run lies under the machine's two roofs.
type Roofline struct {
	OpsPerByte    float64 `json:"ops_per_byte"`
	TFLOPS        float64 `json:"tflops"`         // reached
	ComputeTFLOPS float64 `json:"compute_tflops"` // roof of the multipliers
	MemoryTFLOPS  float64 `json:"memory_tflops"`  // roof of the memory at this intensity
	Bound         string  `json:"bound"`          // which of the two is lower
}

// Row is one query of one head.
type Row struct {
	Row       int64 `json:"row" parquet:"row"`
	Accept    int64 `json:"accept" parquet:"accept"`     // cycle in which its fetch was taken
	Response  int64 `json:"response" parquet:"response"` // cycle in which its output was complete
	DRAMReads int64 `json:"dram_reads" parquet:"dram_reads"`
}

// Counters are the counters of all units.
type Counters struct {
	Memory     crossbar.Counters   `json:"memory"`
	QK         qk.Counters         `json:"qk"`
	Softmax    softmax.Counters    `json:"softmax"`
	Requant    requant.Counters    `json:"requant"`
	Values     topk.Counters       `json:"value_topk"`
	Tokens     topk.Counters       `json:"token_topk"`
	PV         pv.Counters         `json:"pv"`
	Importance importance.Counters `json:"importance"`
	FC         fc.Counters         `json:"fc"`
	DRAM       hbm.Stats           `json:"dram"`
	Spill      int64               `json:"spill_bytes"`
}

// layerDone books an item's time to its layer.
func (s *sim) layerDone(it *item, cycles int64) {
	l := s.layerAt(int(it.layer))
	l.Cycles += cycles
	l.Rows += int64(len(it.queries))
	if it.kind == fcItem {
		s.fcCycles += cycles
	}
	if s.rows != nil {
		for i := range it.queries {
			s.giveRow(it, i)
		}
	}
}

func (s *sim) layerAt(i int) *LayerResult {
	for len(s.layers) <= i {
		s.layers = append(s.layers, LayerResult{Layer: len(s.layers)})
	}
	return &s.layers[i]
}

func (s *sim) giveRow(it *item, i int) {
	q := &it.queries[i]
	r := Row{Row: q.row, Accept: q.accept, Response: q.output}
	if i == 0 {
		r.Accept = it.kJob.Granted
		r.DRAMReads = it.kJob.Bursts + it.qJob.Bursts + it.vJob.Bursts
		if len(it.lsbJobs) > 0 {
			r.DRAMReads += it.lsbJobs[0].Bursts
		}
	}
	if len(it.valJobs) > i {
		r.DRAMReads += it.valJobs[i].Bursts
	}
	if len(it.lsbJobs) > 1+i {
		r.DRAMReads += it.lsbJobs[1+i].Bursts
	}
	s.rows(r)
}

// account books an item's bursts to its layer when all of them are known.
func (s *sim) account(it *item) {
	n := it.kJob.Bursts + it.qJob.Bursts + it.vJob.Bursts + it.writeJob.Bursts + it.weightJob.Bursts
	for i := range it.lsbJobs {
		n += it.lsbJobs[i].Bursts
	}
	for i := range it.valJobs {
		n += it.valJobs[i].Bursts
	}
	s.layerAt(int(it.layer)).Bursts += n
	s.booked += n
	if it.kind == visitItem && !it.generation && s.long(it) {
		for i := range it.queries {
			// Scores out and in, probabilities out and in, 12 bits each.
			s.spill += 4 * it.queries[i].keys * int64(s.machine.KeySRAM.WordBits) / 8
		}
	}
}

// result gathers what the units counted.
func (s *sim) result(d hbm.Stats) Result {
	m := s.machine
	c := Counters{Memory: s.memory.Counters, QK: s.qk.Counters, Softmax: s.softmax.Counters, Requant: s.requant.Counters,
		Values: s.values.Counters, Tokens: s.tokens.Counters, PV: s.pv.Counters, Importance: s.acc.Counters, FC: s.fc.Counters, Spill: s.spill, DRAM: d}
	r := Result{Machine: m.Name, MachineHash: m.Hash(), Cycles: s.cycle, KVBytes: s.totals.kvBytes,
		Operations: s.totals.operations, FCOperations: s.totals.fcOperations, FCCycles: s.fcCycles, Layers: s.layers, Counters: c}
	r.Seconds = float64(r.Cycles) / (m.ClockGHz * 1e9)
	for k, n := range c.Memory.Bursts {
		if fetch.Kind(k) == fetch.Write {
			r.DRAMWrites += n
		} else {
			r.DRAMReads += n
		}
	}
	r.DRAMBytes = (r.DRAMReads+r.DRAMWrites)*int64(m.DRAM.BurstBytes) + s.spill
	busy := func(unit string, n int64) {
		r.Units = append(r.Units, UnitResult{unit, n, share(n, r.Cycles)})
	}
	bursts := r.DRAMReads + r.DRAMWrites
	busy("dram", int64(float64(bursts*int64(m.DRAM.BurstBytes))/m.BytesPerCycle()))
	busy("fetcher", c.Memory.BusyCycles-c.Memory.SourceIdle)
	busy("qk", c.QK.Lines)
	busy("softmax", c.Softmax.Words)
	busy("decision", c.Requant.Comparisons/int64(m.Softmax.Parallelism))
	busy("value top-k", c.Values.FillCycles+c.Values.SelectCycles)
	busy("pv", c.PV.LinesRead)
	busy("token/head top-k", c.Tokens.FillCycles+c.Tokens.SelectCycles)
	busy("fc", c.FC.Cycles-c.FC.MemoryStall)
	r.Stalls = []Stall{
		{"qk", "memory", c.QK.MemoryStall},
		{"qk", "softmax FIFO full", c.QK.BlockedStall},
		{"softmax", "decision register", c.Softmax.BlockedStall},
		{"decision", "top-k engine", c.Requant.BlockedStall},
		{"value top-k", "engine busy", c.Values.WaitStall},
		{"pv", "memory", c.PV.MemoryStall},
		{"fc", "memory", c.FC.MemoryStall},
		{"crossbar", "no address to give", c.Memory.SourceIdle},
		{"crossbar", "FIFOs full", c.Memory.WindowFull},
		{"crossbar", "channel taken by another port (requests)", c.Memory.Conflicts},
		{"crossbar", "channel full (requests)", c.Memory.Refused},
	}
	r.Counts = s.counts(&c, r.Seconds)
	r.EnergyJ = energy.Joules(r.Counts, m.Energy)
	ops := r.Operations
	if m.FC.Enabled {
		ops += 2 * c.FC.Multiplies
	}
	r.Roof = roofline(m, ops, r.DRAMBytes, r.Cycles)
	return r
}

func roofline(m *config.Machine, ops, bytes, cycles int64) Roofline {
	tera := m.ClockGHz * 1e9 / 1e12
	f := Roofline{OpsPerByte: share(ops, bytes), TFLOPS: share(ops, cycles) * tera, ComputeTFLOPS: float64(m.PeakOpsPerCycle()) * tera}
	f.MemoryTFLOPS = f.OpsPerByte * m.BytesPerCycle() * tera
	f.Bound = "compute"
	if f.MemoryTFLOPS < f.ComputeTFLOPS {
		f.Bound = "memory"
	}
	return f
}

func share(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// counts turns the units' counters into what costs energy.
func (s *sim) counts(c *Counters, seconds float64) energy.Counts {
	m := s.machine
	var bursts int64
	for _, n := range c.Memory.ChannelBursts {
		bursts += n
	}
	line := func(multipliers int) int64 { return int64(multipliers*m.KeySRAM.WordBits) / 8 }
	written := func(kinds ...fetch.Kind) (bytes int64) {
		for _, k := range kinds {
			bytes += c.Memory.Bursts[k] * int64(m.DRAM.BurstBytes)
		}
		return bytes
	}
	return energy.Counts{
		QKMACs: c.QK.Multiplies, PVMACs: c.PV.Multiplies, FCMACs: c.FC.Multiplies,
		KeySRAMBytes:   c.QK.Lines*line(m.QK.Multipliers) + written(fetch.Key, fetch.LSB),
		ValueSRAMBytes: c.PV.LinesRead*line(m.PV.Multipliers) + written(fetch.Value),
		SoftmaxItems:   c.Softmax.Items,
		Comparisons:    c.Values.Comparisons + c.Tokens.Comparisons,
		Requests:       bursts,
		FIFOBytes:      bursts * 2 * int64(m.Fetch.AddressBytes+m.DRAM.BurstBytes),
		Accumulations:  c.Importance.TokenAdds + c.Importance.HeadAdds,
		DRAMBits:       8 * (bursts*int64(m.DRAM.BurstBytes) + s.spill), DRAMActivations: c.DRAM.Activations,
		Seconds: seconds,
	}
}
