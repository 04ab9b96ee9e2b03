package tensor

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"spatten/checkpoint/dtype"
)

func TestWeightsThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		format         dtype.Type
		out, in, bytes int
		says           string
	}{
		{dtype.F32, 2, 3, 23, "takes 12 bytes"},
		{dtype.F32, 2, 3, 25, "takes 12 bytes"},
		{dtype.F32, 0, 3, 0, "no F32 matrix"},
		{dtype.F32, 2, -3, 0, "no F32 matrix"},
		{dtype.F32, math.MaxInt, 3, 24, "bytes"},
		{dtype.Q4_1, 2, 33, 80, "a block holds 32"},
		{dtype.Q4_K, 1, 32, 18, "a block holds 256"},
		{dtype.I32, 1, 1, 4, "cannot be multiplied"},
		{dtype.Invalid, 1, 1, 4, "cannot be multiplied"},
		{200, 1, 1, 4, "cannot be multiplied"},
	} {
		_, err := NewWeights(c.format, c.out, c.in, make([]byte, c.bytes))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v %d×%d of %d bytes: %v, want an error with %q", c.format, c.out, c.in, c.bytes, err, c.says)
		}
	}
	if _, err := NewWeightsTransposed(dtype.Q8_0, 32, 32, make([]byte, 34*32)); err == nil {
		t.Error("a block format was transposed")
	}
	if _, err := NewWeightsTransposed(200, 32, 32, nil); err == nil {
		t.Error("an unknown format was transposed")
	}
}

func TestTransposed(t *testing.T) {
	const in, out = 7, 5
	r := rand.New(rand.NewPCG(1, 1))
	for _, format := range []dtype.Type{dtype.F32, dtype.F16, dtype.BF16} {
		data := randomWeights(r, format, in, out)
		w, err := NewWeightsTransposed(format, in, out, data)
		if err != nil {
			t.Fatal(err)
		}
		stored, turned := make([]float32, in*out), make([]float32, in)
		slowDecode(stored, format, data)
		for o := range out {
			w.Row(turned, o)
			for i, v := range turned {
				if v != stored[i*out+o] {
					t.Fatalf("%v: [%d][%d] = %g, stored %g", format, o, i, v, stored[i*out+o])
				}
			}
		}
		if w.In() != in || w.Out() != out || w.Type() != format || w.Bits() != format.Bits() {
			t.Errorf("%v: %d×%d %v of %g bits", format, w.Out(), w.In(), w.Type(), w.Bits())
		}
	}
}

// TestQuantizedActivations holds every set's quantizer to the portable one bit for bit, and that to its definition.
func TestQuantizedActivations(t *testing.T) {
	x := random(32*8, 1)
	clear(x[32:64])
	x[64], x[100] = 1e30, -1e-30
	for i := range x[128:160] {
		x[128+i] = 1e-40 // so small that 127/top overflows
	}
	for i := range x[160:192] {
		x[160+i] = float32(i-16) / 2 // ties
	}
	x[160] = -127 / 2.
	for _, f := range []form{forms[dtype.Q4_1], forms[dtype.Q8_0], forms[dtype.Q6_K]} {
		want := make([]byte, 8*activationBytes)
		quantizePortable(want, x, f)
		for b := range 8 {
			block := want[b*activationBytes:]
			var sums [2]int32
			for i, v := range x[32*b : 32*(b+1)] {
				q := int8(block[i])
				sums[i/16] += int32(q)
				if d := math.Abs(float64(v) - float64(float(block[32:]))*float64(q)); d > float64(float(block[32:]))*0.5001+2e-38 {
					t.Fatalf("block %d: %g became %d·%g", b, v, q, float(block[32:]))
				}
			}
			first, second := int32(binary.LittleEndian.Uint32(block[40:])), int32(binary.LittleEndian.Uint32(block[44:]))
			if f.halves && (first != -f.offset*sums[0] || second != -f.offset*sums[1]) || !f.halves && (first != -f.offset*(sums[0]+sums[1]) || second != 0) {
				t.Fatalf("block %d: corrections %d and %d of sums %v and offset %d", b, first, second, sums, f.offset)
			}
		}
		for _, k := range available() {
			got := make([]byte, len(want))
			k.quantize(got, x, f)
			if string(got) != string(want) {
				t.Errorf("%s quantizes otherwise than the portable kernels: %v, want %v", k.name, got, want)
			}
		}
	}
}
