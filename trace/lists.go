package trace

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"spatten/attention/record"
)

// A list of positions, which one query of a head fetched, is stored in whichever form is short:
//
//	0 gap₁ … gapₙ      the positions, coded as in a set; their number is known from the query
//	1 m byte₁ … byteₘ  a bit a position, the lowest bit of the first byte being position 0
//	2 m byte₁ … byteₘ  the same bits, exclusive or with those of the list that this head of this layer stored last
//	3                  the list before, of this layer and kind, again
//
// What a head fetches changes little from step to step, and heads that choose together fetch the same.
const (
	listGaps    = 0
	listBits    = 1
	listChanges = 2
	listAgain   = 3
)

// kind tells the lists of values from those of least significant bits.
type kind int

const (
	values kind = iota
	lsbs
	kinds
)

// count returns how many positions a query lists.
func (k kind) count(q *record.Query) int {
	if k == values {
		return int(q.Values)
	}
	return int(q.LSBs)
}

// lists remembers what lists are stored against.
type lists struct {
	last  map[place]*[]uint64 // the bits of the last list
	again [kinds][]int32      // the list before, of the layer that is under way
	words int                 // of last, together
	bits  []uint64
}

// place is where lists follow one another.
type place struct {
	layer, head int
	kind        kind
}

func (l *lists) begin() { *l = lists{last: map[place]*[]uint64{}, bits: l.bits} }

// enter starts a layer.
func (l *lists) enter() {
	for k := range l.again {
		l.again[k] = l.again[k][:0]
	}
}

// of returns the bits of the last list at a place.
func (l *lists) of(at place) *[]uint64 {
	last := l.last[at]
	if last == nil {
		last = new([]uint64)
		l.last[at] = last
	}
	return last
}

// keep makes bits the last list of a head.
func (l *lists) keep(last *[]uint64, bits []uint64) {
	l.words += len(bits) - len(*last)
	*last = append((*last)[:0], bits...)
}

// append codes one list.
func (l *lists) append(b []byte, list []int32, last *[]uint64, k kind) []byte {
	if len(list) > 0 && slices.Equal(list, l.again[k]) {
		return append(b, listAgain)
	}
	l.again[k] = append(l.again[k][:0], list...)
	if len(list) == 0 || 8*len(list) < int(list[len(list)-1]) { // a gap takes a byte
		return appendGaps(append(b, listGaps), list)
	}
	l.bits = setBits(l.bits[:0], list)
	ones := 0
	for i, word := range *last {
		if i < len(l.bits) {
			word ^= l.bits[i]
		}
		ones += bits.OnesCount64(word)
	}
	for _, word := range l.bits[min(len(l.bits), len(*last)):] {
		ones += bits.OnesCount64(word)
	}
	if ones < len(list) {
		b = appendBits(append(b, listChanges), l.bits, *last)
	} else {
		b = appendBits(append(b, listBits), l.bits, nil)
	}
	l.keep(last, l.bits)
	return b
}

// setBits appends the bits of ascending positions.
func setBits(dst []uint64, list []int32) []uint64 {
	word, at := uint64(0), int32(0)
	for _, p := range list {
		for p>>6 != at {
			dst = append(dst, word)
			word = 0
			at++
		}
		word |= 1 << (uint(p) & 63)
	}
	return append(dst, word)
}

// appendBits writes bits, exclusive or with last, without the zero bytes at their end.
func appendBits(b []byte, now, last []uint64) []byte {
	words := max(len(now), len(last))
	at := func(i int) (word uint64) {
		if i < len(now) {
			word = now[i]
		}
		if i < len(last) {
			word ^= last[i]
		}
		return word
	}
	for words > 0 && at(words-1) == 0 {
		words--
	}
	if words == 0 {
		return append(b, 0)
	}
	final := at(words - 1)
	n := 8*words - bits.LeadingZeros64(final)/8
	b = appendUint(b, uint64(n))
	for i := range words - 1 {
		b = binary.LittleEndian.AppendUint64(b, at(i))
	}
	for n -= 8 * (words - 1); n > 0; n-- {
		b = append(b, byte(final))
		final >>= 8
	}
	return b
}

// list reads a list of n positions below limit and appends it to dst.
func (r *Reader) list(field string, dst []int32, n, limit int, last *[]uint64, k kind) []int32 {
	l, from := &r.state.lists, len(dst)
	switch form := r.int(field, listAgain); form {
	case listAgain:
		dst = append(dst, l.again[k]...)
		if len(l.again[k]) != n || n > 0 && int(dst[len(dst)-1]) >= limit {
			r.fail(field, ErrCorrupt)
		}
		return dst
	case listGaps:
		dst = r.gaps(field, dst, n, limit)
	default:
		bytes := r.int(field, max((limit+7)/8, 8*len(*last)))
		l.bits = l.bits[:0]
		for i := range bytes {
			if i%8 == 0 {
				l.bits = append(l.bits, 0)
			}
			l.bits[i/8] |= uint64(r.byte(field)) << (i % 8 * 8)
			if r.err != nil {
				return dst
			}
		}
		if form == listChanges {
			for i, word := range *last {
				if i == len(l.bits) {
					l.bits = append(l.bits, 0)
				}
				l.bits[i] ^= word
			}
		}
		dst = positionsOf(dst, l.bits)
		if len(dst)-from != n || n > 0 && int(dst[len(dst)-1]) >= limit || l.words+len(l.bits) > maxWords {
			r.fail(field, ErrCorrupt)
		}
		if r.err == nil {
			l.keep(last, l.bits)
		}
	}
	l.again[k] = append(l.again[k][:0], dst[from:]...)
	return dst
}

// positionsOf appends the positions of the bits that are set.
func positionsOf(dst []int32, set []uint64) []int32 {
	for i, word := range set {
		for ; word != 0; word &= word - 1 {
			dst = append(dst, int32(64*i+bits.TrailingZeros64(word)))
		}
	}
	return dst
}
