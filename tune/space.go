package tune

import "spatten/attention"

// Space is what a search chooses from: dials, each with settings from costly to cheap, numbered from 0.
type Space interface {
	// Dials lists what is set, one by one.
	Dials() []Dial
	// Starts lists settings of all dials to begin with, from costly to cheap; at least two.
	Starts() []Start
	// Schedule returns the schedule with the dials so set.
	Schedule(name string, levels []int) *attention.Schedule
}

// Dial is one thing that a space lets a search choose.
type Dial struct {
	Name     string
	Settings int // how many
}

// Start is a point of a space from which a search begins.
type Start struct {
	Name   string
	Levels []int // setting of each dial
}
