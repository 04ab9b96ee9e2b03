package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// kind is the number of a value's type in the file (enum gguf_metadata_value_type).
type kind uint32

const (
	kindUint8 kind = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindString
	kindArray
	kindUint64
	kindInt64
	kindFloat64
)

// sizes are the bytes of a value of each kind, 0 where they vary.
var sizes = [...]uint64{
	kindUint8: 1, kindInt8: 1, kindUint16: 2, kindInt16: 2, kindUint32: 4, kindInt32: 4, kindFloat32: 4, kindBool: 1,
	kindUint64: 8, kindInt64: 8, kindFloat64: 8,
}

// kindNames are the names of the kinds in messages.
var kindNames = [...]string{
	kindUint8: "uint8", kindInt8: "int8", kindUint16: "uint16", kindInt16: "int16", kindUint32: "uint32", kindInt32: "int32",
	kindFloat32: "float32", kindBool: "bool", kindString: "string", kindUint64: "uint64", kindInt64: "int64", kindFloat64: "float64",
}

const (
	lengthBytes = 8                   // the length before every string
	keyBytes    = lengthBytes + 4 + 1 // the least that a key and its value take: the key's length, a type, a byte
)

// metadata reads n keys with their values, and says where the value of general.alignment begins.
func (r *reader) metadata(n int) (Metadata, int64) {
	m := Metadata{}
	start, alignmentAt := r.at, int64(0)
	for i := range n {
		at := r.at
		key := string(r.text(fmt.Sprintf("metadata key %d", i), maxKey))
		_, twice := m[key]
		switch {
		case r.err != nil:
			return nil, 0
		case key == "" || !utf8.ValidString(key):
			r.fail(at, fmt.Sprintf("metadata key %d", i), fmt.Errorf("%q is empty or no UTF-8", key))
		case twice:
			r.fail(at, fmt.Sprintf("metadata key %q", key), errors.New("appears twice"))
		}
		if key == alignmentKey {
			alignmentAt = int64(r.at)
		}
		m[key] = r.value("metadata " + key)
		if r.at-start > maxMetadataBytes {
			r.fail(at, "metadata "+key, fmt.Errorf("more than %d bytes of metadata", maxMetadataBytes))
		}
		if r.err != nil {
			return nil, 0
		}
	}
	return m, alignmentAt
}

// value reads a value and the type before it.
func (r *reader) value(field string) any {
	at := r.at
	k := kind(r.uint32(field))
	isList := k == kindArray
	if isList {
		at = r.at
		k = kind(r.uint32(field))
	}
	if k >= kind(len(sizes)) || k == kindArray {
		r.fail(at, field, fmt.Errorf("value type %d is unknown, or a list in a list", k))
	}
	switch {
	case r.err != nil:
		return nil
	case isList:
		return r.list(field, k)
	case k == kindString:
		return string(r.text(field, maxString))
	}
	at = r.at
	raw := r.bytes(field, sizes[k])
	if raw == nil {
		return nil
	}
	if k == kindBool {
		r.truth(field, at, raw)
		return raw[0] == 1
	}
	return scalar(k, raw)
}

// list reads the length of a list and its elements.
func (r *reader) list(field string, k kind) List {
	size := sizes[k]
	if k == kindString {
		size = lengthBytes
	}
	n := r.count(field, maxArray, size)
	at := r.at
	if k == kindString {
		for range n {
			r.text(field, maxString)
		}
	} else {
		r.bytes(field, uint64(n)*size)
	}
	raw := r.data[at:r.at]
	if k == kindBool {
		r.truth(field, at, raw)
	}
	return List{kind: k, n: n, raw: append([]byte(nil), raw...)}
}

// truth checks that bytes are truth values: the specification calls any other byte invalid.
func (r *reader) truth(field string, at int, raw []byte) {
	for i, b := range raw {
		if b > 1 {
			r.fail(at+i, field, fmt.Errorf("%d is no truth value", b))
			return
		}
	}
}

// scalar decodes a number: a uint64, int64 or float64.
func scalar(k kind, raw []byte) any {
	switch k {
	case kindUint8:
		return uint64(raw[0])
	case kindUint16:
		return uint64(binary.LittleEndian.Uint16(raw))
	case kindUint32:
		return uint64(binary.LittleEndian.Uint32(raw))
	case kindUint64:
		return binary.LittleEndian.Uint64(raw)
	case kindInt8:
		return int64(int8(raw[0]))
	case kindInt16:
		return int64(int16(binary.LittleEndian.Uint16(raw)))
	case kindInt32:
		return int64(int32(binary.LittleEndian.Uint32(raw)))
	case kindInt64:
		return int64(binary.LittleEndian.Uint64(raw))
	case kindFloat32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	default:
		return math.Float64frombits(binary.LittleEndian.Uint64(raw))
	}
}
