// Package gguf is part of stage 1: it reads the bytes of a GGUF file, version 2 or 3, and writes its metadata and the
// list of its tensors. It trusts nothing: counts are checked against the bytes that are left before anything is
// allocated, and every size is computed without overflow. Source: the GGUF specification (ggml, docs/gguf.md).
package gguf

import (
	"errors"
	"fmt"
	"math/bits"

	"spatten/checkpoint/dtype"
)

// Limits of this reader; published checkpoints stay far below them.
const (
	maxTensors       = 1 << 18
	maxKeys          = 1 << 16
	maxString        = 16 << 20 // bytes
	maxArray         = 1 << 24  // elements
	maxName          = 63       // bytes; ggml's GGML_MAX_NAME counts a closing zero
	maxKey           = 512      // bytes
	maxDims          = 4        // ggml's GGML_MAX_DIMS
	maxElements      = 1 << 40
	maxMetadataBytes = 512 << 20
	defaultAlignment = 32 // the specification's default for general.alignment
	minAlignment     = 8
	maxAlignment     = 1 << 16
)

// Tensor is one tensor with its bytes, which belong to the file.
type Tensor struct {
	Name  string
	Type  dtype.Type
	Shape []int // outermost first: the file's dimensions reversed
	Data  []byte
}

// File is a parsed file.
type File struct {
	Version  uint32
	Metadata Metadata
	Tensors  []Tensor // in the order of the file's list
}

// Error says where a file breaks the format.
type Error struct {
	Offset int64  // where in the file the field begins, in bytes
	Field  string // what was being read
	Err    error
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("gguf: %s at byte %d: %v", e.Field, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Causes of an Error.
var (
	ErrTruncated = errors.New("the file is cut short")
	ErrMagic     = errors.New(`not a GGUF file: it does not begin with "GGUF"`)
)

// Parse checks a whole file and returns its metadata and tensors; the tensors' bytes are slices of data.
func Parse(data []byte) (*File, error) {
	if len(data) < 4 || string(data[:4]) != "GGUF" {
		return nil, &Error{0, "magic", ErrMagic}
	}
	r := &reader{data: data, at: 4}
	f := &File{Version: r.uint32("version")}
	if v := f.Version; r.err == nil && v != 2 && v != 3 {
		if swapped := bits.ReverseBytes32(v); swapped >= 1 && swapped <= 3 {
			return nil, &Error{4, "version", errors.New("the file is big-endian; only little-endian files are supported")}
		}
		return nil, &Error{4, "version", fmt.Errorf("version %d is not supported, only 2 and 3 are", v)}
	}
	tensors := r.count("number of tensors", maxTensors, tensorBytes)
	keys := r.count("number of metadata keys", maxKeys, keyBytes)
	var alignmentAt int64
	f.Metadata, alignmentAt = r.metadata(keys)
	infos := r.infos(tensors)
	if r.err != nil {
		return nil, r.err
	}
	alignment, err := f.alignment()
	if err != nil {
		return nil, &Error{alignmentAt, alignmentKey, err}
	}
	if f.Tensors, err = place(infos, data, r.at, alignment); err != nil {
		return nil, err
	}
	return f, nil
}

// alignmentKey names the distance in bytes to whose multiples tensors are padded.
const alignmentKey = "general.alignment"

// alignment returns the file's alignment, a power of two.
func (f *File) alignment() (uint64, error) {
	if _, present := f.Metadata[alignmentKey]; !present {
		return defaultAlignment, nil
	}
	a, ok := f.Metadata.Uint(alignmentKey)
	if !ok || a < minAlignment || a > maxAlignment || a&(a-1) != 0 {
		return 0, fmt.Errorf("%v is no power of two from %d to %d", f.Metadata[alignmentKey], minAlignment, maxAlignment)
	}
	return a, nil
}
