// Package dtype names the element formats in which checkpoints store tensors, and their block geometry.
// Sources: the safetensors format ("F32", "BF16", …) and the GGUF specification's ggml_type table.
package dtype

import "fmt"

// Type is an element format. The zero Type is invalid.
type Type uint8

// The formats that are known. Block formats store a fixed number of elements in a fixed number of bytes.
const (
	Invalid Type = iota
	F32
	F16
	BF16
	F64
	I8
	I16
	I32
	I64
	U8
	Bool
	Q4_0
	Q4_1
	Q5_0
	Q5_1
	Q8_0
	Q4_K
	Q5_K
	Q6_K
)

// geometry of a format: elements a block, bytes a block.
type geometry struct {
	name            string
	elements, bytes int
}

var geometries = [...]geometry{
	F32: {"F32", 1, 4}, F16: {"F16", 1, 2}, BF16: {"BF16", 1, 2}, F64: {"F64", 1, 8},
	I8: {"I8", 1, 1}, I16: {"I16", 1, 2}, I32: {"I32", 1, 4}, I64: {"I64", 1, 8}, U8: {"U8", 1, 1}, Bool: {"BOOL", 1, 1},
	Q4_0: {"Q4_0", 32, 18}, // f16 scale, 16 bytes of nibbles
	Q4_1: {"Q4_1", 32, 20}, // f16 scale, f16 minimum, 16 bytes of nibbles
	Q5_0: {"Q5_0", 32, 22}, // f16 scale, 4 bytes of fifth bits, 16 bytes of nibbles
	Q5_1: {"Q5_1", 32, 24}, // f16 scale, f16 minimum, 4 bytes of fifth bits, 16 bytes of nibbles
	Q8_0: {"Q8_0", 32, 34}, // f16 scale, 32 signed bytes
	Q4_K: {"Q4_K", 256, 144},
	Q5_K: {"Q5_K", 256, 176},
	Q6_K: {"Q6_K", 256, 210},
}

// Valid reports whether t is one of the formats above.
func (t Type) Valid() bool { return t > Invalid && int(t) < len(geometries) }

// String returns the format's published name.
func (t Type) String() string {
	if !t.Valid() {
		return fmt.Sprintf("dtype(%d)", uint8(t))
	}
	return geometries[t].name
}

// BlockElements returns the number of elements that one block holds (1 for plain formats).
func (t Type) BlockElements() int { return geometries[t].elements }

// BlockBytes returns the size of one block in bytes.
func (t Type) BlockBytes() int { return geometries[t].bytes }

// Bits returns the average number of bits that one element takes, scales included.
func (t Type) Bits() float64 { return 8 * float64(t.BlockBytes()) / float64(t.BlockElements()) }

// RowBytes returns the bytes of a row of n elements, and false where n is no multiple of the block.
func (t Type) RowBytes(n int) (int, bool) {
	g := geometries[t]
	if n < 0 || n%g.elements != 0 {
		return 0, false
	}
	return n / g.elements * g.bytes, true
}
