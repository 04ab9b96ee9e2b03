package safetensors

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// hostile files: what has broken other readers of the format, under the name of the vulnerability or of the project
// that had it, and every rule of the format broken once. Each says what the error must tell.
var hostile = []struct {
	name  string
	file  []byte
	field string // part of Error.Field
	says  string // part of the message
}{
	{"CVE-2025-0315: length of the header", length(1 << 40), "header length", "at most"},
	{"CVE-2025-0315: length of the header, below the limit", length(MaxHeaderBytes), "header length", "cut short"},
	{"CVE-2025-0315: length of the header, above any file", length(1<<64 - 1), "header length", "at most"},
	{"CVE-2026-7482: tensor beyond the end", file(`{"a":{"dtype":"F32","shape":[1024],"data_offsets":[0,4096]}}`, 16), `tensor "a"`, "cut short"},
	{"LiteRT 9255: product that wraps to nothing", file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0), `tensor "a"`, "too large"},
	{"LiteRT 9255: bytes that wrap to nothing", file(`{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, 0), `tensor "a"`, "too large"},
	{"audio.cpp 138: negative offset", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}`, 1), `tensor "a"`, "whole number"},
	{"imp 1603: unknown type skips the checks", file(`{"a":{"dtype":"Q77","shape":[1],"data_offsets":[0,1099511627776]}}`, 1), `tensor "a", dtype`, "not supported"},
	{"go-huggingface 57: offsets turned round", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 1), `tensor "a"`, "do not span"},
	{"test_json_attack: many tensors on the same bytes", file(`{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}`, 16), `tensor "b"`, "overlap"},
	{"Trail of Bits: bytes before the first tensor", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2), `tensor "a"`, "gap"},
	{"Trail of Bits: bytes between tensors", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3), `tensor "b"`, "gap"},
	{"Trail of Bits: bytes after the last tensor", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2), "data", "no tensor"},
	{"Trail of Bits: tensor twice", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), "header", "twice"},
	{"Trail of Bits: tensor twice, once escaped", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), "header", "twice"},

	{"empty", nil, "header length", "cut short"},
	{"no header", length(0), "header", "does not begin"},
	{"header begins with a space", file(` {}`, 0), "header", "does not begin"},
	{"header a list", file(`[]`, 0), "header", "does not begin"},
	{"header not closed", file(`{"a":`, 0), `tensor "a"`, "cut short"},
	{"header goes on", file(`{}{}`, 0), "header", "goes on"},
	{"header no UTF-8", file("{\"\xff\":1}", 0), "header", "UTF-8"},
	{"header nested without end", file(`{"a":`+strings.Repeat(`[`, 1<<16), 0), `tensor "a"`, "expected"},
	{"tensor a number", file(`{"a":1}`, 0), `tensor "a"`, "expected"},
	{"tensor null", file(`{"a":null}`, 0), `tensor "a"`, "expected"},
	{"type twice", file(`{"a":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,1]}}`, 1), `tensor "a"`, "twice"},
	{"type in other letters", file(`{"a":{"DType":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), `tensor "a"`, "not part"},
	{"type missing", file(`{"a":{"shape":[1],"data_offsets":[0,1]}}`, 1), `tensor "a"`, "needs"},
	{"shape missing", file(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1), `tensor "a"`, "needs"},
	{"shape null", file(`{"a":{"dtype":"U8","shape":null,"data_offsets":[0,1]}}`, 1), `tensor "a", shape`, "expected"},
	{"shape of halves", file(`{"a":{"dtype":"U8","shape":[0.5],"data_offsets":[0,1]}}`, 1), `tensor "a", shape`, "whole number"},
	{"shape of nine dimensions", file(`{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, 1), `tensor "a", shape`, "more than 8"},
	{"dimension above 2^64", file(`{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]}}`, 1), `tensor "a", shape`, "whole number"},
	{"offsets missing", file(`{"a":{"dtype":"U8","shape":[1]}}`, 1), `tensor "a"`, "needs"},
	{"one offset", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1]}}`, 1), `tensor "a"`, "needs"},
	{"three offsets", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}`, 1), `tensor "a"`, "more than 2"},
	{"offsets that do not fit the shape", file(`{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,4]}}`, 4), `tensor "a"`, "do not span"},
	{"metadata of numbers", file(`{"__metadata__":{"k":1}}`, 0), "__metadata__, k", "expected"},
	{"metadata twice", file(`{"__metadata__":{"k":"1","k":"2"}}`, 0), "__metadata__", "twice"},
	{"format not read", file(`{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}`, 1), `tensor "a", dtype`, "F8_E4M3"},
	{"name of 513", file(`{"`+strings.Repeat("n", 513)+`":{}}`, 0), "tensor name", "at most"},
}

// length is a file that claims a header of n bytes and ends.
func length(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

func TestHostileFiles(t *testing.T) {
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			err := checkParse(t, h.file)
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Field, h.field) || !strings.Contains(err.Error(), h.says) {
				t.Errorf("got %v; want an error about %s that says %q", err, h.field, h.says)
			}
		})
	}
}
