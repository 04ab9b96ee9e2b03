package gguf

import (
	"encoding/binary"
	"math"

	"spatten/checkpoint/dtype"
)

// builder writes GGUF files, right ones and wrong ones.
type builder struct {
	b []byte
}

// begin starts a file of version 3 that claims these numbers of tensors and metadata keys.
func begin(tensors, keys uint64) *builder {
	w := &builder{b: []byte("GGUF")}
	return w.u32(3).u64(tensors).u64(keys)
}

func (w *builder) u8(v uint8) *builder   { w.b = append(w.b, v); return w }
func (w *builder) u32(v uint32) *builder { w.b = binary.LittleEndian.AppendUint32(w.b, v); return w }
func (w *builder) u64(v uint64) *builder { w.b = binary.LittleEndian.AppendUint64(w.b, v); return w }
func (w *builder) text(s string) *builder {
	w.u64(uint64(len(s)))
	w.b = append(w.b, s...)
	return w
}

// key writes a key and the type of its value, which follows.
func (w *builder) key(name string, k kind) *builder { return w.text(name).u32(uint32(k)) }

// list writes a key and the beginning of a list of n values, which follow.
func (w *builder) list(name string, k kind, n uint64) *builder {
	return w.key(name, kindArray).u32(uint32(k)).u64(n)
}

// tensor describes a tensor; its dimensions are in the file's order, innermost first.
func (w *builder) tensor(name string, number uint32, offset uint64, dims ...uint64) *builder {
	w.text(name).u32(uint32(len(dims)))
	for _, d := range dims {
		w.u64(d)
	}
	return w.u32(number).u64(offset)
}

// data pads to the alignment and writes n bytes of tensor data, which count upwards.
func (w *builder) data(alignment, n int) []byte {
	for len(w.b)%alignment != 0 {
		w.b = append(w.b, 0)
	}
	for i := range n {
		w.b = append(w.b, byte(i))
	}
	return w.b
}

// small is a valid file with a value of every type, and tensors of a plain and of a block format.
func small() []byte {
	w := begin(3, 18)
	w.key("general.architecture", kindString).text("llama")
	w.key("general.alignment", kindUint32).u32(64)
	w.key("u8", kindUint8).u8(255)
	w.key("i8", kindInt8).u8(255)
	w.key("u16", kindUint16).u8(1).u8(2)
	w.key("i16", kindInt16).u8(0xfe).u8(0xff)
	w.key("i32", kindInt32).u32(math.MaxUint32 - 2)
	w.key("f32", kindFloat32).u32(math.Float32bits(1.5))
	w.key("yes", kindBool).u8(1)
	w.key("no", kindBool).u8(0)
	w.key("u64", kindUint64).u64(math.MaxUint64)
	w.key("i64", kindInt64).u64(math.MaxUint64 - 3)
	w.key("f64", kindFloat64).u64(math.Float64bits(-2.25))
	w.list("texts", kindString, 3).text("a").text("").text("déjà")
	w.list("signed", kindInt16, 2).u8(0xff).u8(0xff).u8(2).u8(0)
	w.list("floats", kindFloat32, 2).u32(math.Float32bits(0.5)).u32(math.Float32bits(-8))
	w.list("truths", kindBool, 2).u8(1).u8(0)
	w.list("huge", kindUint64, 1).u64(math.MaxUint64)
	w.tensor("vector", 0, 0, 3)         // 12 bytes at 0
	w.tensor("matrix", 8, 128, 64, 2)   // Q8_0: 2 rows of 2 blocks of 34 bytes, to 264
	w.tensor("cube", 1, 64, 2, 3, 4, 1) // F16: 48 bytes at 64, before the one described before it
	return w.data(64, 264)
}

// numbers of the element formats in a file.
func number(t dtype.Type) uint32 {
	for n, known := range types {
		if known == t {
			return n
		}
	}
	panic("no number for " + t.String())
}
