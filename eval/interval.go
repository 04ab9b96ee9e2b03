package eval

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is a confidence interval of 95 %.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// meanInterval returns the interval of the mean of at least two numbers by Student's t, and how probable a mean at least so far
// from 0 is if there is nothing but chance (two-sided).
func meanInterval(x []float64) (Interval, float64) {
	mean, deviation := stat.MeanStdDev(x, nil)
	n := float64(len(x))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}
	e := deviation / math.Sqrt(n)
	half := t.Quantile(0.975) * e
	p := 1.0
	switch {
	case e > 0:
		p = 2 * t.CDF(-math.Abs(mean)/e)
	case mean != 0:
		p = 0
	}
	return Interval{mean - half, mean + half}, p
}

// wilson returns the interval of a probability of which k of n trials came true (Wilson, JASA 22, 1927).
func wilson(k, n int) Interval {
	if n == 0 {
		return Interval{0, 1}
	}
	const z = 1.959963984540054
	p, m := float64(k)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Interval{max(0, middle-half), min(1, middle+half)}
}

// mcnemar returns how probable it is that of the examples that only one of two ways answers right, at least so uneven a part
// falls to one of them, if both are equally good (McNemar's test, exact and two-sided).
func mcnemar(onlyA, onlyB int) float64 {
	n := onlyA + onlyB
	if n == 0 {
		return 1
	}
	b := distuv.Binomial{N: float64(n), P: 0.5}
	return min(1, 2*b.CDF(float64(min(onlyA, onlyB))))
}
