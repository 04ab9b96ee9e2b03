package beyond

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/plotter"

	"spatten/paper/page"
)

func us(p *Point) string { return fmt.Sprintf("%.0f", p.Seconds*1e6) }
func mb(p *Point) string { return fmt.Sprintf("%.1f", p.Bytes/1e6) }
func uj(p *Point) string { return fmt.Sprintf("%.0f", p.Joules*1e6) }

func busiest(p *Point) string { return fmt.Sprintf("%s, %.0f %%", p.Bound, 100*p.Busy) }

// Sections are the sweeps as the report shows them.
func (s *Sweeps) Sections() []page.Section {
	return []page.Section{s.machines(), s.contexts(), s.selection(), s.memories(), s.bits(), s.choices()}
}

func (s *Sweeps) machines() page.Section {
	t := page.Table{Title: "The front: no other of the machines is as good in time, energy and area and better in one (1 % counts as equal)",
		Columns: []string{"machine", "µs a token", "µJ a token", "mm²", "busiest unit"}}
	var every, front, published page.Series
	every.Name, front.Name, published.Name = "all", "on the front", "the paper's size"
	onFront, n := false, 0
	for i := range s.Machines {
		p := &s.Machines[i]
		at := plotter.XY{X: p.Area, Y: p.Seconds * 1e6}
		ours := p.Name == "2 × 512 multipliers, 512 GB/s, 16 comparators"
		switch {
		case ours:
			published.Points, onFront = append(published.Points, at), p.Best
		case p.Best:
			front.Points = append(front.Points, at)
		default:
			every.Points = append(every.Points, at)
		}
		name := p.Name
		if ours {
			name += " (the paper's)"
		}
		if p.Best {
			n++
		}
		if p.Best || ours {
			t.Row(name, us(p), uj(p), fmt.Sprintf("%.1f", p.Area), busiest(p))
		}
	}
	where := "is on it"
	if !onFront {
		where = "is not on it"
	}
	return page.Section{ID: "beyond-machines", Title: "Beyond the paper: multipliers, bandwidth, comparators", Tables: []page.Table{t},
		Words: []string{fmt.Sprintf("Simulated, no published number beside it. The work is the attention of one generated token of a model with grouped queries (the shape of Llama-3.2-1B: 16 layers, 32 query and 8 key/value heads of 64; two layers stand for all) after %d tokens: half of the "+
			"tokens live, a group of four queries chooses 30 %% of the values together, keys of 6 + 4 bits that 5.9 %% of the queries read whole, values of 6. Softmax lanes grow with the multipliers. Area by the linear rules of Fig. 13a.", fixed)},
		After: []string{fmt.Sprintf("%d of %d machines are on the front; the paper's size %s. Energy hardly tells machines apart: work times a table. What buys speed on grouped queries is comparators, not bandwidth: K and V serve four queries each, and every one of them is ranked.", n, len(s.Machines), where)},
		Plots: []page.Plot{page.Scatter("beyond-machines", page.Axes{Title: "Time and area of machines", X: "mm²", Y: "µs a token", LogX: true, LogY: true}, false, published, every, front).Right()}}
}

func (s *Sweeps) contexts() page.Section {
	t := page.Table{Title: "µs a token (MB read) by K and V SRAM", Columns: []string{"context"}}
	for _, k := range kibibytes {
		t.Columns = append(t.Columns, fmt.Sprintf("%d KiB", k))
	}
	t.Columns = append(t.Columns, "192 KiB, read once a query", "more")
	var kept, once page.Series
	kept.Name, once.Name = "K and V once a group", "once a query"
	for i := range s.Lost {
		cells := []string{fmt.Sprint(s.Lost[i].Work.Context)}
		for j := range kibibytes {
			p := &s.SRAM[i*len(kibibytes)+j]
			cells = append(cells, fmt.Sprintf("%s (%s)", us(p), mb(p)))
		}
		base, p := &s.SRAM[i*len(kibibytes)+2], &s.Lost[i]
		t.Row(append(cells, fmt.Sprintf("%s (%s)", us(p), mb(p)), fmt.Sprintf("×%.2f (×%.1f)", p.Seconds/base.Seconds, p.Bytes/base.Bytes))...)
		x := float64(p.Work.Context)
		kept.Points, once.Points = append(kept.Points, plotter.XY{X: x, Y: base.Joules * 1e6}), append(once.Points, plotter.XY{X: x, Y: p.Joules * 1e6})
	}
	last, lost := &s.SRAM[len(s.SRAM)-len(kibibytes)+2], &s.Lost[len(s.Lost)-1]
	return page.Section{ID: "beyond-contexts", Title: "Beyond the paper: contexts that outgrow the SRAM", Tables: []page.Table{t},
		Words: []string{"Half of 192 KiB holds 1,024 keys of 64 × 12 bits, so 2,048 tokens of which half live. Longer matrices pass through the SRAM as a ring. Two bounds: the four queries of a group use every line of K while it is there (the machine as simulated), or " +
			"each reads K and V for itself."},
		After: []string{fmt.Sprintf("When a context no longer fits, little changes in time: keys stream anyway, each used once a query, and only a refetch of LSBs must bring the MSBs again (%.0f %% more bytes). The SRAM's size buys nothing but that, and a quarter of it would do. "+
			"What matters is that a group's queries stay together: at %d tokens without that K and V cost %.1f times the bytes and %.1f times the energy, and the memory is busy where the ranking was.", 100*(s.SRAM[5+1].Bytes/s.SRAM[5+3].Bytes-1), lost.Work.Context, lost.Bytes/last.Bytes, lost.Joules/last.Joules)},
		Plots: []page.Plot{page.Lines("beyond-contexts", page.Axes{Title: "Energy by context", X: "tokens of context", Y: "µJ a token", LogX: true, LogY: true}, kept, once)}}
}

func (s *Sweeps) selection() page.Section {
	t := page.Table{Title: "µs a token (µJ)", Columns: []string{"comparators"}}
	for _, k := range kept {
		t.Columns = append(t.Columns, fmt.Sprintf("%.0f %% of the values", 100*k))
	}
	series := make([]page.Series, len(kept))
	for i := 0; i < len(s.Comparators); i += len(kept) {
		var cells []string
		for j := range kept {
			p := &s.Comparators[i+j]
			n := append(slices.Clone(comparators), 128)[i/len(kept)]
			if j == 0 {
				cells = append(cells, fmt.Sprint(n))
			}
			cells = append(cells, fmt.Sprintf("%s (%s)", us(p), uj(p)))
			series[j].Name = t.Columns[1+j]
			series[j].Points = append(series[j].Points, plotter.XY{X: float64(n), Y: p.Seconds * 1e6})
		}
		t.Row(cells...)
	}
	allValues, some := &s.Comparators[len(kept)], &s.Comparators[len(kept)+2]
	wide := &s.Comparators[3*len(kept)+2]
	return page.Section{ID: "beyond-selection", Title: "Beyond the paper: comparators and the share of values", Tables: []page.Table{t},
		After: []string{fmt.Sprintf("With grouped queries and 16 comparators leaving out values costs time: %s µs with 30 %% of them, %s µs with all, since one engine ranks the rows of all four queries; it saves %.0f %% of the energy. With 64 comparators it costs next to nothing (%s µs), and so does an engine for each query of a group.",
			us(some), us(allValues), 100*(1-some.Joules/allValues.Joules), us(wide))},
		Plots: []page.Plot{page.Lines("beyond-selection", page.Axes{Title: "Time by comparators and values kept", X: "comparators of an array", Y: "µs a token", LogX: true}, series...)}}
}

func (s *Sweeps) memories() page.Section {
	t := page.Table{Columns: []string{"memory, engine", "µs a token", "MB", "µJ", "busiest unit"}}
	for i := range s.Memories {
		p := &s.Memories[i]
		t.Row(p.Name, us(p), mb(p), uj(p), busiest(p))
	}
	return page.Section{ID: "beyond-memories", Title: "Beyond the paper: generations of memory", Tables: []page.Table{t},
		Words: []string{"Channels of HBM2's timing at 1 GHz, their number and the length of a burst changed so that the bandwidth is that of the generation; energy a bit is HBM2's for all, for want of a source. HBM2 at 2 Gb/s a pin gives 256 GB/s; the paper counts on 512."},
		After: []string{fmt.Sprintf("With grouped queries the standard's 256 GB/s run as fast as the paper's 512 at 16 comparators (%s and %s µs), and 1,024 gain nothing; where every query reads for itself the bandwidth is worth what it costs.",
			us(&s.Memories[4]), us(&s.Memories[8]))}}
}

func (s *Sweeps) bits() page.Section {
	t := page.Table{Columns: []string{"bits of keys, threshold", "queries that ask for LSBs", "µs a token", "MB", "µJ"}}
	for i := range s.Bits {
		p := &s.Bits[i]
		t.Row(p.Name, fmt.Sprintf("%.1f %%", 100*p.Work.Asking), us(p), mb(p), uj(p))
	}
	var series []page.Series
	for _, b := range widths {
		line := page.Series{Name: fmt.Sprintf("%d + %d bits", b[0], b[1])}
		for i := range s.Bits {
			if p := &s.Bits[i]; p.Work.MSB == b[0] && p.Work.LSB == b[1] {
				line.Points = append(line.Points, plotter.XY{X: 100 * p.Work.Asking, Y: p.Joules * 1e6})
			}
		}
		series = append(series, line)
	}
	return page.Section{ID: "beyond-bits", Title: "Beyond the paper: widths and thresholds", Tables: []page.Table{t},
		Words: []string{"64 comparators, so that ranking does not hide the memory. " + AskingSource},
		After: []string{"In a group one query that asks brings LSBs, and past the SRAM the MSBs again, for itself alone: at the threshold of 0.1 a model of this kind asks so often that 6 + 4 bits read about as much as 12 static ones. Progressive widths, the paper's choice for GPT-2, are no gain here; static narrow keys, or LSBs for the best keys only, are. Six bits cost as much as eight: a row of 48 bytes whose neighbours are pruned lies in two bursts of 32 as a row of 64 does."},
		Plots: []page.Plot{page.Lines("beyond-bits", page.Axes{Title: "Energy by how many queries ask for LSBs", X: "% of the queries", Y: "µJ a token"}, series...).Low()}}
}

func (s *Sweeps) choices() page.Section {
	t := page.Table{Title: fmt.Sprintf("Time with half and with double of each size, over that at the published one; a size holds where half costs, and double does not gain, a factor of %g", worth),
		Columns: []string{"size", "queries", "tokens", "half", "double", "mm² of double", "verdict"}}
	for i := range s.Choices {
		c := &s.Choices[i]
		queries := "alone, as GPT-2's"
		if c.Grouped {
			queries = "in groups of four"
		}
		t.Row(c.Size, queries, fmt.Sprint(c.Published.Work.Context), fmt.Sprintf("%.2f", c.Half.Seconds/c.Published.Seconds), fmt.Sprintf("%.2f", c.Double.Seconds/c.Published.Seconds),
			fmt.Sprintf("%+.1f", c.Double.Area-c.Published.Area), c.Verdict())
	}
	var after []string
	for _, grouped := range []bool{false, true} {
		by := map[string][]string{}
		for i := range s.Choices {
			if c := &s.Choices[i]; c.Grouped == grouped {
				by[c.Verdict()] = append(by[c.Verdict()], fmt.Sprintf("%s (%d tokens)", c.Size, c.Published.Work.Context))
			}
		}
		who := "Queries that share nothing, the paper's case"
		if grouped {
			who = "Grouped queries"
		}
		for _, verdict := range []string{"holds", "too small", "larger than needed"} {
			if len(by[verdict]) > 0 {
				who += ". " + strings.ToUpper(verdict[:1]) + verdict[1:] + ": " + strings.Join(by[verdict], ", ")
			}
		}
		after = append(after, who+".")
	}
	return page.Section{ID: "beyond-choices", Title: "Beyond the paper: which choices still hold", Tables: []page.Table{t}, After: after}
}
