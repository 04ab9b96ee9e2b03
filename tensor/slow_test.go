package tensor

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"spatten/checkpoint/dtype"
)

// weightTypes are the formats that can be multiplied.
var weightTypes = []dtype.Type{dtype.F32, dtype.F16, dtype.BF16, dtype.Q4_0, dtype.Q4_1, dtype.Q5_0, dtype.Q5_1, dtype.Q8_0,
	dtype.Q4_K, dtype.Q5_K, dtype.Q6_K}

// randomWeights returns the bytes of a matrix with random contents and scales of sensible size.
func randomWeights(r *rand.Rand, t dtype.Type, out, in int) []byte {
	row, _ := t.RowBytes(in)
	data := make([]byte, out*row)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	half := func(at int, v float64) { binary.LittleEndian.PutUint16(data[at:], ToF16(float32(v))) }
	for at := 0; at < len(data); at += t.BlockBytes() {
		switch t {
		case dtype.F32:
			binary.LittleEndian.PutUint32(data[at:], math.Float32bits(float32(r.NormFloat64()/8)))
		case dtype.F16:
			half(at, r.NormFloat64()/8)
		case dtype.BF16:
			binary.LittleEndian.PutUint16(data[at:], uint16(math.Float32bits(float32(r.NormFloat64()/8))>>16))
		case dtype.Q6_K:
			half(at+208, r.NormFloat64()/2000)
		case dtype.Q4_K, dtype.Q5_K:
			half(at, r.Float64()/500)
			half(at+2, r.Float64()/500)
		case dtype.Q4_1, dtype.Q5_1:
			half(at, r.Float64()/50)
			half(at+2, -r.Float64()/6)
		case dtype.Q8_0:
			half(at, r.NormFloat64()/1000)
		default:
			half(at, r.NormFloat64()/50)
		}
	}
	return data
}

// slowDecode turns whole blocks of a stored format into fp32, element by element: the reference that unpack and restore
// are held against.
func slowDecode(dst []float32, t dtype.Type, data []byte) {
	switch t {
	case dtype.F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case dtype.F16:
		for i := range dst {
			dst[i] = F16(binary.LittleEndian.Uint16(data[2*i:]))
		}
	case dtype.BF16:
		for i := range dst {
			dst[i] = BF16(binary.LittleEndian.Uint16(data[2*i:]))
		}
	default:
		block, size := t.BlockElements(), t.BlockBytes()
		for b := 0; b*block < len(dst); b++ {
			slowBlock(dst[b*block:(b+1)*block], t, data[b*size:(b+1)*size])
		}
	}
}

func slowBlock(y []float32, t dtype.Type, b []byte) {
	half := func(at int) float32 { return F16(binary.LittleEndian.Uint16(b[at:])) }
	switch t {
	case dtype.Q4_0: // y = d·(q − 8)
		d := half(0)
		for j, q := range b[2:18] {
			y[j], y[j+16] = d*float32(int(q&15)-8), d*float32(int(q>>4)-8)
		}
	case dtype.Q4_1: // y = d·q + m
		d, m := half(0), half(2)
		for j, q := range b[4:20] {
			y[j], y[j+16] = float32(d*float32(q&15))+m, float32(d*float32(q>>4))+m
		}
	case dtype.Q5_0: // y = d·(q − 16), the fifth bits apart
		d, high := half(0), binary.LittleEndian.Uint32(b[2:])
		for j, q := range b[6:22] {
			y[j] = d * float32(int(uint32(q&15)|high>>j&1<<4)-16)
			y[j+16] = d * float32(int(uint32(q>>4)|high>>(j+16)&1<<4)-16)
		}
	case dtype.Q5_1:
		d, m, high := half(0), half(2), binary.LittleEndian.Uint32(b[4:])
		for j, q := range b[8:24] {
			y[j] = float32(d*float32(uint32(q&15)|high>>j&1<<4)) + m
			y[j+16] = float32(d*float32(uint32(q>>4)|high>>(j+16)&1<<4)) + m
		}
	case dtype.Q8_0:
		d := half(0)
		for j, q := range b[2:34] {
			y[j] = d * float32(int8(q))
		}
	case dtype.Q4_K:
		slowQ45K(y, half(0), half(2), b[4:16], nil, b[16:144])
	case dtype.Q5_K:
		slowQ45K(y, half(0), half(2), b[4:16], b[16:48], b[48:176])
	case dtype.Q6_K:
		slowQ6K(y, b[:128], b[128:192], b[192:208], half(208))
	}
}

// slowQ45K: a super-block of 8 blocks of 32 with 6-bit scales and minima: y = d·scale·q − dmin·min.
func slowQ45K(y []float32, d, dmin float32, scales, high, low []byte) {
	for k := range 8 {
		s, m := slowScaleMin(scales, k)
		ds, ms := d*float32(s), dmin*float32(m)
		for l := range 32 {
			q := low[k/2*32+l] >> (k % 2 * 4) & 15
			if high != nil {
				q |= high[l] >> k & 1 << 4
			}
			y[k*32+l] = float32(ds*float32(q)) - ms
		}
	}
}

// slowScaleMin unpacks the 6-bit scale and minimum of block k from the 12 bytes that hold all eight of both.
func slowScaleMin(b []byte, k int) (scale, minimum byte) {
	if k < 4 {
		return b[k] & 63, b[k+4] & 63
	}
	return b[k+4]&15 | b[k-4]>>6<<4, b[k+4]>>4 | b[k]>>6<<4
}

// slowQ6K: 16 blocks of 16 with 8-bit scales, 4 low and 2 high bits apart: y = d·scale·(q − 32).
func slowQ6K(y []float32, low, high, scales []byte, d float32) {
	for i := range 256 {
		half, quarter, l := i/128, i/32%4, i%32
		q := low[half*64+quarter%2*32+l] >> (quarter / 2 * 4) & 15
		q |= high[half*32+l] >> (quarter * 2) & 3 << 4
		y[i] = float32(d*float32(int8(scales[i/16]))) * float32(int(q)-32)
	}
}
