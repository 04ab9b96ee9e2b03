package tensor

import (
	"math/rand/v2"
	"slices"
	"testing"

	"spatten/checkpoint/dtype"
)

// doubling makes a row by doubling what it was.
type doubling struct {
	x  []float32
	in int
}

func (d doubling) Row(r int) {
	for i := range d.x[r*d.in : (r+1)*d.in] {
		d.x[r*d.in+i] *= 2
	}
}

// TestTogetherAsAlone holds products of shared rows with matrices of several formats, some of live heads only, against the same products
// one after the other.
func TestTogetherAsAlone(t *testing.T) {
	const in, out, rows, dim = 96, 80, 21, 16
	r := rand.New(rand.NewPCG(3, 1))
	live, bias := []int32{0, 2, 3}, random(out, 2)
	for _, p := range []Precision{F32, Int8} {
		for _, k := range available() {
			on(k, 2, p, func(c *CPU) {
				var together []Output
				for i, format := range []dtype.Type{dtype.Q8_0, dtype.F16, dtype.Q4_1, dtype.Q8_0} {
					w, err := NewWeights(format, out, in, randomWeights(r, format, out, in))
					if err != nil {
						t.Fatal(err)
					}
					o := Output{Dst: make([]float32, rows*out), W: w}
					if i%2 == 0 {
						o.Bias = bias
					} else {
						o.Heads, o.HeadDim = live, dim
					}
					together = append(together, o)
				}
				x := random(rows*in, 4)
				twice := slices.Clone(x)
				for i := range twice {
					twice[i] *= 2
				}
				c.MatMuls(x, rows, doubling{x, in}, together...)
				if !slices.Equal(x, twice) {
					t.Fatalf("%s, %v: rows are not made once each", k.name, p)
				}
				for i, o := range together {
					want := make([]float32, rows*out)
					if o.Heads == nil {
						c.MatMul(want, twice, rows, o.W, o.Bias)
					} else {
						c.MatMulHeads(want, twice, rows, o.W, o.Bias, o.Heads, o.HeadDim)
					}
					if !slices.Equal(o.Dst, want) {
						t.Fatalf("%s, %v: product %d of several differs from the same alone", k.name, p, i)
					}
				}
			})
		}
	}
}
