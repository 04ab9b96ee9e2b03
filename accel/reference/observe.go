package reference

import "spatten/accel/hbm"

// Kind is a handshake that an Observer can see. The numbers are those of the reference's event files.
type Kind uint8

// The handshakes, in the order of the pipeline's numbers.
const (
	Accept        Kind = 1  // request taken
	KeyStageDone  Kind = 2  // last key line read
	FetchRequest  Kind = 3  // request taken by the matrix fetcher
	FetchResponse Kind = 4  // line given by the matrix fetcher
	KeyRead       Kind = 5  // key line read from the buffer
	DotProduct    Kind = 6  // word of scores computed
	Decision      Kind = 7  // word decided
	RequantOut    Kind = 8  // word out of the requant buffer
	TopKIn        Kind = 9  // word into the top-k
	TopKOut       Kind = 10 // word out of the top-k
	ValueAlloc    Kind = 11 // word out of the value allocation
	ValueRead     Kind = 12 // value line read from the buffer
	Response      Kind = 13 // answer
	RequantReport Kind = 14 // decision reported to the key stage
	Dispatch      Kind = 15 // presented to the key stage
	numKinds           = 16
)

// Flags of an event.
const (
	FlagLast       = 1 << 0
	FlagValue      = 1 << 1 // of the value matrix
	FlagSecondPass = 1 << 2 // of a recomputation; of a report: the row comes again
	FlagCountShift = 8      // from here the number of addresses of a fetch request
)

// Span is the cycles of the first and last handshake of a kind; -1 where there was none.
type Span struct{ First, Last int64 }

// Stamps are the cycles of a row's handshakes. The second index of the spans that a recomputation repeats is
// 0 for the first pass and 1 for the second; -1 is "did not happen".
type Stamps struct {
	Accept, Response int64
	Dispatch         [2]int64
	KeyStageDone     [2]int64
	KeyRequest       [2]Span
	KeyResponse      [2]Span
	Dot              [2]Span
	Decide           [2]Span
	RequantOut       Span
	TopKIn, TopKOut  Span
	TopKWords        int
	ValueAlloc       Span
	ValueRequest     Span
	ValueResponse    Span
	ValueRead        Span

	KeyReads, RequantReads, ValueReads int   // DRAM reads of 32 bytes that the row asked for
	ReadsAtResponse                    int64 // DRAM reads of the whole run when the row answered
}

func (s *Stamps) reset() {
	none := Span{-1, -1}
	pair := [2]Span{none, none}
	*s = Stamps{Accept: -1, Response: -1, Dispatch: [2]int64{-1, -1}, KeyStageDone: [2]int64{-1, -1},
		KeyRequest: pair, KeyResponse: pair, Dot: pair, Decide: pair, RequantOut: none, TopKIn: none, TopKOut: none,
		ValueAlloc: none, ValueRequest: none, ValueResponse: none, ValueRead: none}
}

func (s *Span) at(now int64) {
	if s.First < 0 {
		s.First = now
	}
	s.Last = now
}

// Observer sees a run as it goes. Each function may be nil; then it costs nothing.
type Observer struct {
	Row   func(r *Row, s *Stamps)                               // each row when it answers, in order
	Event func(cycle int64, kind Kind, id, flags int)           // every handshake; id is the running number of the row
	DRAM  func(cycle int64, channel int, addr uint64, pop bool) // every request pushed and answer popped
	// Command sees every DRAM command of a channel, as Checker wants them.
	Command func(channel int, c hbm.Sent)
}

// Stall is a cause of waiting, counted in cycles.
type Stall uint8

// The causes.
const (
	StallKeyBuffer   Stall = iota // a request waits for room in the key buffer
	StallKeyFetch                 // the key stage waits for lines that are not fetched yet
	StallDecision                 // a last score waits for the decision of the row before
	StallRequant                  // the decision waits for the requant buffer
	StallTopK                     // a row waits in the top-k for its drawn delay
	StallValueBuffer              // words wait for room in the value buffer
	StallValueFetch               // scores wait for values
	StallDRAMQueue                // a request is refused by its DRAM channel, summed over the channels
	numStalls
)

// String names the cause as reports print it.
func (s Stall) String() string {
	return [...]string{"key buffer full", "key fetch", "decision busy", "requant buffer", "top-k delay",
		"value buffer full", "value fetch", "dram queue"}[s]
}
