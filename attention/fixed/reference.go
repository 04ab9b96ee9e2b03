package fixed

import "math"

// Reference is the specification once more, slowly: products bit by bit, float32 arithmetic as float64 arithmetic that
// is rounded after every operation (for +, −, ×, ÷ the same, as 53 ≥ 2·24 + 2 bits), powers of two by Ldexp. It shares
// nothing with Unit but the constants of docs/fixed-point.md.
type Reference struct{}

// multiply is a product of 12-bit codes by shifts and additions.
func multiply(a, b int16) int64 {
	sign := int64(1)
	x, y := int64(a), int64(b)
	if x < 0 {
		x, sign = -x, -sign
	}
	if y < 0 {
		y, sign = -y, -sign
	}
	var p int64
	for bit := range 16 {
		if y>>bit&1 == 1 {
			p += x << bit
		}
	}
	return sign * p
}

// round is a float32 operation's result, held in a float64.
func round(x float64) float64 { return float64(float32(x)) }

func (Reference) exp(x float64) float64 {
	if math.IsNaN(x) || x < -87 {
		x = -87
	}
	x = min(x, 79)
	i := math.Floor(round(round(x*round(1.4426950408889634)) + 0.5))
	r := round(x - round(i*0.693359375))
	r = round(r - round(i*round(-2.12194440e-4)))
	p := round(1.0 / 120)
	for _, c := range []float64{1.0 / 24, 1.0 / 6, 0.5, 1, 1} {
		p = round(round(p*r) + round(c))
	}
	return math.Ldexp(p, int(i))
}

// Probabilities is Unit.Probabilities.
func (r Reference) Probabilities(q, k []int16, factors []float32) (probs []float32, codes []uint16) {
	n, dim := len(k)/len(q), len(q)
	exps := make([]float64, n)
	for j := range exps {
		var score int64
		for d := range dim {
			score += multiply(q[d], k[j*dim+d])
		}
		exps[j] = r.exp(round(round(float64(score)) * float64(factors[j%len(factors)])))
	}
	tree := make([]float64, 8)
	for j, e := range exps {
		tree[j%8] = round(tree[j%8] + e)
	}
	for len(tree) > 1 {
		var up []float64
		for l := 0; l < len(tree); l += 2 {
			up = append(up, round(tree[l]+tree[l+1]))
		}
		tree = up
	}
	for _, e := range exps {
		p := round(e / tree[0])
		probs = append(probs, float32(p))
		codes = append(codes, r.code(p))
	}
	return probs, codes
}

func (Reference) code(p float64) uint16 {
	if math.IsNaN(p) || p < 0 {
		return 0
	}
	x := p * 4096
	low := math.Floor(x)
	switch half := x - low; {
	case half > 0.5, half == 0.5 && math.Mod(low, 2) == 1:
		low++
	}
	return uint16(min(low, 4095))
}

// Output is Unit.Output.
func (r Reference) Output(probs []float32, v []int16, scales []float32, rows []int32, out []float32) {
	dim := len(out)
	if rows == nil {
		for j := range probs {
			rows = append(rows, int32(j))
		}
	}
	largest := float64(scales[0])
	for _, s := range scales {
		largest = max(largest, float64(s))
	}
	for d := range out {
		var acc int64
		for _, j := range rows {
			share := round(float64(scales[int(j)%len(scales)]) / largest)
			code := r.code(round(float64(probs[j]) * share))
			acc += multiply(int16(code), v[int(j)*dim+d])
		}
		out[d] = float32(round(float64(float32(acc)) * round(largest/4096)))
	}
}
