package gguf

import (
	"errors"
	"strings"
	"testing"
)

// hostile files: what has broken other readers of the format, each under the name that the vulnerability goes by, and
// the cases of llama.cpp's own list of malformed files (tests/test-gguf.cpp). Each says what the error must tell.
var hostile = []struct {
	name  string
	file  func() []byte
	field string // part of Error.Field
	says  string // part of the message
}{
	{"CVE-2024-21802: product of dimensions", one(0, 0, 1<<32, 1<<32, 1<<32, 1<<32), `tensor "t"`, "elements"},
	{"CVE-2024-21825: length of a list", func() []byte { return begin(0, 1).list("k", kindUint8, 1<<63).b }, "metadata k", "at most"},
	{"CVE-2024-21825: length of a string", func() []byte { return begin(0, 1).key("k", kindString).u64(1 << 63).b }, "metadata k", "at most"},
	{"CVE-2024-21836: number of tensors", func() []byte { return begin(1<<60, 0).b }, "number of tensors", "at most"},
	{"CVE-2024-23496: length of a string and one", func() []byte { return begin(0, 1).u64(1<<64 - 1).u64(0).b }, "metadata key 0", "at most"},
	{"CVE-2024-23605: number of keys", func() []byte { return begin(0, 1<<60).b }, "number of metadata keys", "at most"},
	{"CVE-2024-25664: list longer than the file", func() []byte { return begin(0, 1).list("k", kindUint64, 1<<24).u64(1).b }, "metadata k", "cut short"},
	{"CVE-2024-25665: list of strings longer than the file", func() []byte { return begin(0, 1).list("k", kindString, 1<<24).text("a").b }, "metadata k", "cut short"},
	{"CVE-2024-25666: keys claimed and absent", func() []byte { return begin(0, 1<<16).b }, "number of metadata keys", "cut short"},
	{"CVE-2024-41130: tensor without data", func() []byte { return begin(1, 0).tensor("t", 0, 0, 1).b }, "tensor data", "cut short"},
	{"CVE-2025-0312: tensor of no size", one(0, 0, 0), `tensor "t"`, "elements"},
	{"CVE-2025-0315: tensors claimed and absent", func() []byte { return begin(1<<18, 0).b }, "number of tensors", "cut short"},
	{"CVE-2025-0317: alignment zero", aligned(0), "general.alignment", "power of two"},
	{"CVE-2025-49847: vocabulary entry of 2 GiB", func() []byte {
		return begin(0, 1).list("tokenizer.ggml.tokens", kindString, 1).u64(1 << 31).u64(0).b
	}, "tokenizer.ggml.tokens", "at most"},
	{"CVE-2025-52566: negative length", func() []byte { return begin(0, 1).list("tokenizer.ggml.tokens", kindString, 1).u64(1<<64 - 2).b }, "tokenizer.ggml.tokens", "at most"},
	{"CVE-2025-53630: sizes that add up to nothing", func() []byte {
		return begin(2, 0).tensor("a", 24, 0, 0x7fff_ffff_ffff_ffc0).tensor("b", 24, 0x7fff_ffff_ffff_ffc0, 0x7fff_ffff_ffff_ffc0).data(32, 64)
	}, `tensor "a"`, "elements"},
	{"CVE-2026-7482: tensor beyond the end", one(0, 0, 1<<20), `tensor "t"`, "end beyond"},
	{"CVE-2026-7482: offset beyond the end", one(0, 1<<40, 1), `tensor "t"`, "end beyond"},
	{"CVE-2026-27940: offset that wraps when padded", one(0, 1<<64-32, 8), `tensor "t"`, "end beyond"},
	{"CVE-2026-27940: size around 2^63", one(28, 0, 1<<60), `tensor "t"`, "elements"},
	{"CVE-2026-33298: dimensions that wrap", one(0, 0, 1<<62+1, 4), `tensor "t"`, "elements"},
	{"oss-security V-01: alignment 2^32-1", aligned(1<<32 - 1), "general.alignment", "power of two"},
	{"oss-security V-02: length of a key", func() []byte { return begin(0, 1).u64(maxKey + 1).u64(0).b }, "metadata key 0", "at most"},
	{"oss-security V-03: number of dimensions", func() []byte { return begin(1, 0).text("t").u32(1e9).u64(1).u64(1).u64(1).b }, `tensor "t"`, "dimensions"},
	{"oss-security V-04: type of a tensor", one(1e6, 0, 1), `tensor "t"`, "not supported"},
	{"oss-security V-05: type that was taken out, of block size 0", one(4, 0, 32), `tensor "t"`, "not supported"},
	{"oss-security V-06: type of a value", func() []byte { return begin(0, 1).key("k", 1e6).u64(0).b }, "metadata k", "value type"},
	{"gguf-parser-go: number of keys", func() []byte { return begin(0, 0xffff_ffff).b }, "number of metadata keys", "at most"},
	{"fs/gguf: any four bytes as magic", func() []byte { return append([]byte("GARB"), small()[4:]...) }, "magic", "GGUF"},

	{"empty", func() []byte { return nil }, "magic", "GGUF"},
	{"lower case", func() []byte { return append([]byte("gguf"), small()[4:]...) }, "magic", "GGUF"},
	{"version 1", versioned(1, 0, 0, 0), "version", "not supported"},
	{"version 4", versioned(4, 0, 0, 0), "version", "not supported"},
	{"big-endian", versioned(0, 0, 0, 3), "version", "big-endian"},
	{"no key", func() []byte { return begin(0, 1).key("", kindUint8).u8(1).b }, "metadata key 0", "empty"},
	{"key no text", func() []byte { return begin(0, 1).key("\xff", kindUint8).u8(1).b }, "metadata key 0", "UTF-8"},
	{"key twice", func() []byte { return begin(0, 2).key("k", kindUint8).u8(1).key("k", kindUint8).u8(1).b }, `metadata key "k"`, "twice"},
	{"list in a list", func() []byte { return begin(0, 1).list("k", kindArray, 1).u32(0).u64(1).u8(1).b }, "metadata k", "list"},
	{"truth of 2", func() []byte { return begin(0, 1).key("k", kindBool).u8(2).b }, "metadata k", "truth"},
	{"truths of 2", func() []byte { return begin(0, 1).list("k", kindBool, 2).u8(0).u8(2).b }, "metadata k", "truth"},
	{"alignment 13", aligned(13), "general.alignment", "power of two"},
	{"alignment 4", aligned(4), "general.alignment", "power of two"},
	{"alignment 2^17", aligned(1 << 17), "general.alignment", "power of two"},
	{"alignment a text", func() []byte { return begin(0, 1).key("general.alignment", kindString).text("32").b }, "general.alignment", "power of two"},
	{"no name", func() []byte { return begin(1, 0).tensor("", 0, 0, 1).data(32, 4) }, "name of tensor 0", "empty"},
	{"name of 64", func() []byte { return begin(1, 0).tensor(strings.Repeat("n", 64), 0, 0, 1).data(32, 4) }, "name of tensor 0", "at most"},
	{"name twice", func() []byte { return begin(2, 0).tensor("t", 0, 0, 1).tensor("t", 0, 32, 1).data(32, 64) }, `tensor "t"`, "twice"},
	{"no dimension", one(0, 0), `tensor "t"`, "dimensions"},
	{"five dimensions", one(0, 0, 1, 1, 1, 1, 1), `tensor "t"`, "dimensions"},
	{"row of half a block", one(8, 0, 48), `tensor "t"`, "blocks of 32"},
	{"format not read", one(10, 0, 256), `tensor "t"`, "Q2_K"},
	{"offset not aligned", one(0, 4, 1), `tensor "t"`, "alignment"},
	{"overlap", func() []byte { return begin(2, 0).tensor("a", 0, 0, 9).tensor("b", 0, 32, 1).data(32, 64) }, `tensor "b"`, "inside"},
	{"same place", func() []byte { return begin(2, 0).tensor("a", 0, 32, 1).tensor("b", 0, 32, 1).data(32, 64) }, "offset", "inside"},
}

// one is a file with a single tensor and 64 bytes of data.
func one(number uint32, offset uint64, dims ...uint64) func() []byte {
	return func() []byte { return begin(1, 0).tensor("t", number, offset, dims...).data(32, 64) }
}

func aligned(to uint32) func() []byte {
	return func() []byte { return begin(0, 1).key("general.alignment", kindUint32).u32(to).b }
}

func versioned(v ...byte) func() []byte {
	return func() []byte { return append(append([]byte("GGUF"), v...), small()[8:]...) }
}

func TestHostileFiles(t *testing.T) {
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			err := checkParse(t, h.file())
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Field, h.field) || !strings.Contains(err.Error(), h.says) {
				t.Errorf("got %v; want an error about %s that says %q", err, h.field, h.says)
			}
		})
	}
}

// TestErrorPlace checks that an error points at the first byte of what is wrong.
func TestErrorPlace(t *testing.T) {
	valid := begin(1, 1).key("k", kindUint32).u32(7).b
	file := begin(1, 1).key("k", kindUint32).u32(7).tensor("t", 99, 0, 1).b
	_, err := Parse(file)
	var e *Error
	if want := int64(len(valid) + 8 + 1 + 4 + 8); !errors.As(err, &e) || e.Offset != want {
		t.Errorf("got %v, want byte %d", err, want)
	}
}
