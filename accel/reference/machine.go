// Package reference is the machine reference-rtl: the authors' published SpinalHDL design, register for register
// where it decides a cycle. It reads rows (what each head asks for), and writes the cycle of every handshake,
// the DRAM's reads and the causes of waiting.
//
// One file is one stage of the pipeline, in the order of the data: admit.go and keystage.go (request,
// allocation, arbiter), fetch.go, crossbar.go and realign.go (the matrix fetcher and its DRAM), buffer.go and
// reader.go (key and value buffers), dot.go, decide.go, requant.go, topk.go, value.go. sim.go moves time.
//
// All stages are valid/ready streams. Within a cycle they are stepped from the last to the first, so that a
// stage that is emptied can be filled in the same cycle (SpinalHDL's m2sPipe), and what is filled is seen in
// the next. Nothing is fitted to the measured runs: every constant is the depth of a FIFO or the number of
// registers on a path of the published design, or comes from its testbench.
package reference

import (
	"fmt"
	"math/bits"

	"spatten/accel/hbm"
)

// Machine is the configuration of the measured design: the testbench's arguments.
type Machine struct {
	Multipliers         int // multipliers of each of the two arrays: a power of two from 64
	BufferLines         int // lines of Multipliers elements in each of the key and value buffers
	BandwidthDownsample int // DRAM channels are 16 divided by this: 1, 2, 4, 8 or 16
	FetchRounding       int // fetch counts are rounded up to a multiple of this
	IssueGap            int // cycles from a row's answer to the request of the next; 0: requests follow at once
	FirstIssue          int // cycle of the first request, with IssueGap
}

// Default is the configuration of the testbench's script.
func Default() Machine {
	return Machine{Multipliers: 64, BufferLines: 2048, BandwidthDownsample: 8, FetchRounding: 8}
}

const (
	sizeD        = 64 // elements of a vector; the design asserts it
	transaction  = 32 // bytes of one DRAM request: the 256-bit bus
	maxFused     = 2  // matrices of one record: a pair of 6-bit heads
	requantBits  = 4  // low bits fetched by a recomputation
	maxRegions   = 16 // rows alive in a buffer's allocator
	addressFIFO  = 16 // rows of addresses waiting at a fetch port
	responseFIFO = 64 // answers waiting at a fetch port
	contexts     = 16 // matrices in the fetcher
	requestFIFO  = 16 // rows dispatched and not yet decided
	outstanding  = 16 // DRAM requests of a channel from push to pop
)

// geometry is what follows from the configuration.
type geometry struct {
	lanes    int    // P: scores, hence vectors, a cycle
	laneBits int    // log2 of the lanes: layers of the trees that reduce over them
	channels int    // C: DRAM channels
	ports    int    // F: channels of the matrix fetcher
	lines    int    // N
	unit     int    // 32-byte transactions in one unit of the realign FIFO
	keyCap   int    // P*N: most keys or values of a row
	pop      [9]int // by bits: units of the realign FIFO that make two buffer lines
	pushBits int    // log2 of the units of a row of F
}

func (m Machine) geometry() (geometry, error) {
	var g geometry
	if m.Multipliers < sizeD || m.Multipliers > 2048 || m.Multipliers&(m.Multipliers-1) != 0 {
		return g, fmt.Errorf("multipliers must be a power of two from 64 to 2048, not %d", m.Multipliers)
	}
	if m.BufferLines < 4 || m.BufferLines > 1<<20 || m.BufferLines&(m.BufferLines-1) != 0 {
		return g, fmt.Errorf("buffer_lines must be a power of two from 4 to 1048576, not %d", m.BufferLines)
	}
	if r := m.BandwidthDownsample; r < 1 || r > 16 || r&(r-1) != 0 {
		return g, fmt.Errorf("bandwidth_downsample must be 1, 2, 4, 8 or 16, not %d", r)
	}
	if m.FetchRounding < 1 {
		return g, fmt.Errorf("fetch_rounding must be at least 1, not %d", m.FetchRounding)
	}
	g.lanes = m.Multipliers / sizeD
	g.laneBits = bits.Len(uint(g.lanes)) - 1
	g.channels = 16 / m.BandwidthDownsample
	g.ports = max(32/m.BandwidthDownsample, g.lanes)
	g.lines = m.BufferLines
	g.keyCap = g.lanes * g.lines
	// The realign FIFO counts in units of the greatest common divisor of what it takes and gives, in bits.
	unit := g.ports * transaction * 8
	for _, b := range []int{4, 6, 8} {
		unit = gcd(unit, b*m.Multipliers*maxFused)
	}
	g.unit = unit / (transaction * 8)
	g.pushBits = bits.TrailingZeros(uint(g.ports / g.unit))
	for _, b := range []int{4, 6, 8} {
		g.pop[b] = b * g.lanes * sizeD * maxFused / (8 * transaction) / g.unit
	}
	return g, nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// bufferLines is the lines a matrix of n vectors takes in a buffer: rounded up to even, so that both write
// ports have as many.
func (g *geometry) bufferLines(n int) int {
	lines := (n + g.lanes - 1) / g.lanes
	return (lines + maxFused - 1) / maxFused * maxFused
}

// words is the words of P scores that n vectors make.
func (g *geometry) words(n int) int { return (n + g.lanes - 1) / g.lanes }

// standard is the DRAM behind the measured design.
func standard() hbm.Standard { return hbm.HBM2Reference() }
