package tensor

import "encoding/binary"

// reading is a running Read.
type reading struct {
	c    *CPU
	data []byte
	sums []uint64
}

// readChunk is the bytes of an item: far more than starting one costs.
const readChunk = 1 << 20

// Read reads data once with all threads and returns the exclusive or of its little-endian 64-bit words (a rest of less
// than 256 bytes a chunk is left out). It is how a benchmark learns what memory delivers at best.
func (c *CPU) Read(data []byte) uint64 {
	n := (len(data) + readChunk - 1) / readChunk
	r := &reading{c: c, data: data, sums: make([]uint64, n)}
	c.Do(n, r)
	var sum uint64
	for _, s := range r.sums {
		sum ^= s
	}
	return sum
}

// Run implements Task.
func (r *reading) Run(_, i int) {
	part := r.data[i*readChunk : min((i+1)*readChunk, len(r.data))]
	if part = part[:len(part)&^255]; len(part) > 0 {
		r.sums[i] = r.c.kernels.read(part)
	}
}

func readPortable(data []byte) (sum uint64) {
	for ; len(data) >= 8; data = data[8:] {
		sum ^= binary.LittleEndian.Uint64(data)
	}
	return sum
}
