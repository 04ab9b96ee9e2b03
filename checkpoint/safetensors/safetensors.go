// Package safetensors is part of stage 1: it reads the bytes of a safetensors file and writes the list of its tensors. It
// trusts nothing: every rule of the format is checked, in the order of the reference reader, before a tensor is handed out.
// Source: the safetensors format (github.com/huggingface/safetensors, README: 8-byte header length, JSON header, data).
package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"spatten/checkpoint/dtype"
)

// Limits of the format and of this reader.
const (
	MaxHeaderBytes = 100_000_000 // the reference reader's limit
	maxTensors     = 1 << 18
	maxDims        = 8
	maxName        = 512
	lengthBytes    = 8 // the header's length, before it
)

// Tensor is one entry of the header with its bytes, which belong to the file.
type Tensor struct {
	Name  string
	Type  dtype.Type
	Shape []int // outermost first; empty for a single number
	Data  []byte
}

// File is a parsed file.
type File struct {
	Tensors  []Tensor          // in the order of their data
	Metadata map[string]string // the header's __metadata__
}

// Error says where a file breaks the format.
type Error struct {
	Offset int64  // byte offset in the file
	Field  string // what was being read
	Err    error
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("safetensors: %s at byte %d: %v", e.Field, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrTruncated says that a file is shorter than its header claims.
var ErrTruncated = errors.New("the file is cut short")

// Parse checks a whole file and returns its tensors; their bytes are slices of data.
func Parse(data []byte) (*File, error) {
	if len(data) < lengthBytes {
		return nil, &Error{0, "header length", ErrTruncated}
	}
	n := binary.LittleEndian.Uint64(data)
	if n > MaxHeaderBytes {
		return nil, &Error{0, "header length", fmt.Errorf("%d bytes, at most %d are allowed", n, MaxHeaderBytes)}
	}
	if n > uint64(len(data)-lengthBytes) {
		return nil, &Error{0, "header length", fmt.Errorf("%w: %d bytes claimed, %d present", ErrTruncated, n, len(data)-lengthBytes)}
	}
	text, body := data[lengthBytes:lengthBytes+int(n)], data[lengthBytes+int(n):]
	if len(text) == 0 || text[0] != '{' {
		return nil, &Error{lengthBytes, "header", errors.New("does not begin with {")}
	}
	if !utf8.Valid(text) {
		return nil, &Error{lengthBytes, "header", errors.New("is not UTF-8")}
	}
	entries, metadata, err := readHeader(text)
	if err != nil {
		return nil, err
	}
	tensors, err := place(entries, body, lengthBytes+int64(n))
	if err != nil {
		return nil, err
	}
	return &File{tensors, metadata}, nil
}

// place sorts the tensors by offset, checks that they fill the data, which begin at the byte at of the file, without gap
// or overlap, and gives them their bytes.
func place(entries []entry, body []byte, at int64) ([]Tensor, error) {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	tensors := make([]Tensor, len(entries))
	next := uint64(0)
	for i, e := range entries {
		fail := func(err error) ([]Tensor, error) {
			return nil, &Error{e.at, fmt.Sprintf("tensor %q, data_offsets", e.Name), err}
		}
		if e.begin != next {
			return fail(fmt.Errorf("begins at %d of the data where %d was expected: a gap or an overlap", e.begin, next))
		}
		if e.end > uint64(len(body)) {
			return fail(fmt.Errorf("%w: ends at %d of %d bytes of data", ErrTruncated, e.end, len(body)))
		}
		tensors[i] = e.Tensor
		tensors[i].Data = body[e.begin:e.end:e.end]
		next = e.end
	}
	if next != uint64(len(body)) {
		return nil, &Error{at + int64(next), "data", fmt.Errorf("%d bytes belong to no tensor", uint64(len(body))-next)}
	}
	return tensors, nil
}
