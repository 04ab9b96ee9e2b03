// Package trace is stage 6, the record between running and simulating: it reads the records that attention and model
// write while a model runs, stores them as a compressed stream, and gives them back in the same order. It is the only
// thing that the two halves of the program share. The format is specified in docs/trace-format.md.
package trace

import (
	"errors"
	"fmt"

	"spatten/attention/record"
)

// Version is the version of the format that this package writes and reads.
const Version = 2

// magic opens every trace; the byte after it is the version.
const magic = "SPATTENTRACE"

// Record is one item of a trace: *record.Run, *record.Pass, *record.Layer, *record.FC, *record.Head, *record.Group,
// *record.Rank or *End.
type Record any

// End closes a run.
type End struct {
	Records uint64 // records of the run, Run and End included
}

// Tags of the records in the stream.
const (
	tagRun   = 'R'
	tagPass  = 'P'
	tagLayer = 'L'
	tagFC    = 'F'
	tagHead  = 'H'
	tagGroup = 'G'
	tagRank  = 'K'
	tagEnd   = 'E'
	tagStop  = 'Z' // nothing follows: tells a whole trace from one that was cut
)

// Limits that a reader enforces before it believes a count. They are far above what models have.
const (
	maxLayers     = 4096
	maxHeads      = 4096
	maxPositions  = 1 << 21
	maxText       = 1 << 20 // bytes of a name or of a schedule
	maxListed     = 1 << 28 // positions, probabilities or scores that one head may list
	maxRemembered = 1 << 27 // positions of live sets that a reader holds over all layers
	maxWords      = 1 << 24 // 64-bit words of the lists that a reader holds
)

// Error says where a trace is damaged.
type Error struct {
	Offset int64  // byte offset in the decompressed stream
	Field  string // what was being read
	Err    error
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("trace: %s at decompressed offset %d: %v", e.Field, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Causes of an Error.
var (
	ErrTruncated = errors.New("the trace ends before its closing record; it was cut or is still being written")
	ErrCorrupt   = errors.New("value out of range; the file is damaged or is no trace")
	ErrVersion   = errors.New("unknown version of the format")
	ErrNoTrace   = errors.New("not a trace: its first bytes are wrong")
)

// KVBytes is what a group's rows cost (see "What kv_bytes means" in docs/trace-format.md): rows times stored bits,
// the per-row share of the scales included, rounded up to whole bytes a plane.
func KVBytes(g *record.Group, headDim int, b record.Bits) int64 {
	row := func(bits, scale uint8) int64 { return int64(headDim)*int64(bits) + int64(scale) }
	bytes := func(rows int32, bitsPerRow int64) int64 { return (int64(rows)*bitsPerRow + 7) / 8 }
	return bytes(g.Keys, row(b.KeyMSB, b.KeyScale)) + bytes(g.LSBs, row(b.KeyLSB, 0)) + bytes(g.Values, row(b.Value, b.ValScale))
}
