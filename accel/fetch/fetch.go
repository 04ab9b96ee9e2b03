// Package fetch is block (3), the Q-K-V fetcher: it reads lists of live positions and writes the addresses of the
// 32-byte bursts that hold their rows. Rows of one head and plane lie one after another in memory, so that neighbours
// share a burst where a row is not a multiple of it (a 6-bit row of D = 64 is 48 byte); a burst that two successive
// rows share is asked for once.
package fetch

import "spatten/accel/pipe"

// Kind says what a job moves.
type Kind uint8

// The kinds of jobs; Write is the output of a query, or new rows of K and V.
const (
	Query Kind = iota
	Key
	LSB
	Value
	Weight
	Write
	Kinds
)

var kindNames = [Kinds]string{"query", "key", "lsb", "value", "weight", "write"}

// String names the kind.
func (k Kind) String() string { return kindNames[k] }

// Job is one matrix that the fetcher serves without interruption.
type Job struct {
	Kind     Kind
	Base     uint64  // byte address of row 0
	RowBytes int64   // of one row in memory
	Rows     []int32 // positions to fetch, ascending; nil means the Count rows from First on
	First    int64
	Count    int64 // rows
	PerLine  int64 // rows in a line of the buffer that they go to

	// Where ids come out of the top-k engine one after another, row i may be asked for from IDs.First + i·span/Count on.
	IDs pipe.Span

	// What came of it.
	Granted int64 // cycle in which the fetcher took the job
	Issued  int64 // cycle in which it gave the last address
	Bursts  int64
	Lines   pipe.Arrival
	Done    int64 // cycle in which the last burst was back in order; −1 before
	Owner   int32 // for the caller

	row        int64  // next row to open
	next, stop uint64 // bursts of the open row
	last       uint64 // burst asked for last
}

// Open prepares the job for its first address.
func (j *Job) Open(now int64) {
	j.Granted, j.Done, j.Bursts, j.Lines = now, -1, 0, pipe.Start()
	j.row, j.next, j.stop, j.last = 0, 0, 0, ^uint64(0)
}

// Next gives the address of the next burst. It reports false when all have been given, or when the id of the next row
// has not come out of the engine by cycle now.
func (j *Job) Next(now int64, burst uint64) (addr uint64, ok bool) {
	for j.next == j.stop {
		if j.row == j.Count || now < j.IDs.First+j.row*(j.IDs.Last-j.IDs.First+1)/j.Count {
			return 0, false
		}
		p := j.First + j.row
		if j.Rows != nil {
			p = int64(j.Rows[j.row])
		}
		j.row++
		at := j.Base + uint64(p*j.RowBytes)
		j.next = at / burst
		j.stop = (at+uint64(j.RowBytes)-1)/burst + 1
		if j.next == j.last {
			j.next++
		}
	}
	j.last = j.next
	j.next++
	j.Bursts++
	return j.last * burst, true
}

// Exhausted reports whether every address has been given.
func (j *Job) Exhausted() bool { return j.row == j.Count && j.next == j.stop }

// Opened is the number of rows all of whose bursts have been given.
func (j *Job) Opened() int64 {
	if j.next == j.stop {
		return j.row
	}
	return j.row - 1
}
