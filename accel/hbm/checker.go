package hbm

import "fmt"

// Checker replays a command log against a standard's table. It shares no code with the controller: it keeps
// the plain history of each node and compares every pair that a constraint names.
type Checker struct {
	standard Standard
	table    []Constraint
	history  map[node][]int64 // cycles of a command at a node, newest last
	rows     map[int32]int32
	last     int64
	started  bool
	Commands int64 // commands checked
}

type node struct {
	level Level
	index int32
	cmd   Command
}

// NewChecker checks one channel.
func NewChecker(s Standard) *Checker {
	return &Checker{standard: s, table: s.Constraints(), history: map[node][]int64{}, rows: map[int32]int32{}}
}

// Check takes the next command of the log and reports the first rule it breaks.
func (k *Checker) Check(s Sent) error {
	k.Commands++
	if k.started && s.Cycle <= k.last {
		return fmt.Errorf("cycle %d: %v on a command bus used at cycle %d", s.Cycle, s.Command, k.last)
	}
	k.last, k.started = s.Cycle, true
	if err := k.state(s); err != nil {
		return err
	}
	for _, c := range k.table {
		if !names(c.After, s.Command) {
			continue
		}
		for _, index := range k.nodes(c.Level, s) {
			for _, before := range c.Before {
				past := k.history[node{c.Level, index, before}]
				if len(past) < c.Window {
					continue
				}
				if gap := s.Cycle - past[len(past)-c.Window]; gap < int64(c.Cycles) {
					return fmt.Errorf("cycle %d: %v comes %d cycles after %v in %v %d, needs %d (%s)",
						s.Cycle, s.Command, gap, before, c.Level, index, c.Cycles, c.Meaning)
				}
			}
		}
	}
	for level := Channel; level < numLevels; level++ {
		for _, index := range k.nodes(level, s) {
			n := node{level, index, s.Command}
			past := append(k.history[n], s.Cycle)
			if len(past) > 8 {
				past = append(past[:0], past[len(past)-8:]...)
			}
			k.history[n] = past
		}
	}
	return nil
}

// state checks that the rows are as the command needs them, and changes them.
func (k *Checker) state(s Sent) error {
	bank := s.Place.Bank
	row, open := k.rows[bank]
	switch s.Command {
	case ACT:
		if open {
			return fmt.Errorf("cycle %d: ACT of bank %d, whose row %d is open", s.Cycle, bank, row)
		}
		k.rows[bank] = s.Place.Row
	case RD, WR:
		if !open || row != s.Place.Row {
			return fmt.Errorf("cycle %d: %v of row %d in bank %d, which is not open", s.Cycle, s.Command, s.Place.Row, bank)
		}
	case PRE:
		if !open {
			return fmt.Errorf("cycle %d: PRE of closed bank %d", s.Cycle, bank)
		}
		delete(k.rows, bank)
	case PREA:
		clear(k.rows)
	case REF:
		if len(k.rows) > 0 {
			return fmt.Errorf("cycle %d: REFab with %d open rows", s.Cycle, len(k.rows))
		}
	}
	return nil
}

// nodes lists the nodes of a level that a command touches: one, or all of them for commands to the channel.
func (k *Checker) nodes(level Level, s Sent) []int32 {
	o := k.standard.Org
	count := []int{1, o.Pseudo, o.Pseudo * o.Groups, o.Pseudo * o.Groups * o.Banks}[level]
	if s.Command == PREA || s.Command == REF {
		all := make([]int32, count)
		for i := range all {
			all[i] = int32(i)
		}
		return all
	}
	return []int32{[]int32{0, s.Place.Pseudo, s.Place.Group, s.Place.Bank}[level]}
}

func names(list []Command, c Command) bool {
	for _, x := range list {
		if x == c {
			return true
		}
	}
	return false
}
