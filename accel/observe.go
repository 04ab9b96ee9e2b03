package accel

import (
	"fmt"

	"spatten/attention/record"
)

// Track names a unit in a timeline.
type Track int

// The tracks of a timeline, in the order of the data.
const (
	TrackFetch Track = iota
	TrackQK
	TrackDivide
	TrackDecision
	TrackSelect
	TrackFilter
	TrackPV
	TrackRank
	TrackFC
	Tracks
)

var trackNames = [Tracks]string{"fetcher", "Q x K", "softmax divide", "decision", "top-k rounds", "top-k filter", "probability x V", "token/head top-k", "FC"}

// String names the track.
func (t Track) String() string { return trackNames[t] }

// Observer sees what the units do while a simulation runs. It changes nothing: the cycles are the same without it.
type Observer interface {
	// Slice says that a track worked on something from cycle first to last; slices of one track do not overlap.
	Slice(track Track, first, last int64, name string)
	// Count says what a counter stood at in a cycle.
	Count(name string, cycle, value int64)
}

// rowName names a query for people.
type rowName struct {
	it *item
	q  *query
}

func (n rowName) String() string {
	return fmt.Sprintf("pass %d layer %d head %d row %d", n.it.pass, n.it.layer, n.q.head, n.q.row)
}

var fcNames = [...]string{"query", "key", "value", "output", "gate", "up", "down", "pooler", "classifier", "lm head"}

func fcName(kind record.FCKind) string {
	if int(kind) < len(fcNames) {
		return fcNames[kind]
	}
	return "fc"
}

// sampled is how many cycles lie between two samples of the counters.
const sampled = 256

// sample tells the observer how full the memory's queues are.
func (s *sim) sample(now int64) {
	s.watch.Count("lines in the crossbars' FIFOs", now, s.memory.Window())
	for c := range s.machine.DRAM.Channels {
		s.watch.Count(fmt.Sprintf("reads in channel %02d", c), now, s.memory.Inflight(c))
	}
}

// slice tells the observer of a span, unless nothing passed in it.
func (s *sim) slice(track Track, first, last int64, name string) {
	if last >= first {
		s.watch.Slice(track, first, last, name)
	}
}
