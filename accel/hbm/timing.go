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

// earliest is the earliest cycle of each command.
type earliest [8]int64

// timing is the earliest cycle of each command, kept up to date from the table: of ACT, PRE, RD and WR for each
// pseudo-channel, what holds for the channel included, and for each bank, what holds for its group included; of the
// commands to all banks for the channel.
type timing struct {
	pseudo  [maxPseudo]earliest
	channel earliest
	bank    [maxBanks]earliest
	effects [numCommands][]effect
	windows [numCommands][]window
	pseudos int
	banks   int // of a group
}

func newTiming(s *Standard) timing {
	t := timing{pseudos: s.Org.Pseudo, banks: s.Org.Banks}
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
	effects := t.effects[cmd&7]
	for i := range effects {
		e := &effects[i]
		t.forbid(e.level, e.after, r, now+e.cycles)
	}
	for i := range t.windows[cmd&7] {
		w := &t.windows[cmd&7][i]
		// The ring holds the last n commands; after this one, its oldest is the n-th last.
		n := [numLevels]uint8{0, r.pseudo, r.group, r.bank}[w.level]
		ring, at := w.last[n], w.at[n]
		ring[at] = now
		if at++; at == w.n {
			at = 0
		}
		w.at[n] = at
		t.forbid(w.level, w.after, r, ring[at]+w.cycles)
	}
}

// forbid keeps a command from a request's node of a level until a cycle.
func (t *timing) forbid(level Level, cmd Command, r *request, until int64) {
	cmd &= 7
	switch level {
	case Bank:
		n := &t.bank[r.bank&(maxBanks-1)]
		n[cmd] = max(n[cmd], until)
	case Pseudo:
		n := &t.pseudo[r.pseudo&(maxPseudo-1)]
		n[cmd] = max(n[cmd], until)
	case Group:
		for i := range t.banks {
			n := &t.bank[(int(r.group)*t.banks+i)&(maxBanks-1)]
			n[cmd] = max(n[cmd], until)
		}
	default:
		t.channel[cmd] = max(t.channel[cmd], until)
		for i := range t.pseudos {
			n := &t.pseudo[i&(maxPseudo-1)]
			n[cmd] = max(n[cmd], until)
		}
	}
}
