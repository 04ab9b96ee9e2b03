// Package gguf is part of stage 1: it reads the bytes of a GGUF file, version 2 or 3, and writes its metadata and the
// list of its tensors. It trusts nothing: counts are checked against the bytes that are left before anything is
// allocated, and every size is computed without overflow. Source: the GGUF specification (ggml).
package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sort"

	"spatten/checkpoint/dtype"
)

// Limits of this reader; published checkpoints stay far below them.
const (
	maxTensors       = 1 << 18
	maxKeys          = 1 << 16
	maxString        = 16 << 20
	maxArray         = 1 << 24
	maxName          = 64 // ggml's GGML_MAX_NAME
	maxKey           = 512
	maxDims          = 4
	maxElements      = 1 << 40
	maxMetadataBytes = 512 << 20
	defaultAlignment = 32
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
	Tensors  []Tensor // in the file's order
}

// Error says where a file breaks the format.
type Error struct {
	Offset int64  // byte offset in the file
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

// types maps ggml's type numbers to element formats.
var types = map[uint32]dtype.Type{
	0: dtype.F32, 1: dtype.F16, 2: dtype.Q4_0, 3: dtype.Q4_1, 6: dtype.Q5_0, 7: dtype.Q5_1, 8: dtype.Q8_0,
	12: dtype.Q4_K, 13: dtype.Q5_K, 14: dtype.Q6_K, 24: dtype.I8, 25: dtype.I16, 26: dtype.I32, 27: dtype.I64,
	28: dtype.F64, 30: dtype.BF16,
}

// Parse checks a whole file and returns its metadata and tensors, which refer to data.
func Parse(data []byte) (*File, error) {
	r := &reader{data: data}
	f := &File{}
	if len(data) < 4 || string(data[:4]) != "GGUF" {
		return nil, &Error{0, "magic", ErrMagic}
	}
	r.at = 4
	f.Version = r.uint32("version")
	if r.err == nil && (f.Version < 2 || f.Version > 3) {
		if v := bits.ReverseBytes32(f.Version); v >= 1 && v <= 3 {
			return nil, &Error{4, "version", errors.New("the file is big-endian; only little-endian files are supported")}
		}
		return nil, &Error{4, "version", fmt.Errorf("version %d is not supported, only 2 and 3 are", f.Version)}
	}
	tensors := r.count("number of tensors", maxTensors, 4+8+8) // name length, dimensions, type, offset
	keys := r.count("number of metadata keys", maxKeys, 8+4+1)
	f.Metadata = r.metadata(keys)
	infos := r.infos(tensors)
	if r.err != nil {
		return nil, r.err
	}
	alignment, err := f.alignment()
	if err != nil {
		return nil, &Error{int64(r.at), "general.alignment", err}
	}
	start := (uint64(r.at) + alignment - 1) / alignment * alignment
	if len(infos) > 0 && start > uint64(len(data)) {
		return nil, &Error{int64(len(data)), "tensor data", ErrTruncated}
	}
	if f.Tensors, err = place(infos, data, start, alignment); err != nil {
		return nil, err
	}
	return f, nil
}

// alignment returns general.alignment, a power of two that is a multiple of 8.
func (f *File) alignment() (uint64, error) {
	if _, present := f.Metadata["general.alignment"]; !present {
		return defaultAlignment, nil
	}
	a, ok := f.Metadata.Uint("general.alignment")
	if !ok || a < 8 || a > 65536 || a&(a-1) != 0 {
		return 0, fmt.Errorf("%v is no power of two from 8 to 65536", f.Metadata["general.alignment"])
	}
	return a, nil
}

// info is a tensor as the file describes it.
type info struct {
	Tensor
	at     int64 // where the description starts, for errors
	offset uint64
	size   uint64
}

func (r *reader) infos(n int) []info {
	var infos []info
	seen := make(map[string]bool)
	for range n {
		at := int64(r.at)
		name := r.string("tensor name", maxName-1)
		field := fmt.Sprintf("tensor %q", name)
		dims := r.uint32(field + ": number of dimensions")
		if r.err == nil && (dims < 1 || dims > maxDims) {
			r.fail(field, fmt.Errorf("%d dimensions, 1 to %d are allowed", dims, maxDims))
		}
		if seen[name] {
			r.fail(field, errors.New("appears twice"))
		}
		if r.err != nil {
			return nil
		}
		seen[name] = true
		shape, elements := make([]int, dims), uint64(1)
		for i := range dims {
			d := r.uint64(field + ": dimension")
			hi, lo := bits.Mul64(elements, d)
			if r.err == nil && (d == 0 || hi != 0 || lo > maxElements) {
				r.fail(field, fmt.Errorf("dimension %d is %d: a tensor holds 1 to %d elements", i, d, uint64(maxElements)))
			}
			if r.err != nil {
				return nil
			}
			elements, shape[dims-1-i] = lo, int(d)
		}
		number := r.uint32(field + ": type")
		offset := r.uint64(field + ": offset")
		t, known := types[number]
		if r.err == nil && !known {
			r.fail(field, fmt.Errorf("element type %d is not supported", number))
		}
		if r.err != nil {
			return nil
		}
		row, ok := t.RowBytes(shape[dims-1])
		if !ok {
			r.fail(field, fmt.Errorf("rows of %d elements are no whole number of %v blocks of %d", shape[dims-1], t, t.BlockElements()))
			return nil
		}
		infos = append(infos, info{Tensor{Name: name, Type: t, Shape: shape}, at, offset, elements / uint64(shape[dims-1]) * uint64(row)})
	}
	return infos
}

// place gives the tensors their bytes: aligned, inside the file, not overlapping.
func place(infos []info, data []byte, start, alignment uint64) ([]Tensor, error) {
	order := make([]int, len(infos))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool { return infos[order[i]].offset < infos[order[j]].offset })
	end := uint64(0) // of the tensor before
	for _, i := range order {
		t := &infos[i]
		field := fmt.Sprintf("tensor %q", t.Name)
		left := uint64(len(data)) - start
		switch {
		case t.offset%alignment != 0:
			return nil, &Error{t.at, field, fmt.Errorf("its offset %d is no multiple of the alignment %d", t.offset, alignment)}
		case t.offset < end:
			return nil, &Error{t.at, field, fmt.Errorf("its offset %d lies inside the tensor before it, which ends at %d", t.offset, end)}
		case t.offset > left || t.size > left-t.offset:
			return nil, &Error{t.at, field, fmt.Errorf("%w: its %d bytes at offset %d end beyond the %d bytes of data", ErrTruncated, t.size, t.offset, left)}
		}
		end = t.offset + t.size
		t.Data = data[start+t.offset : start+end : start+end]
	}
	tensors := make([]Tensor, len(infos))
	for i := range infos {
		tensors[i] = infos[i].Tensor
	}
	return tensors, nil
}

// reader walks the file. The first error stays.
type reader struct {
	data []byte
	at   int
	err  error
}

func (r *reader) fail(field string, err error) {
	if r.err == nil {
		r.err = &Error{int64(r.at), field, err}
	}
}

func (r *reader) bytes(field string, n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.data)-r.at) {
		r.fail(field, fmt.Errorf("%w: %d bytes wanted, %d left", ErrTruncated, n, len(r.data)-r.at))
		return nil
	}
	b := r.data[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

func (r *reader) uint32(field string) uint32 {
	b := r.bytes(field, 4)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

func (r *reader) uint64(field string) uint64 {
	b := r.bytes(field, 8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// count reads a number of things that take at least size bytes each.
func (r *reader) count(field string, limit, size uint64) int {
	n := r.uint64(field)
	if r.err == nil && n > limit {
		r.fail(field, fmt.Errorf("%d, at most %d are allowed", n, limit))
	}
	if r.err == nil && n > uint64(len(r.data)-r.at)/size {
		r.fail(field, fmt.Errorf("%w: %d claimed, %d bytes left", ErrTruncated, n, len(r.data)-r.at))
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *reader) string(field string, limit uint64) string {
	n := r.uint64(field + " length")
	if r.err == nil && n > limit {
		r.fail(field+" length", fmt.Errorf("%d bytes, at most %d are allowed", n, limit))
	}
	return string(r.bytes(field, n))
}

// metadata reads n keys with their values.
func (r *reader) metadata(n int) Metadata {
	m := Metadata{}
	start := r.at
	for range n {
		key := r.string("metadata key", maxKey)
		if _, twice := m[key]; twice {
			r.fail(fmt.Sprintf("metadata key %q", key), errors.New("appears twice"))
		}
		if r.err != nil {
			return nil
		}
		m[key] = r.value(fmt.Sprintf("metadata %q", key), r.uint32("metadata type"))
		if r.err == nil && r.at-start > maxMetadataBytes {
			r.fail("metadata", fmt.Errorf("more than %d bytes", maxMetadataBytes))
		}
		if r.err != nil {
			return nil
		}
	}
	return m
}

// The numbers of the metadata's value types.
const (
	kindUint8, kindInt8, kindUint16, kindInt16, kindUint32, kindInt32 = 0, 1, 2, 3, 4, 5
	kindFloat32, kindBool, kindString, kindArray                      = 6, 7, 8, 9
	kindUint64, kindInt64, kindFloat64                                = 10, 11, 12
)

// sizes are the bytes that a value of each type takes at least.
var sizes = map[uint32]uint64{
	kindUint8: 1, kindInt8: 1, kindUint16: 2, kindInt16: 2, kindUint32: 4, kindInt32: 4, kindFloat32: 4, kindBool: 1,
	kindString: 8, kindUint64: 8, kindInt64: 8, kindFloat64: 8,
}

// value reads a value: uint64, int64, float64, bool, string, or a slice of one of them.
func (r *reader) value(field string, kind uint32) any {
	if kind != kindArray {
		return r.scalar(field, kind)
	}
	element := r.uint32(field + ": element type")
	size, ok := sizes[element]
	if r.err == nil && !ok {
		r.fail(field, fmt.Errorf("arrays of type %d are not supported", element))
	}
	if r.err != nil {
		return nil
	}
	n := r.count(field+": length", maxArray, size)
	switch element {
	case kindString:
		return array[string](r, field, element, n)
	case kindBool:
		return array[bool](r, field, element, n)
	case kindFloat32, kindFloat64:
		return array[float64](r, field, element, n)
	case kindInt8, kindInt16, kindInt32, kindInt64:
		return array[int64](r, field, element, n)
	default:
		return array[uint64](r, field, element, n)
	}
}

// array reads n values; it grows with what has been read.
func array[T any](r *reader, field string, kind uint32, n int) []T {
	var a []T
	for range n {
		v, ok := r.scalar(field, kind).(T)
		if r.err != nil || !ok {
			return nil
		}
		a = append(a, v)
	}
	return slices.Clip(a)
}

func (r *reader) scalar(field string, kind uint32) any {
	if kind == kindString {
		return r.string(field, maxString)
	}
	b := r.bytes(field, sizes[kind])
	if b == nil && r.err == nil {
		r.fail(field, fmt.Errorf("value type %d is not supported", kind))
	}
	if r.err != nil {
		return nil
	}
	switch kind {
	case kindUint8:
		return uint64(b[0])
	case kindInt8:
		return int64(int8(b[0]))
	case kindUint16:
		return uint64(binary.LittleEndian.Uint16(b))
	case kindInt16:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case kindUint32:
		return uint64(binary.LittleEndian.Uint32(b))
	case kindInt32:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case kindFloat32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case kindBool:
		if b[0] > 1 {
			r.fail(field, fmt.Errorf("%d is no truth value", b[0]))
		}
		return b[0] == 1
	case kindUint64:
		return binary.LittleEndian.Uint64(b)
	case kindInt64:
		return int64(binary.LittleEndian.Uint64(b))
	case kindFloat64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	r.fail(field, fmt.Errorf("value type %d is not supported", kind))
	return nil
}
