package energy

import (
	"math"
	"testing"

	"spatten/accel/config"
)

// A burst of 32 byte with one activation, by hand: 256 × 3.92 pJ + 909 pJ = 1,912.52 pJ.
func TestByHand(t *testing.T) {
	table := config.Energy{DRAMBit: 3.92, DRAMActivation: 909, SRAMByte: 1, FIFOByte: 0.5, QKMAC: 2, PVMAC: 3, SoftmaxItem: 80,
		Comparison: 9, FetchRequest: 10, Accumulation: 20, StaticWatt: 0.1}
	got := Joules(Counts{DRAMBits: 256, DRAMActivations: 1, Requests: 1, FIFOBytes: 40, QKMACs: 64, KeySRAMBytes: 96, PVMACs: 64,
		ValueSRAMBytes: 96, SoftmaxItems: 1, Comparisons: 2, Accumulations: 3, FCMACs: 10, Seconds: 1e-9}, table)
	for unit, pj := range map[string]float64{DRAM: 1912.52, Fetcher: 30, QK: 128 + 10 + 96, PV: 192 + 15 + 96, Softmax: 80, TopK: 18, Others: 60, Static: 100} {
		if math.Abs(got[unit]*1e12-pj) > 1e-6 {
			t.Errorf("%s: %v pJ, by hand %v", unit, got[unit]*1e12, pj)
		}
	}
}
