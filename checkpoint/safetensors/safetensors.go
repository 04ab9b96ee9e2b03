// Package safetensors is part of stage 1: it reads the bytes of a safetensors file and writes the list of its tensors. It
// trusts nothing: every rule of the format is checked, in the order of the reference reader, before a tensor is handed out.
// Source: the safetensors format (8-byte header length, JSON header, data).
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sort"
	"unicode/utf8"

	"spatten/checkpoint/dtype"
)

// Limits of the format and of this reader.
const (
	MaxHeaderBytes = 100_000_000 // the reference reader's limit
	maxTensors     = 1 << 18
	maxDims        = 8
	maxName        = 512
	lengthBytes    = 8
)

// Tensor is one entry of the header with its bytes, which belong to the file.
type Tensor struct {
	Name  string
	Type  dtype.Type
	Shape []int // outermost first
	Data  []byte
}

// File is a parsed header.
type File struct {
	Tensors  []Tensor          // in the order of their data
	Metadata map[string]string // the header's __metadata__
	spans    []span            // where each tensor claims its data to be, until that has been checked
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

// types maps the format's names to element formats. A name that is missing here makes the file an error: skipping a
// tensor would skip its checks.
var types = map[string]dtype.Type{
	"F64": dtype.F64, "F32": dtype.F32, "F16": dtype.F16, "BF16": dtype.BF16,
	"I64": dtype.I64, "I32": dtype.I32, "I16": dtype.I16, "I8": dtype.I8, "U8": dtype.U8, "BOOL": dtype.Bool,
}

// Parse checks a whole file and returns its tensors, which refer to data.
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
	header, body := data[lengthBytes:lengthBytes+int(n)], data[lengthBytes+int(n):]
	if len(header) == 0 || header[0] != '{' {
		return nil, &Error{lengthBytes, "header", errors.New("does not begin with {")}
	}
	if !utf8.Valid(header) {
		return nil, &Error{lengthBytes, "header", errors.New("is not UTF-8")}
	}
	f := &File{}
	if err := f.parseHeader(header); err != nil {
		return nil, err
	}
	if err := f.place(body, lengthBytes+int64(n)); err != nil {
		return nil, err
	}
	return f, nil
}

// entry is a tensor as the header states it.
type entry struct {
	DType   string    `json:"dtype"`
	Shape   []uint64  `json:"shape"`
	Offsets [2]uint64 `json:"data_offsets"`
}

// parseHeader reads the JSON object key by key, so that duplicate names are seen and errors carry their offset.
func (f *File) parseHeader(header []byte) error {
	d := json.NewDecoder(bytes.NewReader(header))
	d.DisallowUnknownFields()
	fail := func(field string, err error) error {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrTruncated
		}
		return &Error{lengthBytes + d.InputOffset(), field, err}
	}
	if _, err := d.Token(); err != nil {
		return fail("header", err)
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return fail("tensor name", err)
		}
		name := token.(string)
		switch {
		case seen[name]:
			return fail(fmt.Sprintf("tensor %.64q", name), errors.New("appears twice"))
		case len(name) > maxName:
			return fail("tensor name", fmt.Errorf("of %d bytes, at most %d are allowed", len(name), maxName))
		case len(seen) > maxTensors:
			return fail("header", fmt.Errorf("more than %d tensors", maxTensors))
		}
		seen[name] = true
		if name == "__metadata__" {
			if err := d.Decode(&f.Metadata); err != nil {
				return fail(name, err)
			}
			continue
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return fail(fmt.Sprintf("tensor %q", name), err)
		}
		t, err := e.check(name)
		if err != nil {
			return fail(fmt.Sprintf("tensor %q", name), err)
		}
		f.Tensors = append(f.Tensors, t.Tensor)
		f.spans = append(f.spans, t.span)
	}
	if _, err := d.Token(); err != nil {
		return fail("header", err)
	}
	if rest := bytes.TrimLeft(header[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return fail("header", errors.New("goes on after its closing }"))
	}
	return nil
}

type span struct{ begin, end uint64 }

type checked struct {
	Tensor
	span
}

// check compares a tensor's claims with one another.
func (e *entry) check(name string) (checked, error) {
	t, known := types[e.DType]
	if !known {
		return checked{}, fmt.Errorf("element type %.32q is not supported", e.DType)
	}
	if len(e.Shape) > maxDims {
		return checked{}, fmt.Errorf("%d dimensions, at most %d are allowed", len(e.Shape), maxDims)
	}
	size := uint64(t.BlockBytes())
	shape := make([]int, len(e.Shape))
	for i, n := range e.Shape {
		hi, lo := bits.Mul64(size, n)
		if hi != 0 || lo > 1<<62 || n > 1<<40 {
			return checked{}, fmt.Errorf("shape %v is too large", e.Shape)
		}
		size, shape[i] = lo, int(n)
	}
	begin, end := e.Offsets[0], e.Offsets[1]
	if begin > end || end-begin != size {
		return checked{}, fmt.Errorf("data_offsets [%d, %d] do not span the %d bytes of its shape", begin, end, size)
	}
	return checked{Tensor{Name: name, Type: t, Shape: shape}, span{begin, end}}, nil
}

// place sorts the tensors by offset, checks that they fill the data without gap or overlap, and gives them their bytes.
func (f *File) place(body []byte, at int64) error {
	order := make([]int, len(f.Tensors))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		a, b := f.spans[order[i]], f.spans[order[j]]
		return a.begin < b.begin || a.begin == b.begin && a.end < b.end
	})
	sorted := make([]Tensor, 0, len(order))
	next := uint64(0)
	for _, i := range order {
		t, s := f.Tensors[i], f.spans[i]
		if s.begin != next {
			return &Error{at + int64(min(next, 1<<62)), fmt.Sprintf("tensor %q", t.Name), fmt.Errorf("begins at %d of the data where %d was expected: a gap or an overlap", s.begin, next)}
		}
		if s.end > uint64(len(body)) {
			return &Error{at + int64(len(body)), fmt.Sprintf("tensor %q", t.Name), fmt.Errorf("%w: ends at %d of %d bytes of data", ErrTruncated, s.end, len(body))}
		}
		t.Data = body[s.begin:s.end:s.end]
		sorted = append(sorted, t)
		next = s.end
	}
	if next != uint64(len(body)) {
		return &Error{at + int64(next), "data", fmt.Errorf("%d bytes belong to no tensor", uint64(len(body))-next)}
	}
	f.Tensors, f.spans = sorted, nil
	return nil
}
