package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// others are the sets beside the portable one, each compared with it.
func others(t *testing.T) []*set {
	var out []*set
	for _, s := range available() {
		if s != &portable {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		t.Log("this machine has only the portable set")
	}
	return out
}

func floats(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func bytesOf(r *rand.Rand, n int) []byte {
	x := make([]byte, n)
	for i := range x {
		x[i] = byte(r.Uint32())
	}
	return x
}

func near(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > tolerance {
			t.Fatalf("%s: [%d] is %g, portable %g", what, i, got[i], want[i])
		}
	}
}

func TestTile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range others(t) {
		for m := 1; m <= 19; m++ {
			for _, k := range []int{1, 2, 16, 64, 513} {
				lda, ldb, ldc := k+r.IntN(3), Lanes*(1+r.IntN(4)), Lanes+r.IntN(40)
				a, b, c := floats(r, m*lda), floats(r, k*ldb), floats(r, m*ldc)
				for _, add := range []bool{false, true} {
					got, want := slices.Clone(c), slices.Clone(c)
					s.tile(got, ldc, a, lda, m, b, ldb, k, add)
					portable.tile(want, ldc, a, lda, m, b, ldb, k, add)
					near(t, fmt.Sprintf("%s: %d rows, %d deep", s.name, m, k), got, want, 1e-5*math.Sqrt(float64(k))*4)
					// Alone and among others a row has the same numbers.
					alone := slices.Clone(c[(m-1)*ldc:])
					s.tile(alone, ldc, a[(m-1)*lda:], lda, 1, b, ldb, k, add)
					if !slices.Equal(alone[:Lanes], got[(m-1)*ldc:(m-1)*ldc+Lanes]) {
						t.Fatalf("%s: row %d depends on the rows before it", s.name, m-1)
					}
				}
			}
		}
		for _, d := range []int{8, 16, 24, 64, 128} {
			src := floats(r, Lanes*d)
			got, want := make([]float32, Lanes*d), make([]float32, Lanes*d)
			s.transpose(got, src, d)
			portable.transpose(want, src, d)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: transposing %d columns differs", s.name, d)
			}
		}
	}
}

// TestExp compares with the exact function, in every set: relative error under 3·10⁻⁷, 0 far below, NaN stays.
func TestExp(t *testing.T) {
	for _, s := range available() {
		x := make([]float32, 4096)
		for i := range x {
			x[i] = float32(i-4095) * 86.9 / 4095
		}
		in := slices.Clone(x)
		sum := s.exp(x, x, 0, nil)
		total := 0.0
		for i, v := range in {
			want := math.Exp(float64(v))
			total += want
			if math.Abs(float64(x[i])-want) > 3e-7*want {
				t.Fatalf("%s: exp(%g) is %g, want %g", s.name, v, x[i], want)
			}
		}
		if math.Abs(float64(sum)-total) > 1e-5*total {
			t.Errorf("%s: sum %g, want %g", s.name, sum, total)
		}
		odd := slices.Repeat([]float32{float32(math.Inf(-1)), -200, 5, float32(math.NaN())}, 4)
		s.exp(odd, odd, 5, nil)
		if odd[0] != 0 || odd[1] != 0 || odd[2] != 1 || odd[3] == odd[3] {
			t.Errorf("%s: exp of −∞, far below, top, NaN: %v", s.name, odd[:4])
		}
		// What it asks for meanwhile changes nothing.
		ahead := slices.Clone(in)
		if again := s.exp(ahead, ahead, 0, make([]byte, expAhead*len(in))); again != sum || !slices.Equal(ahead, x) {
			t.Errorf("%s: sum %g with something to ask for, %g without", s.name, again, sum)
		}
		// Each of four with a top of its own is as it is alone.
		tops := [Fours]float32{0, -3, 2, 86}
		together, alone := slices.Clone(in), make([]float32, len(in))
		largest := s.expFours(together, together, &tops)
		most := float32(math.Inf(-1))
		for h, top := range tops {
			s.exp(alone, in, top, nil)
			for i := h; i < len(in); i += Fours {
				if most = max(most, in[i]-top); together[i] != alone[i] {
					t.Fatalf("%s: exp(%g − %g) among others is %g, alone %g", s.name, in[i], top, together[i], alone[i])
				}
			}
		}
		if largest != most {
			t.Errorf("%s: largest exponent %g, want %g", s.name, largest, most)
		}
		// What follows far below changes nothing.
		short, long := floats(rand.New(rand.NewPCG(2, 2)), 48), make([]float32, 96)
		for i := copy(long, short); i < len(long); i++ {
			long[i] = float32(math.Inf(-1))
		}
		if a, b := s.exp(short, short, 3, nil), s.exp(long, long, 3, nil); a != b {
			t.Errorf("%s: the sum depends on padding: %g, %g", s.name, a, b)
		}
	}
}

func TestRows(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, s := range others(t) {
		for n := Lanes; n <= 7*Lanes; n += Lanes {
			x, y := floats(r, n), floats(r, n)
			scales := make([]uint16, n)
			for i := range scales {
				scales[i] = uint16(math.Float32bits(r.Float32()) >> 16)
			}
			same := func(what string, f func(*set, []float32)) {
				got, want := slices.Clone(x), slices.Clone(x)
				f(s, got)
				f(&portable, want)
				if !slices.Equal(got, want) {
					t.Fatalf("%s: %s of %d differs", s.name, what, n)
				}
			}
			same("scale", func(s *set, x []float32) { s.scale(x, 1.7) })
			same("add", func(s *set, x []float32) { s.add(x, y) })
			same("affine", func(s *set, x []float32) { s.affine(x, 0.3, 1.7) })
			same("rescale", func(s *set, x []float32) { s.rescale(x, 0.3, scales, 1.7) })
			near(t, "mix", mixed(s, x, y), mixed(&portable, x, y), 1e-5)
			index := []int32{}
			for i := range n {
				index = append(index, int32(i*i%n))
			}
			same("gather", func(s *set, x []float32) { s.gather(x, y, index) })
			same("widest", func(s *set, x []float32) { s.widest(x, y) })
			same("max", func(s *set, x []float32) { x[0] = s.max(x) })
			same("absmax", func(s *set, x []float32) { x[0] = s.absmax(x) })
			same("cut", func(s *set, x []float32) { s.cut(x, 0.2, make([]float32, n)) })
			near(t, "sum", []float32{s.sum(x)}, []float32{portable.sum(x)}, 1e-5)
			near(t, "cut", []float32{s.cut(slices.Clone(x), 0.2, y)}, []float32{portable.cut(slices.Clone(x), 0.2, slices.Clone(y))}, 1e-5)

			x[1], x[2] = float32(math.NaN()), float32(math.Inf(1))
			if got, want := s.count(x, 0.2), portable.count(x, 0.2); got != want {
				t.Fatalf("%s: %d of %d above, portable %d", s.name, got, n, want)
			}
			got, want := make([]int32, n+Lanes), make([]int32, n+Lanes)
			g, w := s.above(got, x, 0.2, nil), portable.above(want, x, 0.2, nil)
			if !slices.Equal(got[:g], want[:w]) {
				t.Fatalf("%s: above %v, portable %v", s.name, got[:g], want[:w])
			}
			low, high := make([]float32, n+Lanes), make([]float32, n+Lanes)
			in, above := s.between(low, x, -0.3, 0.9, nil)
			if wantIn, wantAbove := portable.between(high, x, -0.3, 0.9, nil); in != wantIn || above != wantAbove || !slices.Equal(low[:in], high[:in]) {
				t.Fatalf("%s: between %v and %d above, portable %v and %d", s.name, low[:in], above, high[:wantIn], wantAbove)
			}
			a, b := make([]float32, n), make([]float32, n)
			half := make([]uint16, n)
			for i := range half {
				half[i] = uint16(r.Uint32()) & 0xfbff // every number but infinities and NaN
			}
			s.widen(a, half)
			portable.widen(b, half)
			if !slices.Equal(a, b) {
				t.Fatalf("%s: fp16 differs", s.name)
			}
			back, to := make([]uint16, n), make([]uint16, n)
			x[1] = 1e-6
			s.narrow(back, x)
			portable.narrow(to, x)
			if !slices.Equal(back, to) {
				t.Fatalf("%s: rounding to fp16 differs", s.name)
			}
			for _, bits := range []int{1, 4, 8, 16} {
				x[0], x[2] = float32(math.NaN()), float32(math.Inf(-1))
				middle := float32(uint32(1) << (bits - 1))
				s.encode(back, x, y, middle)
				portable.encode(to, x, y, middle)
				if !slices.Equal(back, to) {
					t.Fatalf("%s: codes of %d bits differ: %v, portable %v", s.name, bits, back, to)
				}
				if bits > 8 {
					continue
				}
				small := make([]byte, n)
				s.bytes(small, x, y, middle)
				s.floats(a, small)
				for i, u := range to {
					if uint16(small[i]) != u || a[i] != float32(u) {
						t.Fatalf("%s: code %d of %d bits is %d, as a number %g; portable %d", s.name, i, bits, small[i], a[i], u)
					}
				}
			}
		}
	}
}

// mixed is the sum of two rows, each with a factor.
func mixed(s *set, x, y []float32) []float32 {
	out, both := make([]float32, len(x)), append(slices.Clone(x), y...)
	s.mix(out, both, len(x), []float32{0.3, 1.7}, nil)
	return out
}

func TestCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, s := range others(t) {
		for _, d := range []int{16, 32, 64, 80, 128, 192} {
			for rows := 1; rows <= 13; rows++ {
				q := floats(r, d)
				got, want := make([]int8, d), make([]int8, d)
				if a, b := s.quantize(got, q, 20), portable.quantize(want, q, 20); a != b || !slices.Equal(got, want) {
					t.Fatalf("%s: quantized differently", s.name)
				}
				for i := range got {
					got[i] = min(max(got[i], -127), 127)
				}
				codes := bytesOf(r, rows*d)
				x, y := make([]float32, rows), make([]float32, rows)
				s.dots(x, got, codes)
				portable.dots(y, got, codes)
				if !slices.Equal(x, y) {
					t.Fatalf("%s: integer products of %d rows of %d: %v, portable %v", s.name, rows, d, x, y)
				}
				for m := 1; m <= 5; m++ {
					w := floats(r, m*rows)
					o := floats(r, m*(d+16))
					p := slices.Clone(o)
					s.weigh(o, d+16, w, rows, m, codes, d, rows)
					portable.weigh(p, d+16, w, rows, m, codes, d, rows)
					near(t, s.name+": weighted codes", o, p, 5e-3)
					alone := make([]float32, d)
					s.weigh(alone, d, w[(m-1)*rows:], rows, 1, codes, d, rows)
					all := make([]float32, m*d)
					s.weigh(all, d, w, rows, m, codes, d, rows)
					if !slices.Equal(alone, all[(m-1)*d:]) {
						t.Fatalf("%s: head %d depends on the heads before it", s.name, m-1)
					}
				}
				const blocks = 3
				scales := make([]uint16, blocks*d)
				for i := range scales {
					scales[i] = uint16(math.Float32bits(r.Float32()) >> 16)
				}
				clear(scales[d : 2*d])
				for m := 1; m <= 5; m++ {
					few, ld := floats(r, m*d), m+1
					a, b := make([]int8, blocks*m*d), make([]int8, blocks*m*d)
					la, lb, sa, sb := floats(r, blocks*ld), make([]float32, blocks*ld), floats(r, blocks*ld), make([]float32, blocks*ld)
					copy(lb, la)
					copy(sb, sa)
					s.fold(a, m*d, make([]float32, d), few, m, scales, la, sa, ld, nil)
					portable.fold(b, m*d, make([]float32, d), few, m, scales, lb, sb, ld, nil)
					if !slices.Equal(la, lb) || !slices.Equal(sa, sb) || !slices.Equal(a, b) {
						t.Fatalf("%s: folded %g %g, portable %g %g", s.name, la, sa, lb, sb)
					}
				}
			}
			for bits := 1; bits <= 8; bits++ {
				for m := 1; m <= 5; m++ {
					const n = 3
					packed, queries := bytesOf(r, n*PanelBytes(d, bits)), make([]int8, m*d)
					for i := range queries {
						queries[i] = int8(r.IntN(255) - 127)
					}
					for i := range d { // the largest sums of all
						queries[i], packed[i] = 127, 255
					}
					offsets, factors := floats(r, m), floats(r, m)
					x, y := make([]float32, m*64), make([]float32, m*64)
					s.panels(x, 64, queries, m, packed, n, d, bits, offsets, factors, Sets{Every: n})
					portable.panels(y, 64, queries, m, packed, n, d, bits, offsets, factors, Sets{Every: n})
					if !slices.Equal(x, y) {
						t.Fatalf("%s: %d queries of %d with panels of %d bits: %v, portable %v", s.name, m, d, bits, x, y)
					}
					if m == 1 {
						continue
					}
					sets := Sets{Every: 2, Stride: d, Factors: 1} // the second set begins with the first one's second query
					s.panels(x, 64, queries, m-1, packed, n, d, bits, offsets, factors, sets)
					portable.panels(y, 64, queries, m-1, packed, n, d, bits, offsets, factors, sets)
					for h := range m - 1 { // and says what each set says alone
						second := make([]float32, Lanes)
						Panels(second, Lanes, queries[(h+1)*d:(h+2)*d], 1, packed[2*PanelBytes(d, bits):], 1, d, bits, offsets[h+1:], factors[h+1:])
						if !slices.Equal(second, y[h*64+2*Lanes:h*64+3*Lanes]) {
							t.Fatalf("a set of queries of %d with panels of %d bits: %v, alone %v", d, bits, y, second)
						}
					}
					if !slices.Equal(x, y) {
						t.Fatalf("%s: sets of %d queries of %d with panels of %d bits: %v, portable %v", s.name, m-1, d, bits, x, y)
					}
				}
			}
			for bits := 1; bits <= 8; bits++ {
				const m, sets = Fours, 4
				packed, queries, mem := bytesOf(r, 40*d*bits/8), make([]int8, sets*m*d), []byte(nil)
				for i := range queries {
					queries[i] = int8(r.IntN(255) - 127)
				}
				var list, of []int32
				for i := range int32(40) {
					if r.IntN(2) == 0 {
						list, of = append(list, i), append(of, i/10)
					}
				}
				x, y := make([]float32, m*48), make([]float32, m*48)
				s.listed(x, 48, queries, m, m*d, packed, list, of, d, bits, &mem)
				portable.listed(y, 48, queries, m, m*d, packed, list, of, d, bits, &mem)
				if !slices.Equal(x, y) {
					t.Fatalf("%s: listed rows of %d codes of %d bits: %v, portable %v", s.name, d, bits, x, y)
				}
				offsets, factors, before := floats(r, sets*Fours), floats(r, sets*Fours), floats(r, m*40)
				for heads := 1; heads <= m; heads++ {
					refined := func(s *set) (scores, out []float32) {
						scores, out = slices.Clone(before), make([]float32, Fours*len(list))
						defer func() { s.spread(scores, 40, out, heads, list) }()
						s.refine(scores, 40, out, queries, heads, m*d, packed, list, of, offsets, factors, Fours, -1.5, d, bits, new(RefineMemory))
						for i := range out {
							if i%Fours >= heads {
								out[i] = 0
							}
						}
						return scores, out
					}
					x, x2 := refined(s)
					y, y2 := refined(&portable)
					if !slices.Equal(x, y) || !slices.Equal(x2, y2) {
						t.Fatalf("%s: scores of %d heads refined by rows of %d codes of %d bits: %v, portable %v", s.name, heads, d, bits, x, y)
					}
				}
			}
			for bits := 1; bits <= 8; bits++ {
				for m := 1; m <= 5; m++ {
					packed, w, scales, mem := bytesOf(r, 100*d*bits/8), floats(r, m*100), make([]uint16, 100), new(ChosenMemory)
					var list []int32
					for i := range scales {
						scales[i] = uint16(math.Float32bits(r.Float32()) >> 16)
						if r.IntN(3) > 0 || i == 99 {
							list = append(list, int32(i))
						}
					}
					sum := func(s *set, rows []int32, n int) (out, sums []float32) {
						out, sums = make([]float32, m*(d+16)), make([]float32, 2*m)
						s.chosen(out, d+16, sums, w, 100, m, packed, scales, rows, n, d, bits, mem)
						return out, sums
					}
					for _, n := range []int{1, 2, len(list) - 1, len(list)} {
						got, gotSums := sum(s, list, n)
						want, wantSums := sum(&portable, list[:n], n)
						near(t, s.name+": chosen rows", got, want, 2e-5*float64(int(1)<<bits))
						near(t, s.name+": chosen weights", gotSums, wantSums, 2e-5)
					}
				}
			}
			zero := make([]float32, d)
			largest, sum := []float32{1}, []float32{1}
			if s.fold(make([]int8, d), d, make([]float32, d), zero, 1, make([]uint16, d), largest, sum, 1, nil); largest[0] != 0 || sum[0] != 0 {
				t.Fatalf("%s: zeros fold to %g and %g", s.name, largest, sum)
			}
			for bits := 1; bits <= 8; bits++ {
				src := bytesOf(r, 9*d*bits/8)
				for _, list := range [][]int32{nil, {0}, {1, 2, 8}, {0, 3, 4, 5, 7}} {
					n := 9
					if list != nil {
						n = len(list)
					}
					got, want := make([]byte, n*d), make([]byte, n*d)
					s.unpack(got, src, list, n, d, bits)
					portable.unpack(want, src, list, n, d, bits)
					if !slices.Equal(got, want) {
						t.Fatalf("%s: unpacking %d codes of %d bits differs", s.name, d, bits)
					}
				}
			}
		}
	}
}

func BenchmarkKernels(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 5))
	const n, d = 512, 64
	x, a, c := floats(r, n), floats(r, 16*n), make([]float32, 16*n)
	rows, panel, codes := floats(r, n*d), floats(r, Lanes*d), bytesOf(r, n*d)
	q, list := make([]int8, d), make([]int32, n+Lanes)
	q3, q24, scales := make([]int8, 3*d), make([]int8, 24*d), make([]uint16, 8*d)
	for i := range q {
		q[i] = int8(i*5%255 - 127)
	}
	for _, s := range available() {
		for name, f := range map[string]func(){
			"scores16x16x64":  func() { s.tile(c, Lanes, a, d, 16, panel, Lanes, d, false) },
			"values16x16x512": func() { s.tile(c, Lanes, a, n, 16, rows, d, n, false) },
			"transpose":       func() { s.transpose(c, rows, d) },
			"exp512":          func() { s.exp(c[:n], x, 3, nil) },
			"count512":        func() { s.count(x, 0.5) },
			"above512":        func() { s.above(list, x, 0.8, nil) },
			"dots512":         func() { s.dots(c[:n], q, codes) },
			"weigh3x512":      func() { s.weigh(c[:3*d], d, a, n, 3, codes, d, n) },
			"weigh512":        func() { s.weigh(c[:d], d, a, n, 1, codes, d, n) },
			"panels3x8x512":   func() { s.panels(c, n, q3, 3, codes, n/Lanes, d, 8, a, a, Sets{Every: n}) },
			"panels3x2x512":   func() { s.panels(c, n, q3, 3, codes, n/Lanes, d, 2, a, a, Sets{Every: n}) },
			"panels3x3x512":   func() { s.panels(c, n, q3, 3, codes, n/Lanes, d, 3, a, a, Sets{Every: n}) },
			"panels3x4x512":   func() { s.panels(c, n, q3, 3, codes, n/Lanes, d, 4, a, a, Sets{Every: n}) },
			"fold3x8":         func() { s.fold(q24, 3*d, c[:d], a[:3*d], 3, scales, c[d:d+24], c[2*d:2*d+24], 3, nil) },
			"unpack6x128":     func() { s.unpack(codes[:128*d], codes[128*d:], nil, 128, d, 6) },
		} {
			b.Run(s.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					f()
				}
			})
		}
	}
}

func TestPanelTileIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	for _, s := range others(t) {
		if s.panelTile == nil {
			continue
		}
		for m := 1; m <= 19; m++ {
			for _, d := range []int{16, 32, 64, 128} {
				n := 1 + r.IntN(4)
				packed, q := make([]byte, n*PanelBytes(d, 8)), make([]int8, m*d)
				for i := range packed {
					packed[i] = byte(r.Uint32())
				}
				for i := range q {
					q[i] = int8(r.IntN(255) - 127)
				}
				ld := n*Lanes + r.IntN(20)
				got, want := make([]float32, m*ld), make([]float32, m*ld)
				s.panelTile(got, ld, q, m, packed, n, d)
				ones := slices.Repeat([]float32{1}, m)
				portable.panels(want, ld, q, m, packed, n, d, 8, make([]float32, m), ones, Sets{Every: n})
				if !slices.Equal(got, want) {
					t.Fatalf("%s: %d queries of %d numbers with %d panels differ", s.name, m, d, n)
				}
			}
		}
	}
}
