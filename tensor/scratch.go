package tensor

import "unsafe"

// panel is the number of weight rows that a worker prepares together: the outputs of one vector register.
const panel = 16

// tileRows is the largest number of activation rows that one kernel call takes.
const tileRows = 8

// scratch is a worker's memory. Sizes for a panel of rows of n elements.
type scratch struct {
	bytes   []byte    // panel × n: unpacked weights, row by row
	woven   []byte    // panel × n: unpacked weights, interleaved
	scale   []float32 // panel × n/16
	minimum []float32 // panel × n/32
	weights []float32 // panel × n: weights as fp32
	tile    [tileRows * panel]float32
	bias    [panel]float32
}

// grow makes room for rows of n elements, n a multiple of 32.
func (s *scratch) grow(n int, p Precision) {
	s.bytes = aligned(s.bytes, panel*n)
	s.scale, s.minimum = aligned(s.scale, panel*n/16), aligned(s.minimum, panel*n/32)
	s.weights = aligned(s.weights, panel*n)
	if p == Int8 {
		s.woven = aligned(s.woven, panel*n)
	}
}

// growRow makes room for a row of n elements that becomes fp32.
func (s *scratch) growRow(n int) {
	s.bytes, s.scale, s.minimum = aligned(s.bytes, n), aligned(s.scale, n/16), aligned(s.minimum, n/32)
}

// cacheLine is the alignment of scratch memory, so that no vector load straddles two lines.
const cacheLine = 64

// aligned returns s if it holds n elements, or else a new slice that starts on a cache line.
func aligned[T byte | float32](s []T, n int) []T {
	if len(s) >= n {
		return s
	}
	var zero T
	size := int(unsafe.Sizeof(zero))
	s = make([]T, n+cacheLine/size)
	skip := -int(uintptr(unsafe.Pointer(&s[0]))) & (cacheLine - 1) / size
	return s[skip:][:n:n]
}
