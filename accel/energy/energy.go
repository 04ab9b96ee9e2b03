// Package energy is counts times a table: it reads what the units counted and the machine's energies, and writes joules
// by unit.
package energy

import "spatten/accel/config"

// Counts are the operations and bytes that cost energy.
type Counts struct {
	QKMACs, PVMACs, FCMACs       int64
	KeySRAMBytes, ValueSRAMBytes int64 // read and written
	SoftmaxItems                 int64
	Comparisons                  int64 // items that a top-k engine streamed past its comparators
	Requests                     int64 // bursts through the crossbars
	FIFOBytes                    int64 // into and out of the crossbars' FIFOs
	Accumulations                int64
	DRAMBits, DRAMActivations    int64
	Seconds                      float64
}

// Units of the result.
const (
	DRAM    = "dram"
	Fetcher = "fetcher"
	QK      = "qk"
	Softmax = "softmax"
	TopK    = "topk"
	PV      = "pv"
	Others  = "others"
	Static  = "static"
)

// Joules gives the energy by unit. The multipliers' arrays include their SRAM, as Fig. 13 does; FC work is split over
// the two arrays evenly.
func Joules(c Counts, t config.Energy) map[string]float64 {
	pj := func(n int64, each float64) float64 { return float64(n) * each * 1e-12 }
	return map[string]float64{
		DRAM:    pj(c.DRAMBits, t.DRAMBit) + pj(c.DRAMActivations, t.DRAMActivation),
		Fetcher: pj(c.Requests, t.FetchRequest) + pj(c.FIFOBytes, t.FIFOByte),
		QK:      pj(c.QKMACs, t.QKMAC) + pj(c.FCMACs, t.QKMAC/2) + pj(c.KeySRAMBytes, t.SRAMByte),
		PV:      pj(c.PVMACs, t.PVMAC) + pj(c.FCMACs, t.PVMAC/2) + pj(c.ValueSRAMBytes, t.SRAMByte),
		Softmax: pj(c.SoftmaxItems, t.SoftmaxItem),
		TopK:    pj(c.Comparisons, t.Comparison),
		Others:  pj(c.Accumulations, t.Accumulation),
		Static:  t.StaticWatt * c.Seconds,
	}
}
