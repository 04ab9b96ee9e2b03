package beyond

import (
	"context"
	"fmt"
	"slices"
)

// Sweeps is everything that is beyond the paper.
type Sweeps struct {
	Machines    []Point  `json:"machines"`    // multipliers × bandwidth × comparators
	SRAM        []Point  `json:"sram"`        // SRAM × context
	Lost        []Point  `json:"reuse_lost"`  // contexts with K and V read once a query instead of once a group
	Comparators []Point  `json:"comparators"` // comparators × share of values kept
	Memories    []Point  `json:"memories"`    // generations of memory, with 16 and with 64 comparators
	Bits        []Point  `json:"bits"`        // widths × threshold
	Choices     []Choice `json:"choices"`
}

// What is swept.
var (
	multipliers = []int{128, 256, 512, 1024} // of each of the two arrays
	channels    = []int{4, 8, 16, 32}        // of 32 GB/s
	comparators = []int{8, 16, 32, 64}       // of each of an engine's two arrays
	kibibytes   = []int{48, 96, 192, 384, 768}
	contexts    = []int{1024, 2048, 4096, 8192, 16384, 32768}
	kept        = []float64{1, 0.5, 0.3, 0.1}
	memories    = []struct {
		name string
		sets []string
	}{
		{"LPDDR-like, 64 GB/s", []string{"dram.channels=2"}},
		{"HBM2 at 2 Gb/s a pin, 256 GB/s", []string{"dram.burst_cycles=4"}},
		{"the paper's HBM2, 512 GB/s", nil},
		{"HBM3-like, 1,024 GB/s", []string{"dram.channels=32"}},
	}
	widths = [][2]uint8{{4, 4}, {6, 4}, {8, 4}, {12, 0}}
)

// fixed is the context of the sweeps that do not change it.
const fixed = 4096

func arrays(n int) []string {
	// Softmax and accumulators take as many scores a cycle as the multipliers give.
	lanes := max(1, n/dim)
	return []string{fmt.Sprintf("qk.multipliers=%d", n), fmt.Sprintf("pv.multipliers=%d", n),
		fmt.Sprintf("softmax.parallelism=%d", lanes), fmt.Sprintf("importance.adds_per_cycle=%d", lanes)}
}

func sram(kib int) []string {
	return []string{fmt.Sprintf("key_sram.bytes=%d", kib*1024), fmt.Sprintf("value_sram.bytes=%d", kib*1024)}
}

func compare(n int) string { return fmt.Sprintf("topk.comparators=%d", n) }

const lost = "control.gqa_reuse=false"

// Sweep simulates all of it. A short sweep leaves contexts beyond 4,096 out and takes every second machine.
func Sweep(ctx context.Context, short bool) (*Sweeps, error) {
	s := new(Sweeps)
	for _, m := range multipliers {
		for _, c := range channels {
			for _, k := range comparators {
				if short && (c == 4 || c == 32 || k == 8 || k == 32) {
					continue
				}
				s.Machines = append(s.Machines, Point{Name: fmt.Sprintf("2 × %d multipliers, %d GB/s, %d comparators", m, 32*c, k), Work: Typical(fixed),
					Sets: append(arrays(m), fmt.Sprintf("dram.channels=%d", c), compare(k))})
			}
		}
	}
	for _, n := range contexts {
		if short && n > fixed {
			break
		}
		for _, kib := range kibibytes {
			s.SRAM = append(s.SRAM, Point{Name: fmt.Sprintf("%d tokens, %d KiB", n, kib), Work: Typical(n), Sets: sram(kib)})
		}
		s.Lost = append(s.Lost, Point{Name: fmt.Sprintf("%d tokens", n), Work: Typical(n), Sets: []string{lost}})
	}
	for _, k := range append(slices.Clone(comparators), 128) {
		for _, share := range kept {
			w := Typical(fixed)
			w.Values = share
			s.Comparators = append(s.Comparators, Point{Name: fmt.Sprintf("%d comparators, %g of the values", k, share), Work: w, Sets: []string{compare(k)}})
		}
	}
	for _, m := range memories {
		for _, k := range []int{16, 64} {
			s.Memories = append(s.Memories, Point{Name: fmt.Sprintf("%s, %d comparators", m.name, k), Work: Typical(fixed), Sets: append(slices.Clone(m.sets), compare(k))},
				Point{Name: fmt.Sprintf("%s, %d comparators, no reuse", m.name, k), Work: Typical(fixed), Sets: append(slices.Clone(m.sets), compare(k), lost)})
		}
	}
	for _, b := range widths {
		for _, a := range Asking {
			w := Typical(fixed)
			w.MSB, w.LSB, w.Asking = b[0], b[1], a.Share
			if b[1] == 0 && a.Threshold > 0 {
				continue
			}
			s.Bits = append(s.Bits, Point{Name: fmt.Sprintf("%d + %d bits, threshold %g", b[0], b[1], a.Threshold), Work: w, Sets: []string{compare(64)}})
		}
	}
	s.Choices = choices()
	var all []*Point
	for _, points := range [][]Point{s.Machines, s.SRAM, s.Lost, s.Comparators, s.Memories, s.Bits} {
		for i := range points {
			all = append(all, &points[i])
		}
	}
	for i := range s.Choices {
		c := &s.Choices[i]
		all = append(all, &c.Published, &c.Half, &c.Double)
	}
	if err := run(ctx, all); err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	mark(s.Machines)
	return s, nil
}

// knobs are the paper's sizes with what sets half and double of each.
var knobs = []struct {
	name           string
	halved, double []string
}{
	{"multipliers, softmax, accumulators", arrays(256), arrays(1024)},
	{"bandwidth", []string{"dram.channels=8"}, []string{"dram.channels=32"}},
	{"comparators", []string{compare(8)}, []string{compare(32)}},
	{"SRAM", sram(96), sram(384)},
	{"FIFOs at the ports", []string{"fetch.fifo_depth=32"}, []string{"fetch.fifo_depth=128"}},
}

// Choice is one of the paper's sizes, halved and doubled.
type Choice struct {
	Size      string `json:"size"`
	Grouped   bool   `json:"grouped"` // K and V read once for four queries
	Published Point  `json:"published"`
	Half      Point  `json:"half"`
	Double    Point  `json:"double"`
}

// choices halves and doubles every size, for queries that share nothing, as the paper's models have, and for groups of four.
func choices() []Choice {
	var out []Choice
	for _, grouped := range []bool{false, true} {
		for _, n := range []int{1024, 8192} {
			for _, k := range knobs {
				at := func(sets []string) Point {
					if sets = slices.Clone(sets); !grouped {
						sets = append(sets, lost)
					}
					return Point{Name: fmt.Sprintf("%s, %d tokens", k.name, n), Work: Typical(n), Sets: sets}
				}
				out = append(out, Choice{k.name, grouped, at(nil), at(k.halved), at(k.double)})
			}
		}
	}
	return out
}

// Verdict says whether the size still is a good one: what halving costs and doubling gains in time decides.
func (c *Choice) Verdict() string {
	costs, gains := c.Half.Seconds/c.Published.Seconds, c.Published.Seconds/c.Double.Seconds
	switch {
	case gains >= worth:
		return "too small"
	case costs < worth:
		return "larger than needed"
	}
	return "holds"
}

// worth is the least factor of time that halving a size must cost, and doubling it must not gain, for the size to hold.
const worth = 1.15
