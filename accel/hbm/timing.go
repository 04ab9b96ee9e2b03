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

// The places of the nodes in timing.nodes: the channel's is first.
const (
	pseudoSlots = 1
	groupSlots  = pseudoSlots + maxPseudo
	bankSlots   = groupSlots + maxGroups
	nodeSlots   = 128 // a power of two from bankSlots + maxBanks
)

// timing is the earliest cycle of each command at each node of a channel, kept up to date from the table.
type timing struct {
	nodes   [nodeSlots][8]int64 // by command
	effects [numCommands][]effect
	windows [numCommands][]window
}

// node is the earliest cycles of the commands at the node with a slot.
func (t *timing) node(slot int) *[8]int64 { return &t.nodes[slot&(nodeSlots-1)] }

func newTiming(s *Standard) timing {
	var t timing
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

// issue records that cmd was sent to a request's place at now.
func (t *timing) issue(cmd Command, r *request, now int64) {
	slots := [numLevels]int{0, pseudoSlots + int(r.pseudo), groupSlots + int(r.group), bankSlots + int(r.bank)}
	effects := t.effects[cmd]
	for i := range effects {
		e := &effects[i]
		ready := &t.node(slots[e.level&3])[e.after&7]
		*ready = max(*ready, now+e.cycles)
	}
	for i := range t.windows[cmd] {
		w := &t.windows[cmd][i]
		// The ring holds the last n commands; after this one, its oldest is the n-th last.
		n := [numLevels]uint8{0, r.pseudo, r.group, r.bank}[w.level]
		ring, at := w.last[n], w.at[n]
		ring[at] = now
		if at++; at == w.n {
			at = 0
		}
		w.at[n] = at
		ready := &t.node(slots[w.level&3])[w.after&7]
		*ready = max(*ready, ring[at]+w.cycles)
	}
}
