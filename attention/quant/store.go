package quant

import (
	"slices"

	"spatten/attention/stored"
)

// Save writes the rows; dim and format are the reader's to know. In order: the number of rows; of a format with a scale for each
// channel the number of blocks and the rows of each; the scales; codes of both planes together, rows of a Plane as wide as
// both; then fp32 or fp16 numbers of rows that have no codes, or none yet.
func (r *Rows) Save(w *stored.Writer) {
	w.Int(r.n)
	if r.waits() {
		w.Int(len(r.blocks))
		stored.Put(w, r.blocks)
	}
	stored.Put(w, r.scales)
	var s Scratch
	p := NewPlane(r.dim, r.format.Bits())
	floats, codes := make([]float32, r.dim), make([]uint16, r.dim)
	for i := range r.Coded() {
		r.codesOf(floats, &s, nil, i, true)
		for c, v := range floats {
			codes[c] = uint16(v)
		}
		p.data = p.data[:0]
		p.Append(codes)
		stored.Put(w, p.data)
	}
	stored.Put(w, r.exact)
	stored.Put(w, r.half)
}

// waits reports whether rows wait as fp16 until their block is full.
func (r *Rows) waits() bool { return r.format.Coded() && r.format.PerChannel }

// Load reads n rows that Save wrote into empty ones. What is wrong is the Reader's error; the rows are unfit for use then.
func (r *Rows) Load(in *stored.Reader, n int) {
	in.Check("number of rows", in.Int("number of rows", n) == n)
	coded, scales := 0, 0
	switch {
	case r.waits():
		coded = r.loadBlocks(in, n)
		scales = len(r.blocks) * r.dim
	case r.format.Coded():
		coded, scales = n, n
	}
	r.scales = stored.Get(in, "scales", r.scales, scales)
	r.loadCodes(in, coded)
	if r.format.MSB == 32 {
		r.exact = stored.Get(in, "rows", r.exact, n*r.dim)
	} else {
		r.half = stored.Get(in, "rows", r.half, (n-coded)*r.dim)
	}
	r.n = n
}

// loadCodes reads rows of codes.
func (r *Rows) loadCodes(in *stored.Reader, n int) {
	if n == 0 {
		return
	}
	p, row, codes := NewPlane(r.dim, r.format.Bits()), make([]float32, r.dim), make([]uint16, r.dim)
	for c := range r.inverses {
		r.inverses[c] = 1 // so that a code less the middle is encoded as the code
	}
	middle := float32(uint32(1) << (r.format.Bits() - 1))
	for range n {
		if p.data = stored.Get(in, "codes", p.data[:0], p.rowBytes); in.Err() != nil {
			return
		}
		clear(codes)
		p.unpack(codes, 0, 0)
		for c, u := range codes {
			row[c] = float32(u) - middle
		}
		r.encode(row)
	}
}

// loadBlocks reads how many rows the blocks have, and returns how many all of them have.
func (r *Rows) loadBlocks(in *stored.Reader, n int) (coded int) {
	r.blocks = stored.Get(in, "rows of blocks", r.blocks, in.Int("blocks", n))
	for _, rows := range r.blocks {
		in.Check("rows of a block", rows >= 1 && rows <= BlockRows)
		coded += int(rows)
	}
	in.Check("rows of all blocks", coded <= n && n-coded < BlockRows)
	if in.Err() != nil {
		return 0
	}
	return coded
}

// SameBlocks reports whether rows are cut into blocks as others are: a layer's heads are read block by block together.
func (r *Rows) SameBlocks(o *Rows) bool { return slices.Equal(r.blocks, o.blocks) }
