package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Metadata is a file's key-value store. Values are uint64, int64, float64, bool, string or List. It does not refer to
// the file, which may be closed.
type Metadata map[string]any

// List is a list of one type. It stays as the bytes of the file until it is asked for, so that a file full of small
// numbers takes no more memory than it is long.
type List struct {
	kind kind
	n    int
	raw  []byte
}

// Len returns the number of elements.
func (l List) Len() int { return l.n }

// String says what the list is of, as in "[49152]string".
func (l List) String() string { return fmt.Sprintf("[%d]%s", l.n, kindNames[l.kind]) }

// Keys returns the names of all values, sorted.
func (m Metadata) Keys() []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// String returns a text.
func (m Metadata) String(key string) (string, bool) {
	s, ok := m[key].(string)
	return s, ok
}

// Uint returns a number that is not negative, of whatever integer type.
func (m Metadata) Uint(key string) (uint64, bool) {
	switch v := m[key].(type) {
	case uint64:
		return v, true
	case int64:
		return uint64(v), v >= 0
	}
	return 0, false
}

// Float returns a number, of whatever type.
func (m Metadata) Float(key string) (float64, bool) { return float(m[key]) }

// Bool returns a truth value.
func (m Metadata) Bool(key string) (value, ok bool) {
	value, ok = m[key].(bool)
	return value, ok
}

// Strings returns a list of texts.
func (m Metadata) Strings(key string) ([]string, bool) {
	l, ok := m[key].(List)
	if !ok || l.kind != kindString {
		return nil, false
	}
	texts := make([]string, l.n)
	all, at := string(l.raw), 0 // one copy, of which the texts are parts
	for i := range texts {
		n := int(binary.LittleEndian.Uint64(l.raw[at:]))
		at += lengthBytes
		texts[i] = all[at : at+n]
		at += n
	}
	return texts, true
}

// Floats returns a list of numbers, of whatever type.
func (m Metadata) Floats(key string) ([]float64, bool) { return numbers(m, key, float) }

// Ints returns a list of integers, of whatever integer type, where all fit.
func (m Metadata) Ints(key string) ([]int64, bool) {
	return numbers(m, key, func(v any) (int64, bool) {
		switch v := v.(type) {
		case uint64:
			return int64(v), v <= math.MaxInt64
		case int64:
			return v, true
		}
		return 0, false
	})
}

// numbers decodes a list whose every element convert accepts.
func numbers[T any](m Metadata, key string, convert func(any) (T, bool)) ([]T, bool) {
	l, ok := m[key].(List)
	if !ok || l.kind == kindString || l.kind == kindBool {
		return nil, false
	}
	out, size := make([]T, l.n), int(sizes[l.kind])
	for i := range out {
		if out[i], ok = convert(scalar(l.kind, l.raw[i*size:])); !ok {
			return nil, false
		}
	}
	return out, true
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case uint64:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}
