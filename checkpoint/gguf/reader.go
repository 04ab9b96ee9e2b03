package gguf

import (
	"encoding/binary"
	"fmt"
)

// reader walks the file. The first error stays, and everything read after it is zero.
type reader struct {
	data []byte
	at   int
	err  error
}

// fail records what is wrong with the field that begins at the byte offset at.
func (r *reader) fail(at int, field string, err error) {
	if r.err == nil {
		r.err = &Error{int64(at), field, err}
	}
}

func (r *reader) left() uint64 { return uint64(len(r.data) - r.at) }

// bytes returns the next n bytes, which belong to the file.
func (r *reader) bytes(field string, n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > r.left() {
		r.fail(r.at, field, fmt.Errorf("%w: %d bytes wanted, %d left", ErrTruncated, n, r.left()))
		return nil
	}
	b := r.data[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

func (r *reader) uint32(field string) uint32 {
	if b := r.bytes(field, 4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64(field string) uint64 {
	if b := r.bytes(field, 8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count reads a number of things that take at least size bytes each, and believes it only as far as bytes are left.
func (r *reader) count(field string, limit, size uint64) int {
	at := r.at
	n := r.uint64(field)
	switch {
	case n > limit:
		r.fail(at, field, fmt.Errorf("%d, at most %d are allowed", n, limit))
	case n > r.left()/size:
		r.fail(at, field, fmt.Errorf("%w: %d claimed, %d bytes left", ErrTruncated, n, r.left()))
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

// text returns the bytes of a string, which belong to the file. Its length is a 64-bit number before them.
func (r *reader) text(field string, limit uint64) []byte {
	at := r.at
	n := r.uint64(field)
	if n > limit {
		r.fail(at, field, fmt.Errorf("a string of %d bytes, at most %d are allowed", n, limit))
	}
	return r.bytes(field, n)
}
