// Package hbm is the memory of the accelerator. It reads requests (an address, read or write, a cycle) and
// answers with the cycle at which each is complete; what a DRAM standard allows is a table, and an independent
// checker replays the command log against that table.
//
// A Controller is one channel: FR-FCFS over an open-page policy, two pseudo-channels behind one command bus,
// all-bank refresh where the table asks for it. It is driven by events: Next says when the next Step can do
// anything, so idle cycles cost nothing.
package hbm

import "fmt"

// Command is what a controller sends to the DRAM.
type Command uint8

// The commands, one a cycle on a channel's command bus.
const (
	ACT  Command = iota // open a row of a bank
	PRE                 // close the row of a bank
	RD                  // read a burst from the open row
	WR                  // write a burst to the open row
	PREA                // close the rows of all banks of the channel
	REF                 // refresh all banks of the channel, which must be closed
	numCommands
)

// String is the command's name in data sheets.
func (c Command) String() string {
	if c >= numCommands {
		return fmt.Sprintf("command %d", uint8(c))
	}
	return [...]string{"ACT", "PRE", "RD", "WR", "PREA", "REFab"}[c]
}

// Level is the part of a channel within which a constraint holds.
type Level uint8

// The levels, widest first.
const (
	Channel Level = iota
	Pseudo        // pseudo-channel; the rank of a DDR standard
	Group         // bank group
	Bank
	numLevels
)

// String is the level's name.
func (l Level) String() string {
	return [...]string{"channel", "pseudo-channel", "bank group", "bank"}[l]
}

// Organization is the shape of one channel. All counts are powers of two.
type Organization struct {
	Pseudo     int // pseudo-channels of a channel (1 where the standard has none)
	Groups     int // bank groups of a pseudo-channel
	Banks      int // banks of a group
	Rows       int // rows of a bank
	RowBytes   int // bytes of an open row
	BurstBytes int // bytes that one column command moves
}

// Timing is the data sheet's column of numbers, in command clock cycles.
type Timing struct {
	BL    int // data bus busy with one burst
	CL    int // RD to its first data
	CWL   int // WR to its first data
	RCDRD int // ACT to RD in the bank
	RCDWR int // ACT to WR in the bank
	RP    int // PRE to ACT in the bank
	RAS   int // ACT to PRE in the bank
	RC    int // ACT to ACT in the bank
	WR    int // last write data to PRE in the bank
	RTP   int // RD to PRE in the bank
	RTPA  int // RD to PREA
	CCDS  int // column command to column command, other bank group
	CCDL  int // column command to column command, same bank group
	RRDS  int // ACT to ACT, other bank group
	RRDL  int // ACT to ACT, same bank group
	WTRS  int // last write data to RD, other bank group
	WTRL  int // last write data to RD, same bank group
	FAW   int // window with at most four ACTs in a pseudo-channel
	ACT   int // cycles an ACT holds the row command bus
	RFC   int // REFab to the next command
	REFI  int // mean interval of REFab; 0: no refresh
}

// Constraint is one line of the table: no command of After may follow a command of Before within Cycles, both
// within the same Level. With Window n it is the n-th last command of Before that counts.
type Constraint struct {
	Level   Level
	Before  []Command
	After   []Command
	Cycles  int
	Window  int // 1 unless the constraint counts several commands
	Meaning string
}

// Standard is a DRAM standard at one speed: all that the controller and the checker know of it.
type Standard struct {
	Name     string
	Source   string  // where the numbers come from
	ClockGHz float64 // the command clock; the machine's clock in this project's machines
	Org      Organization
	Timing   Timing
}

// ReadLatency is the number of cycles from RD to the last data.
func (s *Standard) ReadLatency() int { return s.Timing.CL + s.Timing.BL }

// WriteLatency is the number of cycles from WR to the last data.
func (s *Standard) WriteLatency() int { return s.Timing.CWL + s.Timing.BL }

// PeakBytesPerCycle is what one channel moves when every burst slot is used.
func (s *Standard) PeakBytesPerCycle() float64 {
	return float64(s.Org.Pseudo*s.Org.BurstBytes) / float64(max(s.Timing.BL, s.Timing.CCDS))
}

// Constraints is the table of timing constraints that follows from the data sheet's numbers.
func (s *Standard) Constraints() []Constraint {
	t := s.Timing
	read, write := []Command{RD}, []Command{WR}
	act, pre, prea, ref := []Command{ACT}, []Command{PRE}, []Command{PREA}, []Command{REF}
	written := t.CWL + t.BL
	table := []Constraint{
		{Channel, act, []Command{ACT, PRE, PREA, REF}, t.ACT, 1, "an ACT holds the row command bus"},
		{Channel, ref, []Command{ACT, PRE, PREA, RD, WR, REF}, t.RFC, 1, "tRFC: a refresh takes the channel"},
		{Channel, prea, []Command{ACT, REF}, t.RP, 1, "tRP: all banks close"},
		{Channel, pre, ref, t.RP, 1, "tRP before a refresh"},
		{Channel, act, ref, t.RC, 1, "tRC before a refresh"},
		{Channel, act, prea, t.RAS, 1, "tRAS before all banks close"},
		{Channel, read, prea, t.RTPA, 1, "tRTP before all banks close"},
		{Channel, write, prea, written + t.WR, 1, "tWR before all banks close"},

		{Pseudo, read, read, max(t.BL, t.CCDS), 1, "data bus and tCCD_S"},
		{Pseudo, write, write, max(t.BL, t.CCDS), 1, "data bus and tCCD_S"},
		{Pseudo, read, write, t.CL + t.BL + 2 - t.CWL, 1, "read to write: the bus turns"},
		{Pseudo, write, read, written + t.WTRS, 1, "tWTR_S"},
		{Pseudo, act, act, t.RRDS, 1, "tRRD_S"},
		{Pseudo, act, act, t.FAW, 4, "tFAW: four activations"},

		{Group, read, read, t.CCDL, 1, "tCCD_L"},
		{Group, write, write, t.CCDL, 1, "tCCD_L"},
		{Group, write, read, written + t.WTRL, 1, "tWTR_L"},
		{Group, act, act, t.RRDL, 1, "tRRD_L"},

		{Bank, act, act, t.RC, 1, "tRC"},
		{Bank, act, read, t.RCDRD, 1, "tRCD for reads"},
		{Bank, act, write, t.RCDWR, 1, "tRCD for writes"},
		{Bank, act, pre, t.RAS, 1, "tRAS"},
		{Bank, pre, act, t.RP, 1, "tRP"},
		{Bank, read, pre, t.RTP, 1, "tRTP"},
		{Bank, write, pre, written + t.WR, 1, "tWR"},
	}
	return table
}

// Validate reports the first number of the table that cannot be.
func (s *Standard) Validate() error {
	o, t := s.Org, s.Timing
	for _, c := range []struct {
		name string
		n    int
	}{
		{"pseudo-channels", o.Pseudo}, {"bank groups", o.Groups}, {"banks", o.Banks}, {"rows", o.Rows},
		{"row bytes", o.RowBytes}, {"burst bytes", o.BurstBytes},
	} {
		if c.n <= 0 || c.n&(c.n-1) != 0 {
			return fmt.Errorf("dram %s: %s must be a power of two, not %d", s.Name, c.name, c.n)
		}
	}
	if o.Pseudo > maxPseudo || o.Pseudo*o.Groups > maxGroups || o.Pseudo*o.Groups*o.Banks > maxBanks {
		return fmt.Errorf("dram %s: %d x %d x %d pseudo-channels, groups and banks; at most %d, %d and %d in a channel",
			s.Name, o.Pseudo, o.Groups, o.Banks, maxPseudo, maxGroups, maxBanks)
	}
	if o.RowBytes < o.BurstBytes {
		return fmt.Errorf("dram %s: a row of %d bytes is shorter than a burst of %d", s.Name, o.RowBytes, o.BurstBytes)
	}
	for _, c := range []struct {
		name string
		n    int
	}{{"BL", t.BL}, {"CL", t.CL}, {"RCDRD", t.RCDRD}, {"RP", t.RP}, {"RAS", t.RAS}, {"RC", t.RC}, {"ACT", t.ACT}} {
		if c.n <= 0 {
			return fmt.Errorf("dram %s: n%s must be at least one cycle, not %d", s.Name, c.name, c.n)
		}
	}
	if t.REFI > 0 && t.RFC >= t.REFI {
		return fmt.Errorf("dram %s: a refresh of %d cycles every %d leaves no time", s.Name, t.RFC, t.REFI)
	}
	return nil
}
