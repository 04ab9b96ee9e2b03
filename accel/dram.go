package accel

import (
	"fmt"
	"math/bits"

	"spatten/accel/config"
	"spatten/accel/crossbar"
	"spatten/accel/hbm"
)

// idealLatency is the time from push to answer of a channel of the standard "ideal", the cold read of HBM2.
const idealLatency = 19

// drain is long enough for writes whose row has just been opened, with a refresh between.
const drain = 1024

// interleaved is the address map whose lowest bit above a burst chooses the pseudo-channel.
const interleaved = "row-bank-group-column-pseudochannel"

// dram is the memory's channels, and what they did.
type dram struct {
	channels    []crossbar.Channel
	controllers []*hbm.Controller
}

// newDRAM makes the channels of a machine. The standard "ideal" has no banks.
func newDRAM(m *config.Machine) (dram, error) {
	var d dram
	if m.DRAM.Standard == "ideal" {
		for range m.DRAM.Channels {
			d.channels = append(d.channels, crossbar.NewIdeal(idealLatency, int64(m.DRAM.NBL), m.DRAM.Outstanding))
		}
		return d, nil
	}
	standard, err := hbm.ByName(m.DRAM.Standard)
	if err != nil {
		return d, fmt.Errorf("machine %s: %w", m.Name, err)
	}
	if m.DRAM.Mapping != hbm.Mapping && m.DRAM.Mapping != interleaved {
		return d, fmt.Errorf("machine %s: dram.mapping %q is unknown; known: %s, %s", m.Name, m.DRAM.Mapping, hbm.Mapping, interleaved)
	}
	standard.Timing.BL = m.DRAM.NBL
	if !m.DRAM.Refresh {
		standard.Timing.REFI = 0
	}
	for range m.DRAM.Channels {
		c, err := hbm.NewController(standard, hbm.Options{Outstanding: m.DRAM.Outstanding})
		if err != nil {
			return d, fmt.Errorf("machine %s: %w", m.Name, err)
		}
		d.controllers = append(d.controllers, c)
		d.channels = append(d.channels, &channel{c, m.DRAM.Mapping == interleaved, newInterleaving(&standard.Org)})
	}
	return d, nil
}

// stats sums what the channels did up to a cycle.
func (d *dram) stats(upto int64) hbm.Stats {
	var sum hbm.Stats
	for _, c := range d.controllers {
		run(c, upto)
		for c.QueuedWrites() > 0 {
			c.Step(c.Next())
		}
		run(c, c.Stats().LastCycle+drain)
		s := c.Stats()
		sum.Reads += s.Reads
		sum.Writes += s.Writes
		sum.Activations += s.Activations
		sum.Precharges += s.Precharges
		sum.Refreshes += s.Refreshes
		sum.RowHits += s.RowHits
		sum.RowMisses += s.RowMisses
		sum.RowConflicts += s.RowConflicts
		sum.DataCycles += s.DataCycles
	}
	return sum
}

// channel lets the crossbar drive a controller, which is idle between its events.
type channel struct {
	*hbm.Controller
	interleaved bool
	order       interleaving
}

// run works through the controller's events before a cycle.
func run(c *hbm.Controller, before int64) {
	for n := c.Next(); n < before; n = c.Next() {
		c.Step(n)
	}
}

// Push implements crossbar.Channel.
func (c *channel) Push(now int64, addr uint64, write bool, id uint32) bool {
	run(c.Controller, now)
	if c.interleaved {
		addr = c.order.apply(addr)
	}
	return c.Controller.Push(now, addr, id, write)
}

// interleaving moves the bits above the burst that shall choose the pseudo-channel to the place where the controller's
// map has them, so that neighbouring bursts of a channel lie in different pseudo-channels. All are widths in bits.
type interleaving struct{ burst, pseudo, column uint }

func newInterleaving(o *hbm.Organization) interleaving {
	log2 := func(n int) uint { return uint(bits.TrailingZeros(uint(n))) }
	return interleaving{log2(o.BurstBytes), log2(o.Pseudo), log2(o.RowBytes / o.BurstBytes)}
}

func (i interleaving) apply(addr uint64) uint64 {
	block := addr >> i.burst
	pseudo, column := block&(1<<i.pseudo-1), block>>i.pseudo&(1<<i.column-1)
	rest := block >> (i.pseudo + i.column)
	return ((rest<<i.pseudo|pseudo)<<i.column | column) << i.burst
}

// Tick implements crossbar.Channel.
func (c *channel) Tick(now int64) (uint32, bool) {
	if c.Next() <= now {
		run(c.Controller, now)
		c.Step(now)
	}
	return c.Pop(now)
}
