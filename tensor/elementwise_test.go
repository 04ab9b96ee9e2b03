package tensor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// each runs f with every kernel set of this machine as the active one.
func each(t *testing.T, f func(t *testing.T)) {
	saved := active
	defer func() { active = saved }()
	for _, k := range available() {
		active = k
		t.Run(k.name, f)
	}
}

// near fails where |got − want| exceeds bound·size.
func near(t *testing.T, what string, got float32, want, size, bound float64) {
	t.Helper()
	if d := math.Abs(float64(got) - want); !(d <= bound*size+1e-44) {
		t.Fatalf("%s = %g, want %g: off by %g of %g", what, got, want, d/size, size)
	}
}

// wide returns magnitudes from 1e-6 to 100, both signs, and zero.
func wide(n int) []float32 {
	r := rand.New(rand.NewPCG(7, 7))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Exp(r.Float64()*18-14) * float64(1-2*(i%2)))
	}
	x[0] = 0
	return x
}

func TestActivationsWithinTheirBounds(t *testing.T) {
	c := math.Sqrt(2 / math.Pi)
	each(t, func(t *testing.T) {
		for _, n := range []int{1, 3, 7, 8, 9, 16, 31, 5000} {
			x := wide(n)
			y, z := slices.Clone(x), slices.Clone(x)
			GELU(y)
			GELUTanh(z)
			for i, v := range x {
				f := float64(v)
				near(t, "gelu", y[i], 0.5*f*math.Erfc(-f/math.Sqrt2), math.Abs(f), 5e-7)
				near(t, "gelu tanh", z[i], 0.5*f*(1+math.Tanh(c*(f+0.044715*f*f*f))), math.Abs(f), 2e-6)
			}
			up := random(n, 9)
			SwiGLU(y, x, up)
			for i, v := range x {
				f := float64(v)
				want := f / (1 + math.Exp(-f)) * float64(up[i])
				if f > -85 { // beyond, exp(−f) is held finite
					near(t, "swiglu", y[i], want, math.Abs(want), 1e-6)
				}
			}
			Tanh(z)
		}
		x := []float32{float32(math.NaN()), 1}
		GELU(x)
		if x[0] == x[0] {
			t.Errorf("GELU hides NaN: %g", x[0])
		}
	})
}

func TestSoftmax(t *testing.T) {
	each(t, func(t *testing.T) {
		for n := 1; n < 80; n++ {
			x := random(n, uint64(n))
			for i := range x {
				x[i] *= 20
			}
			x[n/2] = float32(math.Inf(-1))
			if n == 1 {
				x[0] = 3
			}
			y := slices.Clone(x)
			Softmax(y)
			top, sum := float64(slices.Max(x)), 0.0
			for _, v := range x {
				sum += math.Exp(float64(v) - top)
			}
			for i, v := range x {
				want := math.Exp(float64(v)-top) / sum
				if float64(v)-top < -87 { // flushed to zero
					if !(y[i] >= 0 && y[i] < 2e-38) {
						t.Fatalf("softmax of %g under %g = %g", v, top, y[i])
					}
					continue
				}
				near(t, "softmax", y[i], want, want, 5e-7+6e-8*(top-float64(v)))
			}
		}
		x := []float32{float32(math.Inf(-1)), float32(math.Inf(-1))}
		if Softmax(x); x[0] != 0 || x[1] != 0 {
			t.Errorf("softmax of nothing = %v", x)
		}
		Softmax(nil)
	})
}

func TestNorms(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, n := range []int{1, 5, 8, 64, 100, 576, 1024} {
			x, gain, bias := random(n, 1), random(n, 2), random(n, 3)
			for i := range x {
				x[i] += 3 // a mean that is not small beside the deviation
			}
			var mean, squares, deviation float64
			for _, v := range x {
				mean += float64(v) / float64(n)
				squares += float64(v) * float64(v) / float64(n)
			}
			for _, v := range x {
				deviation += (float64(v) - mean) * (float64(v) - mean) / float64(n)
			}
			y := make([]float32, n)
			RMSNorm(y, x, gain, 1e-5)
			for i, v := range x {
				want := float64(v) / math.Sqrt(squares+1e-5) * float64(gain[i])
				near(t, "rms norm", y[i], want, math.Abs(want), 1e-6)
			}
			LayerNorm(y, x, gain, bias, 1e-5)
			for i, v := range x {
				want := (float64(v)-mean)/math.Sqrt(deviation+1e-5)*float64(gain[i]) + float64(bias[i])
				near(t, "layer norm", y[i], want, 1+math.Abs(want), 5e-6)
			}
			z := slices.Clone(x)
			LayerNorm(z, z, gain, bias, 1e-5)
			if !slices.Equal(z, y) {
				t.Fatal("layer norm in place differs")
			}
		}
	})
}

func TestRowsOfKeysAndValues(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, d := range []int{1, 8, 20, 32, 64, 72, 128} {
			for _, n := range []int{0, 1, 3, 4, 5, 11} {
				q, rows, weights := random(d, 1), random(n*d, 2), random(n, 3)
				dst := make([]float32, n)
				DotRows(dst, q, rows)
				for i, v := range dst {
					row := rows[i*d : (i+1)*d]
					if v != Dot(q, row) {
						t.Fatalf("d %d: row %d of %d is %g, alone %g", d, i, n, v, Dot(q, row))
					}
					var sum, size float64
					for j := range row {
						sum += float64(q[j]) * float64(row[j])
						size += math.Abs(float64(q[j]) * float64(row[j]))
					}
					near(t, "dot", v, sum, size, 1e-6)
				}
				index := []int32{}
				for i := n - 1; i >= 0; i -= 2 {
					index = append(index, int32(i))
				}
				all, some := random(d, 4), random(d, 4)
				wantAll, wantSome, size := make([]float64, d), make([]float64, d), make([]float64, d)
				for j := range d {
					wantAll[j], wantSome[j], size[j] = float64(all[j]), float64(all[j]), math.Abs(float64(all[j]))
					for i := range n {
						wantAll[j] += float64(weights[i]) * float64(rows[i*d+j])
						size[j] += math.Abs(float64(weights[i]) * float64(rows[i*d+j]))
					}
					for i, at := range index {
						wantSome[j] += float64(weights[i]) * float64(rows[int(at)*d+j])
						size[j] += math.Abs(float64(weights[i]) * float64(rows[int(at)*d+j]))
					}
				}
				WeightedSum(all, weights, rows)
				WeightedSumOf(some, weights, rows, index)
				for j := range d {
					near(t, "weighted sum", all[j], wantAll[j], size[j], 1e-6)
					near(t, "weighted sum of some", some[j], wantSome[j], size[j], 1e-6)
				}
			}
		}
		defer func() {
			if recover() == nil {
				t.Error("an index beyond the rows is read")
			}
		}()
		WeightedSumOf(make([]float32, 8), []float32{1}, make([]float32, 8), []int32{1})
	})
}

// TestRotary holds every set to the portable one, bit for bit, and that to the definition.
func TestRotary(t *testing.T) {
	for _, interleaved := range []bool{false, true} {
		for _, dim := range []int{2, 6, 16, 40, 64, 128} {
			half := dim / 2
			x := random(dim, uint64(dim))
			for pos := range 50 {
				want := slices.Clone(x)
				cos, sin := make([]float32, half), make([]float32, half)
				for i := range half {
					s, c := math.Sincos(float64(pos) * math.Pow(10000, -2*float64(i)/float64(dim)))
					cos[i], sin[i] = float32(c), float32(s)
				}
				if interleaved {
					neighboursPortable(want, cos, sin)
				} else {
					rotatePortable(want[:half], want[half:], cos, sin)
				}
				each(t, func(t *testing.T) {
					got := slices.Clone(x)
					if interleaved {
						RotateNeighbours(got, cos, sin)
					} else {
						Rotate(got, cos, sin)
					}
					if !slices.Equal(got, want) {
						t.Fatalf("dim %d position %d: %v, want %v", dim, pos, got, want)
					}
				})
				for i := range half {
					a, b := i, i+half
					if interleaved {
						a, b = 2*i, 2*i+1
					}
					angle := float64(pos) * math.Pow(10000, -2*float64(i)/float64(dim))
					near(t, "rotary", want[a], float64(x[a])*math.Cos(angle)-float64(x[b])*math.Sin(angle), 1+math.Abs(float64(x[a]))+math.Abs(float64(x[b])), 4e-6)
				}
			}
		}
	}
}
