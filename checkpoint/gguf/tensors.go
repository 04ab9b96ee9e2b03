package gguf

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"

	"spatten/checkpoint/dtype"
)

// types maps the numbers of ggml's enum ggml_type to element formats.
var types = map[uint32]dtype.Type{
	0: dtype.F32, 1: dtype.F16, 2: dtype.Q4_0, 3: dtype.Q4_1, 6: dtype.Q5_0, 7: dtype.Q5_1, 8: dtype.Q8_0,
	12: dtype.Q4_K, 13: dtype.Q5_K, 14: dtype.Q6_K, 24: dtype.I8, 25: dtype.I16, 26: dtype.I32, 27: dtype.I64,
	28: dtype.F64, 30: dtype.BF16,
}

// unsupported names the formats of ggml that are known and not read, for a better message.
var unsupported = map[uint32]string{
	9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL",
	21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}

// tensorBytes is the least that a tensor's description takes: length and one byte of its name, number of dimensions, one
// dimension, type, offset.
const tensorBytes = 8 + 1 + 4 + 8 + 4 + 8

// info is a tensor as the file describes it.
type info struct {
	Tensor
	at           int    // where the description begins, for errors
	offset, size uint64 // in the data, in bytes
}

// infos reads the descriptions of n tensors.
func (r *reader) infos(n int) []info {
	var infos []info
	seen := make(map[string]bool)
	for i := range n {
		t := r.info(i)
		if seen[t.Name] {
			r.fail(t.at, fmt.Sprintf("tensor %q", t.Name), errors.New("appears twice"))
		}
		if r.err != nil {
			return nil
		}
		seen[t.Name] = true
		infos = append(infos, t)
	}
	return infos
}

// info reads the description of the i-th tensor.
func (r *reader) info(i int) info {
	t := info{at: r.at}
	t.Name = string(r.text(fmt.Sprintf("name of tensor %d", i), maxName))
	if r.err == nil && (t.Name == "" || !utf8.ValidString(t.Name)) {
		r.fail(t.at, fmt.Sprintf("name of tensor %d", i), fmt.Errorf("%q is empty or no UTF-8", t.Name))
	}
	field := fmt.Sprintf("tensor %q", t.Name)
	at := r.at
	dims := r.uint32(field + ", number of dimensions")
	if r.err == nil && (dims < 1 || dims > maxDims) {
		r.fail(at, field, fmt.Errorf("%d dimensions, 1 to %d are allowed", dims, maxDims))
	}
	if r.err != nil {
		return t
	}
	t.Shape = make([]int, dims)
	elements := uint64(1)
	for i := range dims {
		at := r.at
		d := r.uint64(field + ", dimension")
		hi, lo := bits.Mul64(elements, d)
		if r.err == nil && (d == 0 || d > math.MaxInt || hi != 0 || lo > maxElements) {
			r.fail(at, field, fmt.Errorf("dimension %d is %d; a tensor holds 1 to %d elements", i, d, uint64(maxElements)))
		}
		elements, t.Shape[dims-1-i] = lo, int(d)
	}
	at = r.at
	number := r.uint32(field + ", type")
	t.offset = r.uint64(field + ", offset")
	if r.err != nil {
		return t
	}
	known := false
	if t.Type, known = types[number]; !known {
		name := unsupported[number]
		if name == "" {
			name = "unknown"
		}
		r.fail(at, field, fmt.Errorf("element type %d (%s) is not supported", number, name))
		return t
	}
	row := uint64(t.Shape[dims-1])
	if block := uint64(t.Type.BlockElements()); row%block != 0 {
		r.fail(at, field, fmt.Errorf("rows of %d elements are no whole number of %v blocks of %d", row, t.Type, block))
	}
	t.size = elements / uint64(t.Type.BlockElements()) * uint64(t.Type.BlockBytes())
	return t
}

// place gives the tensors their bytes: aligned, inside the file, not overlapping. The data begin at the first multiple of
// the alignment from the end of the descriptions.
func place(infos []info, data []byte, end int, alignment uint64) ([]Tensor, error) {
	if len(infos) == 0 {
		return nil, nil
	}
	start := (uint64(end) + alignment - 1) / alignment * alignment
	if start > uint64(len(data)) {
		return nil, &Error{int64(end), "tensor data", ErrTruncated}
	}
	body := data[start:]
	order := make([]*info, len(infos))
	for i := range infos {
		order[i] = &infos[i]
	}
	slices.SortFunc(order, func(a, b *info) int { return cmp.Compare(a.offset, b.offset) })
	next := uint64(0) // the end of the tensor before
	for _, t := range order {
		fail := func(err error) ([]Tensor, error) {
			return nil, &Error{int64(t.at), fmt.Sprintf("tensor %q, offset", t.Name), err}
		}
		left := uint64(len(body))
		switch {
		case t.offset%alignment != 0:
			return fail(fmt.Errorf("%d is no multiple of the alignment %d", t.offset, alignment))
		case t.offset < next:
			return fail(fmt.Errorf("%d lies inside the tensor before it, which ends at %d", t.offset, next))
		case t.offset > left || t.size > left-t.offset:
			return fail(fmt.Errorf("%w: %d bytes at %d end beyond the %d bytes of data", ErrTruncated, t.size, t.offset, left))
		}
		next = t.offset + t.size
		t.Data = body[t.offset:next:next]
	}
	tensors := make([]Tensor, len(infos))
	for i := range infos {
		tensors[i] = infos[i].Tensor
	}
	return tensors, nil
}
