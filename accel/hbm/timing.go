package hbm

// never is later than any cycle.
const never = int64(1) << 62

// effect is one constraint as the controller applies it: issuing a command forbids after, at the node of a
// level, until now + cycles.
type effect struct {
	level  Level
	after  Command
	cycles int64
}

// window is a constraint that counts commands, as tFAW does.
type window struct {
	level  Level
	after  Command
	cycles int64
	n      int
	last   [][]int64 // per node: ring of the last n cycles
	at     []int
}

// The most nodes of a channel that the controller has room for.
const (
	maxPseudo = 4
	maxGroups = 16
	maxBanks  = 64
)

// slot is the place in timing.ready of a node's commands: eight for each node, the channel's first.
type slot [numLevels]uint16

const (
	pseudoSlots = 8
	groupSlots  = pseudoSlots + 8*maxPseudo
	bankSlots   = groupSlots + 8*maxGroups
	readySlots  = 1024 // a power of two from bankSlots + 8*maxBanks
)

func (p *Place) slot() slot {
	return slot{0, pseudoSlots + 8*uint16(p.Pseudo), groupSlots + 8*uint16(p.Group), bankSlots + 8*uint16(p.Bank)}
}

// timing is the earliest cycle of each command at each node of a channel, kept up to date from the table.
type timing struct {
	ready   [readySlots]int64
	effects [numCommands][]effect
	windows [numCommands][]window
}

// at is the earliest cycle that a level allows a command.
func (t *timing) at(s *slot, l Level, cmd Command) int64 {
	return t.ready[(int(s[l])+int(cmd))&(readySlots-1)]
}

func newTiming(s *Standard) *timing {
	t := new(timing)
	nodes := [numLevels]int{1, s.Org.Pseudo, s.Org.Pseudo * s.Org.Groups, s.Org.Pseudo * s.Org.Groups * s.Org.Banks}
	// longest[before][after] is the longest constraint of the levels looked at so far, which are wider: a
	// shorter one within a narrower level never binds.
	var longest [numCommands][numCommands]int
	for level := Channel; level < numLevels; level++ {
		wider := longest
		for _, c := range s.Constraints() {
			if c.Level != level || c.Cycles <= 0 {
				continue
			}
			for _, before := range c.Before {
				for _, after := range c.After {
					refreshes := before == REF || after == REF || before == PREA || after == PREA
					if refreshes && s.Timing.REFI == 0 {
						continue
					}
					if c.Window > 1 {
						t.windows[before] = append(t.windows[before], newWindow(c, after, nodes[level]))
						continue
					}
					if wider[before][after] >= c.Cycles {
						continue
					}
					longest[before][after] = max(longest[before][after], c.Cycles)
					t.effects[before] = append(t.effects[before], effect{level, after, int64(c.Cycles)})
				}
			}
		}
	}
	return t
}

func newWindow(c Constraint, after Command, nodes int) window {
	w := window{level: c.Level, after: after, cycles: int64(c.Cycles), n: c.Window}
	w.at = make([]int, nodes)
	for range nodes {
		ring := make([]int64, c.Window)
		for i := range ring {
			ring[i] = -never
		}
		w.last = append(w.last, ring)
	}
	return w
}

// issue records that cmd was sent to a place at now.
func (t *timing) issue(cmd Command, p *Place, now int64) {
	s := p.slot()
	effects := t.effects[cmd]
	for i := range effects {
		e := &effects[i]
		ready := &t.ready[(int(s[e.level&3])+int(e.after))&(readySlots-1)]
		*ready = max(*ready, now+e.cycles)
	}
	for i := range t.windows[cmd] {
		w := &t.windows[cmd][i]
		// The ring holds the last n commands; after this one, its oldest is the n-th last.
		n := [numLevels]int32{0, p.Pseudo, p.Group, p.Bank}[w.level]
		ring, at := w.last[n], w.at[n]
		ring[at] = now
		if at++; at == w.n {
			at = 0
		}
		w.at[n] = at
		ready := &t.ready[(int(s[w.level])+int(w.after))&(readySlots-1)]
		*ready = max(*ready, ring[at]+w.cycles)
	}
}
