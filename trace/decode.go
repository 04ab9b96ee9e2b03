package trace

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// decode reads the values that records are made of. The first error stays; after it every value is zero.
type decode struct {
	in     *bufio.Reader
	offset int64
	err    error
	state  state
	scratch32
}

// scratch32 holds the buffers that positions and rows are read into.
type scratch32 struct {
	queries, keys, heads, headKeys, values, lsbs []int32
	probabilities, scores, ranked                []float32
}

func (d *decode) fail(field string, err error) {
	if d.err != nil {
		return
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = ErrTruncated
	}
	d.err = &Error{Offset: d.offset, Field: field, Err: err}
}

func (d *decode) byte(field string) byte {
	if d.err != nil {
		return 0
	}
	b, err := d.in.ReadByte()
	if err != nil {
		d.fail(field, err)
		return 0
	}
	d.offset++
	return b
}

// uint reads a number of at most limit.
func (d *decode) uint(field string, limit uint64) uint64 {
	if d.err != nil {
		return 0
	}
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := d.byte(field)
		if d.err != nil {
			return 0
		}
		if shift > 63 || shift == 63 && b > 1 {
			d.fail(field, ErrCorrupt)
			return 0
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	if v > limit {
		d.fail(field, ErrCorrupt)
		return 0
	}
	return v
}

func (d *decode) int(field string, limit int) int { return int(d.uint(field, uint64(limit))) }

// delta reads a difference in zigzag coding.
func (d *decode) delta(field string) int64 {
	u := d.uint(field, math.MaxUint64)
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decode) flag(field string) bool { return d.int(field, 1) == 1 }

func (d *decode) fixed(field string, n int) []byte {
	if d.err != nil {
		return nil
	}
	b, err := d.in.Peek(n)
	if err != nil {
		d.fail(field, err)
		return nil
	}
	d.offset += int64(n)
	d.in.Discard(n)
	return b
}

func (d *decode) float(field string) float32 {
	b := d.fixed(field, 4)
	if b == nil {
		return 0
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(b))
}

func (d *decode) text(field string) string {
	n := d.int(field, maxText)
	if d.err != nil {
		return ""
	}
	b := make([]byte, 0, min(n, 4096))
	for len(b) < n { // grows by what has been read, not by what is claimed
		part := d.fixed(field, min(n-len(b), 4096))
		if part == nil {
			return ""
		}
		b = append(b, part...)
	}
	return string(b)
}

// floats reads a row of at most limit numbers into dst.
func (d *decode) floats(field string, dst []float32, limit int) []float32 {
	n := d.int(field, limit)
	dst = dst[:0]
	for range n {
		if d.err != nil {
			return nil
		}
		dst = append(dst, d.float(field))
	}
	if n == 0 {
		return nil
	}
	return dst
}

// gaps appends n ascending positions below limit to dst.
func (d *decode) gaps(field string, dst []int32, n, limit int) []int32 {
	last := -1
	for range n {
		last += d.int(field, limit) + 1
		if last >= limit {
			d.fail(field, ErrCorrupt)
		}
		if d.err != nil {
			return dst
		}
		dst = append(dst, int32(last))
	}
	return dst
}

// set reads a set of positions below limit that was stored against reference.
func (d *decode) set(field string, dst, reference []int32, limit int) []int32 {
	dst = dst[:0]
	switch d.int(field, setWithout) {
	case setListed:
		return d.gaps(field, dst, d.int(field, limit), limit)
	default:
		gone := d.int(field, len(reference))
		from, rank := 0, -1
		for range gone {
			rank += d.int(field, len(reference)) + 1
			if rank >= len(reference) {
				d.fail(field, ErrCorrupt)
			}
			if d.err != nil {
				return dst
			}
			dst = append(dst, reference[from:rank]...)
			from = rank + 1
		}
		return append(dst, reference[from:]...)
	}
}
