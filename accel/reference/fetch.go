package reference

import (
	"math/bits"
)

// maxPorts is the most ports of the matrix fetcher that this package simulates.
const maxPorts = 32

// fetch is the matrix fetcher: one for keys and values. Requests of F indices come from the key or the value
// side, a whole matrix at a time (round robin, locked until the last); each is split into rows of F addresses,
// one row a cycle, which enter the F ports in lock step. realign.go takes the answers out.
type fetch struct {
	g           *geometry
	channels    int
	channelBits int
	table       []int32
	requests    [2]fetchRequest // registers in front of the arbiter: key side, value side
	full        [2]bool
	granted     int
	locked      bool

	fragment  int // next row of the request being split
	record    int // of it, the record and transaction that the next row of addresses starts with
	offset    int
	split     fetchRow
	sent      fetchRow
	splitFull bool
	sentFull  bool
	inMatrix  bool // the next row of the loader is not its matrix's first
	// The matrices whose answers are not out: a FIFO of which a place is free again in the cycle after the pop.
	contexts                [contexts]context
	contextPopped           [contexts]int64
	contextsIn, contextsOut int64

	rows       [portRows]portRow // rows in the ports, by row number
	lines      []uint32          // of rows and ports: addresses in bursts
	portBits   int
	paddedRows int   // rows in the ports that have padding
	gone       int64 // rows that have left the response FIFOs, at least
	pushed     int64 // rows pushed into the ports
	takenRows  int64 // rows that all ports have taken from their address FIFOs
	takenAt    int64
	consumed   int64 // rows whose answers have left in lock step, or will
	roomWait   bool  // a port waits for a row to leave that is not known to
	ports
}

// ports are the channels of the fetcher: each an address FIFO, an address register towards the crossbar, a FIFO of
// requests that keeps the order, and a response FIFO. All are positions in the sequence of rows.
type ports struct {
	taken    [maxPorts]int64      // rows taken from the address FIFO
	answered [maxPorts]int64      // rows whose answer is in the response FIFO
	line     [maxPorts]uint32     // address register, in bursts
	lockedOn [maxPorts]int8       // of ports that hold: DRAM channel whose answer was chosen and not taken
	paddedAt [maxPorts][128]int64 // by row: when its padding was taken
	holding  uint64               // ports that have chosen a channel's answer and not taken it
	idle     uint64               // ports whose address register is empty or emptied in this cycle
	behind   uint64               // ports that have not taken all rows
	padding  uint64               // ports whose next answer is a padding slot
	wants    [maxChannels]uint64  // per channel: ports whose address register wants it
}

// matrix is what the fetcher keeps of a request until its answers are out.
type matrix struct {
	j      *job
	bits   int
	value  bool
	second bool
}

// context is a matrix in the FIFO of those under way.
type context struct {
	matrix
	pushedAt int64
}

// contextRoom reports whether the FIFO of matrices has room at now.
func (f *fetch) contextRoom(now int64) bool {
	return f.contextsIn < contexts || f.contextPopped[f.contextsIn%contexts] < now
}

// fetchRequest is F indices of a matrix: one line of the key index table.
type fetchRequest struct {
	matrix
	line int // of the table
	n    int // addresses that count
	last bool
	// firstWord is the first of the words that a value request's indices come from; keys take the line as it is.
	firstWord int
}

type fetchRow struct {
	req  fetchRequest
	part int
}

// portRow is a row of F addresses in flight.
type portRow struct {
	pushedAt   int64
	answeredAt int64
	consumedAt int64 // cycle in which the answers leave; never: not known yet
	n          uint8 // ports with a DRAM access; the others carry padding
	untaken    uint8
	unanswered uint8
	last       bool
}

const (
	// portRows is the places for rows in the ports: more than the FIFOs have on the way.
	portRows = 256
	// addressRows is the places for those of them that a port has yet to take.
	addressRows = 2 * addressFIFO
	keySide     = 0
	valueSide   = 1
	// paddingDelay: a padding slot is taken, registered, and in the request FIFO two cycles later.
	paddingDelay = 3
)

func newFetch(g *geometry) *fetch {
	f := &fetch{g: g, channels: g.channels, channelBits: bits.Len(uint(g.channels)) - 1,
		lines: make([]uint32, addressRows*g.ports), portBits: bits.Len(uint(g.ports)) - 1,
		table: KeyIndexTable(g.ports, g.lines, g.keyCap)}
	f.granted = valueSide // so that keys are first
	f.idle = 1<<g.ports - 1
	f.takenAt = -1
	return f
}

// row is the place of a row number.
func (f *fetch) row(i int64) *portRow { return &f.rows[i&(portRows-1)] }

// arbitrate moves a fragment of the chosen request into the splitter; it reports whether one moved and, if the
// request was used up by it, which side's.
func (s *sim) arbitrate(now int64) {
	f := s.fetch
	side := f.granted
	if !f.locked {
		side ^= 1
		if !f.full[side] {
			side ^= 1
		}
	}
	if !f.full[side] {
		return
	}
	f.granted = side
	f.locked = true
	if f.splitFull {
		return
	}
	s.moved = true
	req := &f.requests[side]
	f.split = fetchRow{*req, f.fragment}
	f.splitFull = true
	s.after(uLoad)
	f.fragment++
	if f.fragment < transactions(req.bits) {
		return
	}
	f.fragment = 0
	f.full[side] = false
	s.same([2]unit{uKeyStage, uValueFork}[side])
	f.locked = !req.last
	flags := req.n << FlagCountShift
	if req.last {
		flags |= FlagLast
	}
	st := &req.j.stamps
	if req.value {
		flags |= FlagValue
		st.ValueRequest.at(now)
	} else if req.second {
		flags |= FlagSecondPass
		st.KeyRequest[1].at(now)
	} else {
		st.KeyRequest[0].at(now)
	}
	s.event(now, FetchRequest, req.j, flags)
}

// load pushes a row of addresses into the ports when all address FIFOs and the FIFO of matrices have room, and
// moves the splitter's registers.
func (s *sim) load(now int64) {
	f := s.fetch
	if f.sentFull {
		waiting := f.pushed - f.takenRows
		if f.takenAt == now {
			waiting++
		}
		if waiting < addressFIFO && f.contextRoom(now) {
			s.moved = true
			s.loaded(now, &f.sent)
			f.sentFull = false
			s.wake(uCrossbar, now+2)
		}
	}
	if f.splitFull && !f.sentFull {
		s.moved = true
		f.sent, f.sentFull = f.split, true
		f.splitFull = false
		s.same(uArbitrate)
	}
}

// loaded makes the addresses of a row: slot k of part p is record (k+p*F)/t of the request, its transaction
// (k+p*F) mod t.
func (s *sim) loaded(now int64, r *fetchRow) {
	f, g, req := s.fetch, &s.g, &r.req
	t := transactions(req.bits)
	row := f.row(f.pushed)
	n := min(max(req.n*t-r.part*g.ports, 0), g.ports)
	row.n, row.untaken, row.unanswered = uint8(n), uint8(g.ports), uint8(g.ports)
	row.last = req.last && r.part == t-1
	row.pushedAt, row.consumedAt = now, never
	if r.part == 0 {
		f.record, f.offset = 0, 0
	}
	if n < g.ports {
		f.paddedRows++
	}
	base, record, offset := f.base(req)/transaction, f.record, f.offset
	indices := f.table[req.line<<f.portBits:][:g.ports]
	lines := f.lines[(int(f.pushed)&(addressRows-1))<<f.portBits:][:n]
	for len(lines) > 0 {
		at := record
		if req.value {
			at = f.slot(req, record)
		}
		first := base + uint32(indices[at&(len(indices)-1)])*uint32(t)
		for ; offset < t && len(lines) > 0; offset++ {
			lines[0] = first + uint32(offset)
			lines = lines[1:]
		}
		if offset == t {
			record, offset = record+1, 0
		}
	}
	f.record, f.offset = record, offset
	f.pushed++
	f.behind = 1<<g.ports - 1
	if !f.inMatrix {
		f.contexts[f.contextsIn%contexts] = context{req.matrix, now}
		f.contextPopped[f.contextsIn%contexts] = never
		f.contextsIn++
		s.respond() // padding of the matrix before may leave now
	}
	f.inMatrix = !row.last
}

// Base addresses of a row's matrices, as the testbench sets them.
const (
	keyBase     = 0xAB10000
	requantBase = 0xAB20000
	valueBase   = 0xCD10000
	rowStride   = 0x10000
)

func (f *fetch) base(req *fetchRequest) uint32 {
	at := uint32(req.j.id) * rowStride
	switch {
	case req.value:
		return valueBase + at
	case req.second:
		return requantBase + at
	}
	return keyBase + at
}

// slot is the place in its line of the table at which the k-th record of a value request finds its index; a key request
// takes its line as it is. A value request takes the indices that came with its words through the top-k; the reload of
// the index picks a word's slot with a counter that has already moved on, so word w has slot w+1 of its line, the last
// word of the line and that of the row slot 0.
func (f *fetch) slot(req *fetchRequest, k int) int {
	lane := f.g.laneBits & 63
	w := req.firstWord + k>>lane
	slot := (w + 1) & (f.g.ports>>lane - 1)
	if w == req.j.words-1 {
		slot = 0
	}
	return slot<<lane + k&(f.g.lanes-1)
}
