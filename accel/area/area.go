// Package area estimates the silicon of a machine: it reads the sizes of its blocks and writes mm² by block, by rules
// that are linear in multipliers, SRAM, softmax lanes and comparators, and linear in ports and in crosspoints.
package area

import "spatten/accel/config"

// Blocks are the areas of Fig. 13, in mm².
type Blocks struct {
	Fetcher float64 `json:"fetcher"`
	QK      float64 `json:"qk"` // with the K SRAM
	Softmax float64 `json:"softmax"`
	TopK    float64 `json:"topk"` // both engines
	PV      float64 `json:"pv"`   // with the V SRAM
	Others  float64 `json:"others"`
}

// Total is the sum of the blocks.
func (b Blocks) Total() float64 { return b.Fetcher + b.QK + b.Softmax + b.TopK + b.PV + b.Others }

// Of estimates a machine.
func Of(m *config.Machine) Blocks {
	a := m.Area
	const arrays, engines, crossbars = 2, 2, 2
	return Blocks{
		Fetcher: float64(m.Fetch.Ports)*a.FetchPort + float64(crossbars*m.Fetch.Ports*m.DRAM.Channels)*a.Crosspoint,
		QK:      float64(m.QK.Multipliers)*a.QKMultiplier + float64(m.KeySRAM.Bytes)/1024*a.SRAMKilobyte,
		Softmax: float64(m.Softmax.Parallelism) * a.SoftmaxLane,
		TopK:    float64(engines*arrays*m.TopK.Comparators) * a.TopKLane,
		PV:      float64(m.PV.Multipliers)*a.PVMultiplier + float64(m.ValSRAM.Bytes)/1024*a.SRAMKilobyte,
		Others:  float64(m.Import.AddsPerCycle) * a.OthersPerLane,
	}
}
