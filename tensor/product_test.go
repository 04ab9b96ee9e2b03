package tensor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"spatten/checkpoint/dtype"

	"pgregory.net/rapid"
)

// on runs f on a pool with the given kernels.
func on(k *kernels, threads int, p Precision, f func(c *CPU)) {
	c := NewCPU(threads, p)
	defer c.Close()
	c.kernels = k
	f(c)
}

func TestFormatsDecodeAsSpecified(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, format := range weightTypes {
		const out, in = 5, 768
		data := randomWeights(r, format, out, in)
		w, err := NewWeights(format, out, in, data)
		if err != nil {
			t.Fatal(err)
		}
		want, got := make([]float32, in), make([]float32, in)
		for o := range out {
			slowDecode(want, format, w.row(o))
			w.Row(got, o)
			if !slices.Equal(got, want) {
				t.Fatalf("%v: row %d reads %v, want %v", format, o, got, want)
			}
			for _, k := range available() {
				s := new(scratch)
				s.grow(in, F32)
				for _, run := range [][2]int{{0, 24}, {3, 5}, {23, 1}} {
					k.dequantize(got, format, w.row(o), run[0], run[1], s)
					if n := run[1] * 32; !slices.Equal(got[:n], want[run[0]*32:][:n]) {
						t.Fatalf("%v, %s: blocks %v of row %d read %v, want %v", format, k.name, run, o, got[:n], want[run[0]*32:][:n])
					}
				}
			}
		}
	}
}

// product of any shape, against a float64 sum over the activations that the precision sees.
func TestProductsAnyShape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		format := rapid.SampledFrom(weightTypes).Draw(t, "format")
		p := rapid.SampledFrom([]Precision{F32, Int8}).Draw(t, "precision")
		rows, out := rapid.IntRange(1, 40).Draw(t, "rows"), rapid.IntRange(1, 90).Draw(t, "out")
		block := format.BlockElements()
		in := rapid.IntRange(1, max(4, 300/block)).Draw(t, "blocks") * block
		threads := rapid.IntRange(1, 3).Draw(t, "threads")
		biased := rapid.Bool().Draw(t, "bias")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		data := randomWeights(r, format, out, in)
		w, err := NewWeights(format, out, in, data)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, rows*in)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		var bias []float32
		if biased {
			bias = random(out, 5)
		}
		for _, k := range available() {
			on(k, threads, p, func(c *CPU) {
				dst := make([]float32, rows*out)
				c.MatMul(dst, x, rows, w, bias)
				checkProduct(t, fmt.Sprint(format, " ", k.name, " ", p), dst, x, rows, w, bias, p, k)
				one := make([]float32, out)
				i := r.IntN(rows)
				c.MatMul(one, x[i*in:(i+1)*in], 1, w, bias)
				if !slices.Equal(one, dst[i*out:(i+1)*out]) {
					t.Fatalf("%v %s: row %d alone differs from its batch", format, k.name, i)
				}
				again := make([]float32, rows*out)
				c.MatMul(again, x, rows, w, bias)
				if !slices.Equal(again, dst) {
					t.Fatalf("%v %s: %d rows differ with weights that are packed", format, k.name, rows)
				}
			})
		}
	})
}

// checkProduct compares dst with sums in float64, to a bound from the magnitudes summed, and with the portable kernels.
func checkProduct(t *rapid.T, what string, dst, x []float32, rows int, w *Weights, bias []float32, p Precision, k *kernels) {
	seen, weights := x, w
	if p == Int8 {
		on(&portable, 1, p, func(c *CPU) { weights = c.eightBits(w) })
		seen = make([]float32, rows*w.in)
		for r := range rows {
			padded := make([]float32, weights.in)
			copy(padded, x[r*w.in:(r+1)*w.in])
			q := make([]byte, weights.in/32*activationBytes)
			quantizePortable(q, padded, forms[weights.format])
			for i := range w.in {
				block := q[i/32*activationBytes:]
				seen[r*w.in+i] = float32(float64(float(block[32:])) * float64(int8(block[i%32])))
			}
		}
		if k != &portable {
			want := make([]float32, len(dst))
			on(&portable, 1, p, func(c *CPU) { c.MatMul(want, x, rows, w, bias) })
			if !slices.Equal(dst, want) {
				t.Fatalf("%s differs from the portable kernels: %v, want %v", what, dst, want)
			}
		}
	}
	row := make([]float32, weights.in)
	for o := range w.out {
		weights.Row(row, o)
		for r := range rows {
			var sum, size float64
			for i, v := range seen[r*w.in : (r+1)*w.in] {
				sum += float64(v) * float64(row[i])
				size += math.Abs(float64(v) * float64(row[i]))
			}
			if bias != nil {
				sum += float64(bias[o])
			}
			// minima and offsets are summed apart, so the terms are larger than the products
			if d := math.Abs(float64(dst[r*w.out+o]) - sum); !(d <= 4e-6*(size+math.Abs(sum))+3e-4*float64(p)*float64(w.in)/100+1e-6) {
				t.Fatalf("%s %dx%d: [%d][%d] = %g, want %g", what, w.out, w.in, r, o, dst[r*w.out+o], sum)
			}
		}
	}
}

// TestHeadsOnly holds the products of live heads against the whole product with the dead slices zeroed.
func TestHeadsOnly(t *testing.T) {
	for _, format := range []dtype.Type{dtype.F32, dtype.F16, dtype.Q4_1, dtype.Q8_0, dtype.Q6_K} {
		for _, dim := range []int{16, 24, 32, 64} {
			heads, rows := 768/dim, 3+dim%5*4 // also more than are multiplied one by one
			r := rand.New(rand.NewPCG(uint64(dim), 1))
			w, err := NewWeights(format, 768, 768, randomWeights(r, format, 768, 768))
			if err != nil {
				t.Fatal(err)
			}
			x, bias := random(rows*768, 3), random(768, 4)
			live := []int32{0, 3, 4, 5, int32(heads - 1)}
			isLive := func(i int) bool { return slices.Contains(live, int32(i/dim)) }
			masked := slices.Clone(x)
			for i := range masked {
				if !isLive(i % 768) {
					masked[i] = 0
				}
			}
			for _, p := range []Precision{F32, Int8} {
				for _, k := range available() {
					on(k, 2, p, func(c *CPU) {
						whole, got := make([]float32, rows*768), make([]float32, rows*768)
						c.MatMul(whole, x, rows, w, bias)
						c.MatMulHeads(got, x, rows, w, bias, live, dim)
						for i, v := range got {
							want := whole[i]
							if !isLive(i % 768) {
								want = 0
							}
							if v != want {
								t.Fatalf("%v dim %d %s: output %d = %g, want %g", format, dim, k.name, i, v, want)
							}
						}
						c.MatMul(whole, masked, rows, w, bias)
						c.MatMulLiveIn(got, x, rows, w, bias, live, dim)
						for i, v := range got {
							if math.Abs(float64(v-whole[i])) > 1e-5*(1+math.Abs(float64(v))) {
								t.Fatalf("%v dim %d %s: output %d from live inputs = %g, want %g", format, dim, k.name, i, v, whole[i])
							}
						}
						every := make([]int32, heads)
						for i := range every {
							every[i] = int32(i)
						}
						c.MatMul(whole, x, rows, w, bias)
						c.MatMulLiveIn(got, x, rows, w, bias, every, dim)
						if !slices.Equal(got, whole) {
							t.Fatalf("%v dim %d %s: all inputs by head differ from all inputs", format, dim, k.name)
						}
						clear(got)
						c.MatMulHeads(got, x, rows, w, bias, every, dim)
						if !slices.Equal(got, whole) {
							t.Fatalf("%v dim %d %s: all outputs by head differ from all outputs", format, dim, k.name)
						}
						c.MatMulLiveIn(got, x, rows, w, bias, nil, dim)
						if !slices.Equal(got[:768], bias) {
							t.Fatalf("%v: without inputs the outputs are %v, want the bias", format, got[:768])
						}
					})
				}
			}
		}
	}
}

func TestProductsAllocateNothing(t *testing.T) {
	for _, p := range []Precision{F32, Int8} {
		for _, format := range []dtype.Type{dtype.F32, dtype.Q4_1, dtype.Q6_K} {
			w, _ := NewWeights(format, 80, 512, randomWeights(rand.New(rand.NewPCG(1, 1)), format, 80, 512))
			c := NewCPU(2, p)
			x, dst, live := random(3*512, 1), make([]float32, 3*80), []int32{1, 2}
			if n := testing.AllocsPerRun(20, func() {
				c.MatMul(dst, x, 3, w, nil)
				c.MatMulLiveIn(dst, x, 3, w, nil, live, 64)
				c.MatMulHeads(dst, x, 3, w, nil, live, 16)
			}); n != 0 {
				t.Errorf("%v, %v: a product allocates %g times", format, p, n)
			}
			c.Close()
		}
	}
}
