package fixed

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func codesOf(t *rapid.T, n int, name string) []int16 {
	return rapid.SliceOfN(rapid.Int16Range(-2047, 2047), n, n).Draw(t, name)
}

// The fast and the slow implementation agree in every bit.
func TestAgainstReference(t *testing.T) {
	var u Unit
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.SampledFrom([]int{1, 7, 16, 64, 128}).Draw(t, "dim")
		n := rapid.IntRange(1, 40).Draw(t, "n")
		q, k, v := codesOf(t, dim, "q"), codesOf(t, n*dim, "k"), codesOf(t, n*dim, "v")
		rows := n
		if rapid.Bool().Draw(t, "one scale") {
			rows = 1
		}
		factors := rapid.SliceOfN(rapid.Float32Range(1e-9, 1e-3), rows, rows).Draw(t, "factors")
		scales := rapid.SliceOfN(rapid.Float32Range(1e-6, 1), rows, rows).Draw(t, "scales")
		probs, codes := make([]float32, n), make([]uint16, n)
		largest, err := u.Probabilities(q, k, factors, probs, codes)
		if err != nil {
			t.Fatal(err)
		}
		slowProbs, slowCodes := Reference{}.Probabilities(q, k, factors)
		if !slices.Equal(probs, slowProbs) || !slices.Equal(codes, slowCodes) {
			t.Fatalf("probabilities\n%v %v\nslowly\n%v %v", probs, codes, slowProbs, slowCodes)
		}
		if want := float32(slices.Max(codes)) / 4096; largest != want {
			t.Fatalf("largest %v, want %v", largest, want)
		}
		var kept []int32
		if rapid.Bool().Draw(t, "pruned") {
			for j := range n {
				if j%3 != 1 {
					kept = append(kept, int32(j))
				}
			}
		}
		out, slow := make([]float32, dim), make([]float32, dim)
		if err := u.Output(probs, v, scales, kept, out); err != nil {
			t.Fatal(err)
		}
		Reference{}.Output(probs, v, scales, kept, slow)
		if !slices.Equal(out, slow) {
			t.Fatalf("output\n%v\nslowly\n%v", out, slow)
		}
	})
}

func TestExpAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float32().Draw(t, "x")
		if got, want := Exp(x), float32((Reference{}).exp(float64(x))); got != want {
			t.Fatalf("Exp(%v) = %v, slowly %v", x, got, want)
		}
	})
}

// The series to the fifth order leaves out r⁶/720, at r = −ln 2 / 2 hence 2.41·10⁻⁶ of 0.707, or 3.4·10⁻⁶; and rounding.
func TestExpIsCloseToE(t *testing.T) {
	for x := float32(-80); x <= 79; x += 0.0137 {
		if got, want := float64(Exp(x)), math.Exp(float64(x)); math.Abs(got/want-1) > 3.6e-6 {
			t.Fatalf("Exp(%v) = %v, e^x = %v: off by %.2g", x, got, want, got/want-1)
		}
	}
	if Exp(float32(math.NaN())) != Exp(-87) || Exp(float32(math.Inf(1))) != Exp(79) {
		t.Error("arguments outside the range are not clamped")
	}
}

// Two keys by hand: scores 0 and ln 3 give 1/4 and 3/4, codes 1024 and 3072; values 2047 and −2047 at scale 1 give
// 2047·(1024 − 3072)/4096 = −1023.5.
func TestByHand(t *testing.T) {
	var u Unit
	probs, codes := make([]float32, 2), make([]uint16, 2)
	largest, err := u.Probabilities([]int16{1}, []int16{0, 1000}, []float32{float32(math.Log(3)) / 1000}, probs, codes)
	if err != nil {
		t.Fatal(err)
	}
	if codes[0] != 1024 || codes[1] != 3072 || largest != 0.75 {
		t.Errorf("codes %v, largest %v", codes, largest)
	}
	out := make([]float32, 1)
	if err := u.Output(probs, []int16{2047, -2047}, []float32{1}, nil, out); err != nil {
		t.Fatal(err)
	}
	if out[0] != -1023.5 {
		t.Errorf("output %v, by hand −1023.5", out[0])
	}
}

// The largest sum that the adder tree can see.
func TestNoOverflow(t *testing.T) {
	q := slices.Repeat([]int16{2047}, MaxDim)
	if got := Dot(q, q); got != 2047*2047*MaxDim {
		t.Errorf("dot %d, want %d", got, 2047*2047*MaxDim)
	}
	var u Unit
	probs, codes := make([]float32, 1), make([]uint16, 1)
	if _, err := u.Probabilities(slices.Repeat(q, 2), slices.Repeat(q, 2), []float32{1}, probs, codes); err == nil {
		t.Error("D = 1,024 is taken although its sums do not fit")
	}
}

func TestErrors(t *testing.T) {
	var u Unit
	out := make([]float32, 2)
	for name, err := range map[string]error{
		"codes":  u.Output([]float32{1}, []int16{1}, []float32{1}, nil, out),
		"scales": u.Output([]float32{1, 0, 0}, make([]int16, 6), []float32{1, 1}, nil, out),
		"row":    u.Output([]float32{1}, []int16{1, 2}, []float32{1}, []int32{1}, out),
		"none":   u.Output(nil, nil, []float32{1}, nil, out),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkQuery(b *testing.B) {
	const n, dim = 1024, 64
	q, k := make([]int16, dim), make([]int16, n*dim)
	for i := range k {
		k[i] = int16(i*7919%4095 - 2047)
	}
	copy(q, k[100:])
	var u Unit
	probs, codes, out := make([]float32, n), make([]uint16, n), make([]float32, dim)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := u.Probabilities(q, k, []float32{1e-7}, probs, codes); err != nil {
			b.Fatal(err)
		}
		if err := u.Output(probs, k, []float32{1}, nil, out); err != nil {
			b.Fatal(err)
		}
	}
}
