package timeline

import (
	"fmt"

	"spatten/accel/reference"
)

// sampled is how many cycles lie between two samples of a counter.
const sampled = 256

// Reference is the observer of a run of the machine reference-rtl that writes its timeline: a slice for each stage
// that a row went through, written when the row answers, and a counter of the reads under way in each DRAM channel.
func (w *Writer) Reference() reference.Observer {
	var underWay, next []int64
	return reference.Observer{
		Row: w.row,
		DRAM: func(cycle int64, channel int, _ uint64, pop bool) {
			for channel >= len(underWay) {
				underWay, next = append(underWay, 0), append(next, 0)
			}
			if pop {
				underWay[channel]--
			} else {
				underWay[channel]++
			}
			if cycle >= next[channel] {
				next[channel] = (cycle/sampled + 1) * sampled
				w.Count(fmt.Sprintf("reads in channel %02d", channel), cycle, underWay[channel])
			}
		},
	}
}

// row writes the stages of a row; what a recomputation repeats is there twice.
func (w *Writer) row(r *reference.Row, s *reference.Stamps) {
	name := fmt.Sprintf("row %d layer %d head %d", r.Index, r.Layer, r.Head)
	again := name + ", again"
	for i, stage := range []struct {
		track         string
		first, second reference.Span
	}{
		{"key requests", s.KeyRequest[0], s.KeyRequest[1]},
		{"key answers", s.KeyResponse[0], s.KeyResponse[1]},
		{"Q x K", s.Dot[0], s.Dot[1]},
		{"decision", s.Decide[0], s.Decide[1]},
		{"requant buffer", s.RequantOut, none},
		{"top-k in", s.TopKIn, none},
		{"top-k out", s.TopKOut, none},
		{"value requests", s.ValueRequest, none},
		{"value answers", s.ValueResponse, none},
		{"probability x V", s.ValueRead, none},
	} {
		if stage.first.First >= 0 {
			w.slice(i, stage.track, stage.first.First, stage.first.Last, name)
		}
		if stage.second.First >= 0 {
			w.slice(i, stage.track, stage.second.First, stage.second.Last, again)
		}
	}
}

var none = reference.Span{First: -1, Last: -1}
