package tensor

import (
	"math"
	"math/rand/v2"
	"testing"
)

func random(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// TestProducts compares every form of the product with a float64 sum, at several thread counts and batch sizes.
func TestProducts(t *testing.T) {
	const in, out, dim, rows = 96, 70, 32, 9
	values, x, bias := random(out*in, 1), random(rows*in, 2), random(out, 3)
	w, err := NewF32Weights(out, in, values)
	if err != nil {
		t.Fatal(err)
	}
	want := func(r, o int, live func(k int) bool) float64 {
		sum := float64(bias[o])
		for k := range in {
			if live(k) {
				sum += float64(x[r*in+k]) * float64(values[o*in+k])
			}
		}
		return sum
	}
	all := func(int) bool { return true }
	for _, threads := range []int{1, 2, 3} {
		c := NewCPU(threads, F32)
		defer c.Close()
		dst := make([]float32, rows*out)
		c.MatMul(dst, x, rows, w, bias)
		one := make([]float32, out)
		for r := range rows {
			c.MatMul(one, x[r*in:(r+1)*in], 1, w, bias)
			for o := range out {
				if math.Abs(float64(dst[r*out+o])-want(r, o, all)) > 1e-4 {
					t.Fatalf("threads %d: [%d][%d] = %g, want %g", threads, r, o, dst[r*out+o], want(r, o, all))
				}
				if one[o] != dst[r*out+o] {
					t.Fatalf("row %d alone gives %g, in its batch %g", r, one[o], dst[r*out+o])
				}
			}
		}
		clear(dst)
		c.MatMulHeads(dst, x, rows, w, bias, []int32{1}, dim)
		for o := range out {
			computed := dst[o] != 0
			if computed != (o >= dim && o < 2*dim) {
				t.Errorf("output %d of head 1: computed %v", o, computed)
			}
		}
		c.MatMulLiveIn(dst, x, rows, w, bias, []int32{0, 2}, dim)
		for o := range out {
			if math.Abs(float64(dst[o])-want(0, o, func(k int) bool { return k/dim != 1 })) > 1e-4 {
				t.Errorf("output %d without input head 1: %g", o, dst[o])
			}
		}
		if n := testing.AllocsPerRun(20, func() { c.MatMul(dst, x, rows, w, bias) }); n != 0 {
			t.Errorf("a product allocates %g times", n)
		}
	}
}

func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		f := F16(uint16(h))
		if f != f {
			continue
		}
		if got := ToF16(f); got != uint16(h) {
			t.Fatalf("half %#04x becomes %g and then %#04x", h, f, got)
		}
	}
}
