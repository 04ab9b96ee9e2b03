package hbm

import (
	"fmt"
	"slices"
	"strings"
)

// jedecHBM2 is what HBM2 at 2 Gb/s a pin and 8 Gb a channel shares between the two variants below: JESD235
// organization (two 64-bit pseudo-channels, four groups of four banks, 1 KB rows), timings as in Ramulator 2's
// HBM2_2Gbps preset (commit 628a3b1), whose cycles the reference runs show.
func jedecHBM2() Standard {
	return Standard{
		ClockGHz: 1,
		Org:      Organization{Pseudo: 2, Groups: 4, Banks: 4, Rows: 1 << 15, RowBytes: 1024, BurstBytes: 32},
		Timing: Timing{
			BL: 4, CL: 7, CWL: 2, RCDRD: 7, RCDWR: 7, RP: 7, RAS: 17, RC: 19, WR: 8, RTP: 3, RTPA: 2,
			CCDS: 1, CCDL: 2, RRDS: 2, RRDL: 3, WTRS: 3, WTRL: 4, FAW: 15, ACT: 2, RFC: 350,
		},
	}
}

// HBM2Reference is the memory behind the measured RTL: each 32-byte request is one column command of 4 cycles
// (so 16 bytes a cycle and channel, half of the paper's), a 512-byte row of which bit 4 of the column is always
// zero, and no refresh, because the refresh manager of that Ramulator asks for a level that HBM2 lacks.
func HBM2Reference() Standard {
	s := jedecHBM2()
	s.Name = "hbm2-reference"
	s.Source = "Ramulator 2 (628a3b1) preset HBM2_2Gbps as the authors' testbench drives it"
	s.Org.RowBytes = 512
	return s
}

// HBM2 is the paper's memory: 32 GB/s a channel at 1 GHz, hence a 32-byte burst in two cycles of a
// pseudo-channel, and all-bank refresh every 3.9 us for 350 ns (JESD235, 8 Gb a channel).
func HBM2() Standard {
	s := jedecHBM2()
	s.Name = "hbm2"
	s.Source = "JESD235, 8 Gb a channel; core timings of Ramulator 2's HBM2_2Gbps; 32 GB/s a channel (SpAtten, Table I)"
	s.Timing.BL = 2
	s.Timing.REFI = 3900
	return s
}

// HBM2E is HBM2 at 3.6 Gb/s a pin: the core keeps its nanoseconds, so latencies grow in cycles of 1.8 GHz.
func HBM2E() Standard {
	return Standard{
		Name:     "hbm2e",
		Source:   "JESD235D organization, 16 Gb a channel; HBM2's core nanoseconds at 1.8 GHz, rounded up",
		ClockGHz: 1.8,
		Org:      Organization{Pseudo: 2, Groups: 4, Banks: 4, Rows: 1 << 16, RowBytes: 1024, BurstBytes: 32},
		Timing: Timing{
			BL: 2, CL: 13, CWL: 4, RCDRD: 13, RCDWR: 13, RP: 13, RAS: 31, RC: 44, WR: 15, RTP: 6, RTPA: 6,
			CCDS: 2, CCDL: 4, RRDS: 4, RRDL: 6, WTRS: 6, WTRL: 8, FAW: 27, ACT: 2, RFC: 630, REFI: 7020,
		},
	}
}

// HBM3 has pseudo-channels of 32 bits with bursts of 8 (32 bytes) at 6.4 Gb/s a pin; command clock 1.6 GHz.
func HBM3() Standard {
	return Standard{
		Name:     "hbm3",
		Source:   "JESD238 organization, 16 Gb a channel; HBM2's core nanoseconds at 1.6 GHz, rounded up",
		ClockGHz: 1.6,
		Org:      Organization{Pseudo: 2, Groups: 4, Banks: 4, Rows: 1 << 15, RowBytes: 1024, BurstBytes: 32},
		Timing: Timing{
			BL: 2, CL: 12, CWL: 4, RCDRD: 12, RCDWR: 12, RP: 12, RAS: 28, RC: 40, WR: 13, RTP: 5, RTPA: 5,
			CCDS: 2, CCDL: 4, RRDS: 4, RRDL: 5, WTRS: 5, WTRL: 7, FAW: 24, ACT: 2, RFC: 560, REFI: 6240,
		},
	}
}

// DDR4 is DDR4-2400R, one rank of x8 chips, 8 Gb: bursts of 8 on 64 bits.
func DDR4() Standard {
	return Standard{
		Name:     "ddr4",
		Source:   "JESD79-4, DDR4-2400R, 8 Gb x8, one rank",
		ClockGHz: 1.2,
		Org:      Organization{Pseudo: 1, Groups: 4, Banks: 4, Rows: 1 << 16, RowBytes: 8192, BurstBytes: 64},
		Timing: Timing{
			BL: 4, CL: 16, CWL: 12, RCDRD: 16, RCDWR: 16, RP: 16, RAS: 39, RC: 55, WR: 18, RTP: 9, RTPA: 9,
			CCDS: 4, CCDL: 6, RRDS: 4, RRDL: 6, WTRS: 3, WTRL: 9, FAW: 26, ACT: 1, RFC: 420, REFI: 9360,
		},
	}
}

// LPDDR4 is one 16-bit channel of LPDDR4-3200, 4 Gb a channel: bursts of 16, no bank groups, ACT in four cycles.
func LPDDR4() Standard {
	return Standard{
		Name:     "lpddr4",
		Source:   "JESD209-4, LPDDR4-3200, 4 Gb a channel",
		ClockGHz: 1.6,
		Org:      Organization{Pseudo: 1, Groups: 1, Banks: 8, Rows: 1 << 15, RowBytes: 2048, BurstBytes: 32},
		Timing: Timing{
			BL: 8, CL: 28, CWL: 14, RCDRD: 29, RCDWR: 29, RP: 34, RAS: 68, RC: 102, WR: 29, RTP: 12, RTPA: 12,
			CCDS: 8, CCDL: 8, RRDS: 16, RRDL: 16, WTRS: 16, WTRL: 16, FAW: 64, ACT: 4, RFC: 288, REFI: 6246,
		},
	}
}

// Standards lists every table, by name.
func Standards() []Standard {
	return []Standard{HBM2(), HBM2Reference(), HBM2E(), HBM3(), DDR4(), LPDDR4()}
}

// ByName finds a table; its error lists the names there are.
func ByName(name string) (Standard, error) {
	all := Standards()
	if i := slices.IndexFunc(all, func(s Standard) bool { return s.Name == name }); i >= 0 {
		return all[i], nil
	}
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.Name
	}
	return Standard{}, fmt.Errorf("no dram standard %q: choose one of %s", name, strings.Join(names, ", "))
}
