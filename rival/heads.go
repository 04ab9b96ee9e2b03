package rival

import (
	"math"

	"spatten/accel/energy"
)

// Heads is dense attention as an accelerator meets it: Count heads (layers and generated tokens multiplied in), each with
// its queries over its keys.
type Heads struct {
	Count, Queries, Keys, Dim int
}

// The rivals' size in SpAtten's Table III: 64 + 64 multipliers, 64 GB/s at 1 GHz, 12-bit data.
const (
	multipliers   = 64 // of each of the two products
	bytesPerCycle = 64
	wordBits      = 12
)

// Cost is what heads cost: cycles at 1 GHz, and the counts that energy is made from, by the same table for all machines.
type Cost struct {
	Cycles float64
	Counts energy.Counts
}

// fetched is the cost of moving everything: queries, all keys and values, outputs.
func (h Heads) fetched() Cost {
	bits := float64(h.Count) * 2 * float64(h.Keys+h.Queries) * float64(h.Dim) * wordBits
	const rowBits = 8 * 1024 // one activation per open row
	return Cost{Cycles: bits / 8 / bytesPerCycle, Counts: energy.Counts{DRAMBits: int64(bits), DRAMActivations: int64(bits / rowBits),
		Requests: int64(bits / 256)}}
}

// count adds the counts of a run: multiply-accumulates of the two products, exponentials, comparisons.
func (c *Cost) count(qk, pv, exps, comparisons float64) {
	c.Counts.QKMACs, c.Counts.PVMACs = int64(qk), int64(pv)
	c.Counts.KeySRAMBytes, c.Counts.ValueSRAMBytes = int64(qk*wordBits/8), int64(pv*wordBits/8)
	c.Counts.SoftmaxItems, c.Counts.Comparisons = int64(exps), int64(comparisons)
	c.Counts.Seconds = c.Cycles / 1e9
}

// MNNFast is the cost of heads with column-based softmax and zero-skipping (ISCA 2019): all is fetched, all scores are
// computed, and the value rows under a threshold are not multiplied; values is the share that is.
func MNNFast(h Heads, values float64) Cost {
	lanes := math.Ceil(float64(h.Dim) / multipliers)
	n := float64(h.Count * h.Queries)
	pairs := n * float64(h.Keys)
	c := h.fetched()
	c.Cycles = max(c.Cycles, pairs*lanes, pairs*values*lanes)
	c.count(pairs*float64(h.Dim), pairs*values*float64(h.Dim), pairs, pairs)
	return c
}
