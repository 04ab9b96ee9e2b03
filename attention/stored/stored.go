// Package stored is part of stage 4: it writes the numbers that the state of a sequence is made of, little endian, to a stream, and
// reads them back. It trusts no count: a list is read in pieces, so that memory grows with what the stream really holds.
package stored

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Number is what lists are made of.
type Number interface {
	~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~float32
}

// pieceBytes is what is converted in one go.
const pieceBytes = 64 << 10

// Writer writes numbers. The first error stays.
type Writer struct {
	out io.Writer
	buf []byte
	err error
}

// NewWriter writes to out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Err returns the first error.
func (w *Writer) Err() error { return w.err }

// Int writes a number that is not negative.
func (w *Writer) Int(v int) { Put(w, []int64{int64(v)}) }

// Put writes a list, without its length.
func Put[T Number](w *Writer, list []T) {
	size := binary.Size(*new(T))
	for len(list) > 0 && w.err == nil {
		n := min(len(list), pieceBytes/size)
		if w.buf, w.err = binary.Append(w.buf[:0], binary.LittleEndian, list[:n]); w.err == nil {
			_, w.err = w.out.Write(w.buf)
		}
		list = list[n:]
	}
}

// Errors of a Reader.
var (
	ErrTruncated = errors.New("it ends early")
	ErrCorrupt   = errors.New("value out of range; it is damaged or made for something else")
)

// Reader reads numbers. The first error stays; after it every number is zero and every list empty.
type Reader struct {
	in  io.Reader
	at  int64
	buf []byte
	err error
}

// NewReader reads from in.
func NewReader(in io.Reader) *Reader { return &Reader{in: in} }

// Err returns the first error, which names the field and its byte.
func (r *Reader) Err() error { return r.err }

// Offset returns the bytes read so far.
func (r *Reader) Offset() int64 { return r.at }

// Fail notes what is wrong with the field that was read last.
func (r *Reader) Fail(field string, err error) {
	if r.err != nil {
		return
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = ErrTruncated
	}
	r.err = fmt.Errorf("%s at byte %d: %w", field, r.at, err)
}

// Check fails where a condition does not hold.
func (r *Reader) Check(field string, holds bool) {
	if !holds {
		r.Fail(field, ErrCorrupt)
	}
}

// Int reads a number of at least 0 and at most limit.
func (r *Reader) Int(field string, limit int) int {
	v := Get[int64](r, field, nil, 1)
	if r.err != nil {
		return 0
	}
	if v[0] < 0 || v[0] > int64(limit) {
		r.Fail(field, ErrCorrupt)
		return 0
	}
	return int(v[0])
}

// Get appends n numbers to dst.
func Get[T Number](r *Reader, field string, dst []T, n int) []T {
	size := binary.Size(*new(T))
	for n > 0 && r.err == nil {
		part := min(n, pieceBytes/size)
		if cap(r.buf) < pieceBytes {
			r.buf = make([]byte, pieceBytes)
		}
		buf := r.buf[:part*size]
		if _, err := io.ReadFull(r.in, buf); err != nil {
			r.Fail(field, err)
			return nil
		}
		r.at += int64(len(buf))
		from := len(dst)
		dst = append(dst, make([]T, part)...)
		if _, err := binary.Decode(buf, binary.LittleEndian, dst[from:]); err != nil {
			r.Fail(field, err)
			return nil
		}
		n -= part
	}
	if r.err != nil {
		return nil
	}
	return dst
}
