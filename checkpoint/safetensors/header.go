package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"spatten/checkpoint/dtype"
)

// types maps the format's names to element formats. A name that is missing here makes the file an error: skipping a
// tensor would skip its checks.
var types = map[string]dtype.Type{
	"F64": dtype.F64, "F32": dtype.F32, "F16": dtype.F16, "BF16": dtype.BF16,
	"I64": dtype.I64, "I32": dtype.I32, "I16": dtype.I16, "I8": dtype.I8, "U8": dtype.U8, "BOOL": dtype.Bool,
}

// entry is a tensor as the header states it.
type entry struct {
	Tensor
	at         int64 // where in the file its description begins, for errors
	begin, end uint64
}

// header reads the JSON header token by token: duplicate names are errors, numbers are whole, nothing is skipped, and
// every error knows its place. The first error stays.
type header struct {
	json *jsontext.Decoder
	err  error
}

// readHeader reads the object that the header is.
func readHeader(text []byte) ([]entry, map[string]string, error) {
	h := &header{json: jsontext.NewDecoder(bytes.NewBuffer(text))} // a Buffer is read in place
	var entries []entry
	var metadata map[string]string
	h.object("header", func(name string) {
		switch {
		case name == "__metadata__":
			metadata = map[string]string{}
			h.object(name, func(key string) { metadata[key] = h.text(name + ", " + key) })
		case len(name) > maxName:
			h.fail("tensor name", fmt.Errorf("of %d bytes, at most %d are allowed", len(name), maxName))
		case len(entries) == maxTensors:
			h.fail("header", fmt.Errorf("more than %d tensors", maxTensors))
		default:
			entries = append(entries, h.entry(name))
		}
	})
	if _, err := h.json.ReadToken(); h.err == nil && err != io.EOF {
		h.fail("header", errors.New("goes on after its closing }"))
	}
	return entries, metadata, h.err
}

// fail records what is wrong with a field, at the place reached.
func (h *header) fail(field string, err error) {
	if h.err == nil {
		h.err = &Error{lengthBytes + h.json.InputOffset(), field, err}
	}
}

// next reads one token and checks its kind: '{', '}', '[', ']', '"' or '0' (a number).
func (h *header) next(field string, kind jsontext.Kind) jsontext.Token {
	if h.err != nil {
		return jsontext.Token{}
	}
	token, err := h.json.ReadToken()
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		h.fail(field, ErrTruncated)
	case errors.Is(err, jsontext.ErrDuplicateName):
		h.fail(field, errors.New("a name appears twice"))
	case err != nil:
		h.fail(field, err)
	case token.Kind() != kind:
		h.fail(field, fmt.Errorf("%v found where %v was expected", token.Kind(), kind))
	}
	if h.err != nil {
		return jsontext.Token{}
	}
	return token
}

// object reads an object and calls member with each name; member reads the value.
func (h *header) object(field string, member func(name string)) {
	h.next(field, '{')
	for h.err == nil && h.json.PeekKind() != '}' {
		if name := h.text(field); h.err == nil {
			member(name)
		}
	}
	h.next(field, '}')
}

func (h *header) text(field string) string {
	token := h.next(field, '"')
	if h.err != nil {
		return ""
	}
	return token.String()
}

// numbers reads an array of at most limit whole numbers that are not negative.
func (h *header) numbers(field string, limit int) []uint64 {
	var list []uint64
	h.next(field, '[')
	for h.err == nil && h.json.PeekKind() != ']' {
		token := h.next(field, '0')
		if h.err != nil {
			break
		}
		n, err := strconv.ParseUint(token.String(), 10, 64)
		switch {
		case err != nil:
			h.fail(field, fmt.Errorf("%.32s is no whole number from 0 to 2^64", token.String()))
		case len(list) == limit:
			h.fail(field, fmt.Errorf("more than %d numbers", limit))
		}
		list = append(list, n)
	}
	h.next(field, ']')
	return list
}

// entry reads and checks the description of one tensor.
func (h *header) entry(name string) entry {
	e := entry{Tensor: Tensor{Name: name}, at: lengthBytes + h.json.InputOffset()}
	field := fmt.Sprintf("tensor %q", name)
	var shape, offsets []uint64
	found := map[string]bool{}
	h.object(field, func(key string) {
		found[key] = true
		switch key {
		case "dtype":
			name := h.text(field + ", dtype")
			var known bool
			if e.Type, known = types[name]; !known {
				h.fail(field+", dtype", fmt.Errorf("element type %.32q is not supported", name))
			}
		case "shape":
			shape = h.numbers(field+", shape", maxDims)
		case "data_offsets":
			offsets = h.numbers(field+", data_offsets", 2)
		default:
			h.fail(field, fmt.Errorf("%.64q is not part of the format", key))
		}
	})
	switch {
	case h.err != nil:
		return e
	case !found["dtype"] || !found["shape"] || len(offsets) != 2:
		h.fail(field, errors.New("needs dtype, shape and two data_offsets"))
		return e
	}
	size, ok := bytesOf(e.Type, shape)
	e.begin, e.end = offsets[0], offsets[1]
	switch {
	case !ok:
		h.fail(field+", shape", fmt.Errorf("%v is too large", shape))
		return e
	case e.begin > e.end || e.end-e.begin != size:
		h.fail(field+", data_offsets", fmt.Errorf("[%d, %d] do not span the %d bytes of shape %v", e.begin, e.end, size, shape))
	}
	e.Shape = make([]int, len(shape))
	for i, n := range shape {
		e.Shape[i] = int(n)
	}
	return e
}

// bytesOf returns the bytes of a shape, and false where a dimension or the product is too large for this machine.
func bytesOf(t dtype.Type, shape []uint64) (uint64, bool) {
	size := uint64(t.BlockBytes())
	for _, n := range shape {
		hi, lo := bits.Mul64(size, n)
		if hi != 0 || lo > math.MaxInt64 || n > math.MaxInt {
			return 0, false
		}
		size = lo
	}
	return size, true
}
