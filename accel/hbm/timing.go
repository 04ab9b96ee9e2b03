package hbm

// never is later than any cycle.
const never = int64(1) << 62

// effect is one constraint as the controller applies it: issuing a command forbids after, at the node of a
// level, until now + cycles.
type effect struct {
	cycles int32
	level  Level
	after  Command
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

// bankCommands are the commands to one bank: ACT, PRE, RD and WR.
const bankCommands = 4

// earliest is the earliest cycle of each command to a bank.
type earliest [bankCommands]int64

// bank is what is known of a bank, in one line of the cache.
type bank struct {
	earliest        // what holds for its group included
	reads    uint64 // requests to it in the queue of reads
	writes   uint64
	_        [16]byte
}

// timing is the earliest cycle of each command, kept up to date from the table: of commands to a bank for each
// pseudo-channel, what holds for the channel included, and for each bank; of the commands to all banks for the channel.
type timing struct {
	// What a RD forbids: its pseudo-channel's bus to RD and WR, and its bank to close; the rest by the table.
	bus, turn, close int64
	pseudoMask       uint8
	pseudo           [maxPseudo]earliest
	open             [maxBanks]int32 // row of each bank, or closed
	bank             [maxBanks]bank
	readRest         []effect
	preToAct         int64 // of a bank
	actToRead        int64
	writeToRead      int64 // the longest
	pseudos          int
	nodes            int // groups of all pseudo-channels: what lies between the numbers of two banks of a group
	banks            int // of a group
	allBanks         [numCommands]int64
	effects          [numCommands][]effect
	windows          [numCommands][]window
}

func newTiming(s *Standard) timing {
	t := timing{pseudos: s.Org.Pseudo, pseudoMask: uint8(s.Org.Pseudo - 1), nodes: s.Org.Pseudo * s.Org.Groups, banks: s.Org.Banks}
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
					t.effects[before] = append(t.effects[before], effect{int32(c.Cycles), level, after})
				}
			}
		}
	}
	for _, e := range t.effects[RD] {
		switch {
		case e.level == Pseudo && e.after == RD:
			t.bus = int64(e.cycles)
		case e.level == Pseudo && e.after == WR:
			t.turn = int64(e.cycles)
		case e.level == Bank && e.after == PRE:
			t.close = int64(e.cycles)
		default:
			t.readRest = append(t.readRest, e)
		}
	}
	for _, e := range t.effects[PRE] {
		if e.level == Bank && e.after == ACT {
			t.preToAct = int64(e.cycles)
		}
	}
	for _, e := range t.effects[ACT] {
		if e.level == Bank && e.after == RD {
			t.actToRead = int64(e.cycles)
		}
	}
	for _, e := range t.effects[WR] {
		if e.after == RD {
			t.writeToRead = max(t.writeToRead, int64(e.cycles))
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

// read records that a RD was sent to a request's place at now.
func (t *timing) read(r *request, b *bank, now int64) {
	n := &t.pseudo[r.pseudo&(maxPseudo-1)]
	n[RD] = max(n[RD], now+t.bus)
	n[WR] = max(n[WR], now+t.turn)
	b.earliest[PRE] = max(b.earliest[PRE], now+t.close)
	for i := range t.readRest {
		e := &t.readRest[i]
		t.forbid(e.level, e.after, r, now+int64(e.cycles))
	}
}

// issue records that cmd was sent to a request's place at now.
func (t *timing) issue(cmd Command, r *request, now int64) {
	effects := t.effects[cmd&7]
	for i := range effects {
		e := &effects[i]
		t.forbid(e.level, e.after, r, now+int64(e.cycles))
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
	if cmd >= bankCommands {
		t.allBanks[cmd] = max(t.allBanks[cmd], until) // such constraints hold for the channel
		return
	}
	switch level {
	case Bank:
		n := &t.bank[r.bank&(maxBanks-1)].earliest
		n[cmd] = max(n[cmd], until)
	case Pseudo:
		n := &t.pseudo[r.pseudo&(maxPseudo-1)]
		n[cmd] = max(n[cmd], until)
	case Group:
		for i := range t.banks {
			n := &t.bank[(int(r.bank)&(t.nodes-1)+i*t.nodes)&(maxBanks-1)].earliest
			n[cmd] = max(n[cmd], until)
		}
	default:
		for i := range t.pseudos {
			n := &t.pseudo[i&(maxPseudo-1)]
			n[cmd] = max(n[cmd], until)
		}
	}
}
