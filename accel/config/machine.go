package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/bits"
)

// KindSpAtten is the kind of the paper's machine and its relatives.
const KindSpAtten = "spatten"

// Arbitrations of the address crossbar: which port wins where several want one channel.
const (
	LowestPort = "lowest-port"
	Rotating   = "rotating"
)

// Machine is one accelerator of the paper's family. The YAML files say what each number is and where it is from.
type Machine struct {
	Kind     string   `yaml:"kind" json:"kind"`
	Name     string   `yaml:"name" json:"name"`
	ClockGHz float64  `yaml:"clock_ghz" json:"clock_ghz"`
	Control  Control  `yaml:"control" json:"control"`
	Fetch    Fetch    `yaml:"fetch" json:"fetch"`
	DRAM     DRAM     `yaml:"dram" json:"dram"`
	KeySRAM  SRAM     `yaml:"key_sram" json:"key_sram"`
	ValSRAM  SRAM     `yaml:"value_sram" json:"value_sram"`
	QK       Multiply `yaml:"qk" json:"qk"`
	Softmax  Softmax  `yaml:"softmax" json:"softmax"`
	Requant  Requant  `yaml:"requant" json:"requant"`
	TopK     TopK     `yaml:"topk" json:"topk"`
	PV       Multiply `yaml:"pv" json:"pv"`
	Import   Import   `yaml:"importance" json:"importance"`
	FC       FC       `yaml:"fc" json:"fc"`
	Energy   Energy   `yaml:"energy" json:"energy"`
	Area     Area     `yaml:"area" json:"area"`
}

// Control is the request front end.
type Control struct {
	GQAReuse          bool `yaml:"gqa_reuse" json:"gqa_reuse"`
	LocalValuePruning bool `yaml:"local_value_pruning" json:"local_value_pruning"`
}

// Fetch is the Q-K-V fetcher with its two crossbars.
type Fetch struct {
	Ports         int    `yaml:"ports" json:"ports"`
	FIFODepth     int    `yaml:"fifo_depth" json:"fifo_depth"`
	AddressBytes  int    `yaml:"address_bytes" json:"address_bytes"`
	DataBytes     int    `yaml:"data_bytes" json:"data_bytes"`
	Arbitration   string `yaml:"arbitration" json:"arbitration"`
	RequestCycles int    `yaml:"request_cycles" json:"request_cycles"`
	DataCycles    int    `yaml:"data_cycles" json:"data_cycles"`
	ConvertCycles int    `yaml:"convert_cycles" json:"convert_cycles"`
}

// DRAM is the memory: which standard, how many channels.
type DRAM struct {
	Standard    string `yaml:"standard" json:"standard"`
	Channels    int    `yaml:"channels" json:"channels"`
	BurstBytes  int    `yaml:"burst_bytes" json:"burst_bytes"`
	Outstanding int    `yaml:"outstanding_requests" json:"outstanding_requests"`
	NBL         int    `yaml:"burst_cycles" json:"burst_cycles"`
	Refresh     bool   `yaml:"refresh" json:"refresh"`
	Mapping     string `yaml:"mapping" json:"mapping"`
}

// SRAM is a buffer of two halves.
type SRAM struct {
	Bytes      int  `yaml:"bytes" json:"bytes"`
	WordBits   int  `yaml:"word_bits" json:"word_bits"`
	Double     bool `yaml:"double_buffered" json:"double_buffered"`
	WriteDelay int  `yaml:"write_cycles" json:"write_cycles"`
}

// Multiply is one array of multipliers with its adder tree.
type Multiply struct {
	Multipliers     int `yaml:"multipliers" json:"multipliers"`
	BroadcastCycles int `yaml:"broadcast_cycles" json:"broadcast_cycles"`
	MultiplyCycles  int `yaml:"multiply_cycles" json:"multiply_cycles"`
	OutputCycles    int `yaml:"output_cycles" json:"output_cycles"`
}

// Softmax is the softmax pipeline.
type Softmax struct {
	Parallelism      int `yaml:"parallelism" json:"parallelism"`
	FIFODepth        int `yaml:"fifo_depth" json:"fifo_depth"`
	DequantizeCycles int `yaml:"dequantize_cycles" json:"dequantize_cycles"`
	ExpCycles        int `yaml:"exp_cycles" json:"exp_cycles"`
	AccumulateCycles int `yaml:"accumulate_cycles" json:"accumulate_cycles"`
	DivideCycles     int `yaml:"divide_cycles" json:"divide_cycles"`
	QuantizeCycles   int `yaml:"quantize_cycles" json:"quantize_cycles"`
}

// Requant is the progressive-quantization decision.
type Requant struct {
	CompareCycles int `yaml:"compare_cycles" json:"compare_cycles"`
	ReportCycles  int `yaml:"report_cycles" json:"report_cycles"`
	ReorderRows   int `yaml:"reorder_rows" json:"reorder_rows"`
}

// TopK is one quick-select engine.
type TopK struct {
	Comparators int `yaml:"comparators" json:"comparators"`
	FIFODepth   int `yaml:"fifo_depth" json:"fifo_depth"`
	RoundCycles int `yaml:"round_cycles" json:"round_cycles"`
}

// Import is the importance accumulators.
type Import struct {
	AddsPerCycle int `yaml:"adds_per_cycle" json:"adds_per_cycle"`
}

// FC is the mode of SpAtten-e2e that computes fully connected layers.
type FC struct {
	Enabled    bool `yaml:"enabled" json:"enabled"`
	WeightBits int  `yaml:"weight_bits" json:"weight_bits"`
	LMHead     bool `yaml:"lm_head" json:"lm_head"`
}

// Energy is the table that counts are multiplied with, in picojoule.
type Energy struct {
	DRAMBit        float64 `yaml:"dram_bit_pj" json:"dram_bit_pj"`
	DRAMActivation float64 `yaml:"dram_activation_pj" json:"dram_activation_pj"`
	SRAMByte       float64 `yaml:"sram_byte_pj" json:"sram_byte_pj"`
	FIFOByte       float64 `yaml:"fifo_byte_pj" json:"fifo_byte_pj"`
	QKMAC          float64 `yaml:"qk_multiply_add_pj" json:"qk_multiply_add_pj"`
	PVMAC          float64 `yaml:"pv_multiply_add_pj" json:"pv_multiply_add_pj"`
	SoftmaxItem    float64 `yaml:"softmax_item_pj" json:"softmax_item_pj"`
	Comparison     float64 `yaml:"comparison_pj" json:"comparison_pj"`
	FetchRequest   float64 `yaml:"fetch_request_pj" json:"fetch_request_pj"`
	Accumulation   float64 `yaml:"accumulation_pj" json:"accumulation_pj"`
	StaticWatt     float64 `yaml:"static_w" json:"static_w"`
}

// Area is the area of each block as a constant and a slope, in mm².
type Area struct {
	FetchPort     float64 `yaml:"fetch_port_mm2" json:"fetch_port_mm2"`
	Crosspoint    float64 `yaml:"crosspoint_mm2" json:"crosspoint_mm2"`
	QKMultiplier  float64 `yaml:"qk_multiplier_mm2" json:"qk_multiplier_mm2"`
	PVMultiplier  float64 `yaml:"pv_multiplier_mm2" json:"pv_multiplier_mm2"`
	SRAMKilobyte  float64 `yaml:"sram_kilobyte_mm2" json:"sram_kilobyte_mm2"`
	SoftmaxLane   float64 `yaml:"softmax_lane_mm2" json:"softmax_lane_mm2"`
	TopKLane      float64 `yaml:"topk_comparator_mm2" json:"topk_comparator_mm2"`
	OthersPerLane float64 `yaml:"others_lane_mm2" json:"others_lane_mm2"`
}

// Load reads a machine of the paper's family and checks it.
func Load(name string, sets []string) (Machine, error) {
	var m Machine
	kind, err := Kind(name)
	if err != nil {
		return m, err
	}
	if kind != KindSpAtten {
		return m, fmt.Errorf("machine %s is of kind %q, not %q", name, kind, KindSpAtten)
	}
	if err := Decode(name, sets, &m); err != nil {
		return m, err
	}
	return m, m.Check()
}

// Hash is a short fingerprint of everything that the machine says.
func (m *Machine) Hash() string {
	text, _ := json.Marshal(m)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// BytesPerCycle is the peak bandwidth of the DRAM in bytes a cycle.
func (m *Machine) BytesPerCycle() float64 {
	return float64(m.DRAM.Channels*2*m.DRAM.BurstBytes) / float64(m.DRAM.NBL)
}

// PeakOpsPerCycle counts two operations for each multiplier.
func (m *Machine) PeakOpsPerCycle() int { return 2 * (m.QK.Multipliers + m.PV.Multipliers) }

// Check reports the first number that no machine can have.
func (m *Machine) Check() error {
	type limit struct {
		key         string
		v, min, max int
		power       bool // of two
	}
	for _, l := range []limit{
		{"fetch.ports", m.Fetch.Ports, 1, 32, true},
		{"fetch.fifo_depth", m.Fetch.FIFODepth, 1, 4096, true},
		{"dram.channels", m.DRAM.Channels, 1, 32, true},
		{"dram.burst_bytes", m.DRAM.BurstBytes, 16, 64, true},
		{"dram.outstanding_requests", m.DRAM.Outstanding, 1, 1024, false},
		{"dram.burst_cycles", m.DRAM.NBL, 1, 64, false},
		{"key_sram.bytes", m.KeySRAM.Bytes, 1 << 10, 1 << 30, false},
		{"value_sram.bytes", m.ValSRAM.Bytes, 1 << 10, 1 << 30, false},
		{"qk.multipliers", m.QK.Multipliers, 16, 1 << 16, true},
		{"pv.multipliers", m.PV.Multipliers, 16, 1 << 16, true},
		{"softmax.parallelism", m.Softmax.Parallelism, 1, 1024, true},
		{"softmax.fifo_depth", m.Softmax.FIFODepth, 1, 1 << 20, false},
		{"requant.reorder_rows", m.Requant.ReorderRows, 1, 8, false},
		{"topk.comparators", m.TopK.Comparators, 1, 1024, true},
		{"topk.round_cycles", m.TopK.RoundCycles, 0, 1024, false},
		{"importance.adds_per_cycle", m.Import.AddsPerCycle, 1, 1024, false},
	} {
		if l.v < l.min || l.v > l.max || l.power && bits.OnesCount(uint(l.v)) != 1 {
			kind := ""
			if l.power {
				kind = ", a power of two"
			}
			return fmt.Errorf("machine %s: %s is %d; it must lie between %d and %d%s", m.Name, l.key, l.v, l.min, l.max, kind)
		}
	}
	if m.KeySRAM.WordBits != m.ValSRAM.WordBits || m.KeySRAM.WordBits < 4 || m.KeySRAM.WordBits > 32 {
		return fmt.Errorf("machine %s: word_bits of key_sram and value_sram must be equal and between 4 and 32", m.Name)
	}
	if a := m.Fetch.Arbitration; a != LowestPort && a != Rotating {
		return fmt.Errorf("machine %s: fetch.arbitration is %q; write %s or %s", m.Name, a, LowestPort, Rotating)
	}
	if !(m.ClockGHz > 0 && m.ClockGHz < 100) {
		return fmt.Errorf("machine %s: clock_ghz is %v", m.Name, m.ClockGHz)
	}
	return nil
}
