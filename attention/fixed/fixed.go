// Package fixed is the arithmetic of the accelerator's datapath, bit by bit: it reads one query's codes with the codes of
// K and V, and writes the probabilities and the output that the hardware would give. attention runs on it with
// `--numerics hardware`; it knows neither clocks nor schedules. The specification is docs/fixed-point.md; Reference is a
// second, slow implementation of it.
//
// Every float32 product is converted explicitly before it is added, so that no compiler fuses the two, and all
// architectures agree.
package fixed

import (
	"fmt"
	"math"
)

const (
	// CodeBits is the width of the codes of Q, K and V on chip.
	CodeBits = 12
	// One is the probability code that stands for 1; the largest code is One − 1.
	One = 1 << CodeBits
	// Lanes is how many exponentials are accumulated side by side: the softmax's parallelism.
	Lanes = 8
	// MaxDim is the largest D whose scores fit the 32-bit sum of the adder tree.
	MaxDim = 512

	minArgument = -87 // below, the exponential of the smallest normal float32
	maxArgument = 79  // 2^16 exponentials of it still have a finite sum
)

// Constants of the exponential, each the float32 nearest to its decimal value.
const (
	log2E   float32 = 1.4426950408889634
	ln2High float32 = 0.693359375 // 10 bits, so that i·ln2High is exact
	ln2Low  float32 = -2.12194440e-4
	taylor2 float32 = 0.5
	taylor3 float32 = 1.0 / 6
	taylor4 float32 = 1.0 / 24
	taylor5 float32 = 1.0 / 120
)

// Factor is what a score's integer is multiplied with: both scales and 1/√D in one float32.
func Factor(queryScale, keyScale float32, dim int) float32 {
	root := float32(1 / math.Sqrt(float64(dim)))
	return float32(float32(queryScale*keyScale) * root)
}

// Exp is e^x by range reduction x = i·ln 2 + r, |r| ≤ ln 2 / 2, and the Taylor series of e^r to the fifth order.
// Arguments are clamped to −87 … 79; NaN counts as the smallest.
func Exp(x float32) float32 {
	if !(x >= minArgument) {
		x = minArgument
	} else if x > maxArgument {
		x = maxArgument
	}
	i := int32(math.Floor(float64(float32(x*log2E) + 0.5)))
	r := x - float32(float32(i)*ln2High)
	r -= float32(float32(i) * ln2Low)
	p := float32(taylor5*r) + taylor4
	p = float32(p*r) + taylor3
	p = float32(p*r) + taylor2
	p = float32(p*r) + 1
	p = float32(p*r) + 1
	return float32(p * math.Float32frombits(uint32(i+127)<<23))
}

// Dot is the integer of one score: the sum of D products of 12-bit codes, exact in 32 bits.
func Dot(q, k []int16) int32 {
	var a, b int32
	k = k[:len(q)]
	d := 0
	for ; d+4 <= len(q); d += 4 {
		a += int32(q[d])*int32(k[d]) + int32(q[d+1])*int32(k[d+1])
		b += int32(q[d+2])*int32(k[d+2]) + int32(q[d+3])*int32(k[d+3])
	}
	for ; d < len(q); d++ {
		a += int32(q[d]) * int32(k[d])
	}
	return a + b
}

// Unit is the datapath of one head. It keeps its buffers between calls; it is not safe for concurrent use.
type Unit struct {
	acc []int64
}

// Probabilities computes the probabilities of one query over n keys. q are the D codes of the query; k the n × D codes
// of the keys; factors one Factor a key, or one for all. It fills probs (n) with e^s / Σ e^s and codes (n) with them
// rounded to 12 bits, and gives the largest code as a probability: what progressive quantization compares with its
// threshold.
func (u *Unit) Probabilities(q, k []int16, factors []float32, probs []float32, codes []uint16) (largest float32, err error) {
	n, dim := len(probs), len(q)
	if err := check(n, dim, len(k), len(factors)); err != nil {
		return 0, err
	}
	if len(codes) != n {
		return 0, fmt.Errorf("fixed: %d codes for %d probabilities", len(codes), n)
	}
	var lanes [Lanes]float32
	factor := factors[0]
	for j := range n {
		if len(factors) > 1 {
			factor = factors[j]
		}
		e := Exp(float32(float32(Dot(q, k[j*dim:(j+1)*dim])) * factor))
		probs[j] = e
		lanes[j%Lanes] += e
	}
	sum := ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
	top := uint16(0)
	for j, e := range probs {
		p := e / sum
		probs[j] = p
		codes[j] = Code(p)
		top = max(top, codes[j])
	}
	return float32(top) / One, nil
}

// Code rounds a probability to 12 bits, halves to even; 1 saturates at 4095/4096, NaN counts as 0.
func Code(p float32) uint16 {
	if !(p > 0) {
		return 0
	}
	return uint16(min(math.RoundToEven(float64(p)*One), One-1))
}

// Output multiplies probabilities with values: out (D) = Σ p·v over the rows that are kept. v holds the codes of all n
// rows, scales one scale a row or one for all, rows the kept ones in ascending order (nil keeps all). Where rows have
// scales of their own, a probability is multiplied with its row's share of the largest scale before it is rounded, so
// that the sum stays one of integers.
func (u *Unit) Output(probs []float32, v []int16, scales []float32, rows []int32, out []float32) error {
	n, dim := len(probs), len(out)
	if err := check(n, dim, len(v), len(scales)); err != nil {
		return err
	}
	largest := scales[0]
	for _, s := range scales {
		largest = max(largest, s)
	}
	if cap(u.acc) < dim {
		u.acc = make([]int64, dim)
	}
	acc := u.acc[:dim]
	clear(acc)
	add := func(j int) {
		p := probs[j]
		if len(scales) > 1 && scales[j] != largest {
			p = float32(p * (scales[j] / largest))
		}
		code := int64(Code(p))
		if code == 0 {
			return
		}
		for d, x := range v[j*dim : (j+1)*dim] {
			acc[d] += code * int64(x)
		}
	}
	if rows == nil {
		for j := range n {
			add(j)
		}
	}
	for _, j := range rows {
		if int(j) < 0 || int(j) >= n {
			return fmt.Errorf("fixed: row %d of %d values", j, n)
		}
		add(int(j))
	}
	scale := float32(largest / One)
	for d, a := range acc {
		out[d] = float32(float32(a) * scale)
	}
	return nil
}

func check(n, dim, codes, scales int) error {
	switch {
	case n == 0 || dim == 0 || dim > MaxDim:
		return fmt.Errorf("fixed: %d rows of %d numbers; there must be at least one, and D at most %d", n, dim, MaxDim)
	case codes != n*dim:
		return fmt.Errorf("fixed: %d codes for %d rows of %d", codes, n, dim)
	case scales != 1 && scales != n:
		return fmt.Errorf("fixed: %d scales for %d rows; give one, or one a row", scales, n)
	}
	return nil
}
