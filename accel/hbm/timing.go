package hbm

// never is later than any cycle.
const never = int64(1) << 62

// effect is one constraint as the controller applies it: issuing a command forbids after until now + cycles.
type effect struct {
	after  Command
	cycles int64
}

// window is a constraint that counts commands, as tFAW does.
type window struct {
	before, after Command
	cycles        int64
	n             int
	last          [][]int64 // per node: ring of the last n cycles
	at            []int
}

// timing is the earliest cycle of each command at each node of a channel, kept up to date from the table.
type timing struct {
	ready   [numLevels][][numCommands]int64
	effects [numLevels][numCommands][]effect
	windows [numLevels][]window
}

func newTiming(s *Standard) *timing {
	t := new(timing)
	nodes := [numLevels]int{1, s.Org.Pseudo, s.Org.Pseudo * s.Org.Groups, s.Org.Pseudo * s.Org.Groups * s.Org.Banks}
	for l, n := range nodes {
		t.ready[l] = make([][numCommands]int64, n)
	}
	for _, c := range s.Constraints() {
		if c.Cycles <= 0 {
			continue
		}
		for _, before := range c.Before {
			for _, after := range c.After {
				if c.Window > 1 {
					w := window{before: before, after: after, cycles: int64(c.Cycles), n: c.Window}
					w.at = make([]int, nodes[c.Level])
					for range nodes[c.Level] {
						ring := make([]int64, c.Window)
						for i := range ring {
							ring[i] = -never
						}
						w.last = append(w.last, ring)
					}
					t.windows[c.Level] = append(t.windows[c.Level], w)
					continue
				}
				t.effects[c.Level][before] = append(t.effects[c.Level][before], effect{after, int64(c.Cycles)})
			}
		}
	}
	return t
}

// earliest is the first cycle at which cmd may be sent to a place.
func (t *timing) earliest(cmd Command, p *Place) int64 {
	at := t.ready[Channel][0][cmd]
	if cmd == PREA || cmd == REF {
		return at
	}
	at = max(at, t.ready[Pseudo][p.Pseudo][cmd])
	if cmd != PRE {
		at = max(at, t.ready[Group][p.Group][cmd])
	}
	return max(at, t.ready[Bank][p.Bank][cmd])
}

// issue records that cmd was sent at now.
func (t *timing) issue(cmd Command, p *Place, now int64) {
	t.apply(Channel, 0, cmd, now)
	if cmd == PREA || cmd == REF {
		return
	}
	t.apply(Pseudo, p.Pseudo, cmd, now)
	t.apply(Group, p.Group, cmd, now)
	t.apply(Bank, p.Bank, cmd, now)
}

func (t *timing) apply(l Level, node int32, cmd Command, now int64) {
	ready := &t.ready[l][node]
	for _, e := range t.effects[l][cmd] {
		if at := now + e.cycles; at > ready[e.after] {
			ready[e.after] = at
		}
	}
	for i := range t.windows[l] {
		w := &t.windows[l][i]
		if w.before != cmd {
			continue
		}
		// The ring holds the last n commands; after this one, its oldest is the n-th last.
		ring, at := w.last[node], w.at[node]
		ring[at] = now
		at = (at + 1) % w.n
		w.at[node] = at
		if next := ring[at] + w.cycles; next > ready[w.after] {
			ready[w.after] = next
		}
	}
}
