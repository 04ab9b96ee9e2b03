package attention

import (
	"slices"

	"spatten/attention/quant"
)

// Rest says what stands for the values that a generated token leaves out.
type Rest string

// RestNothing loses their probability, or spreads it over the others with renormalize. RestMean multiplies it with the mean
// of all values so far, one row a head that is kept on chip: where probability is spread thinly over many tokens the mean is
// what their sum comes to.
const (
	RestNothing Rest = "nothing"
	RestMean    Rest = "mean"
)

// means are the means of the values of each group; empty where nobody asks for them.
type means []mean

// mean is a running mean of rows.
type mean struct {
	sums []float64
	row  []float32
	n    int
}

// meanOf returns the mean of rows.
func meanOf(r *quant.Rows) mean {
	m := mean{sums: make([]float64, r.Dim()), row: make([]float32, r.Dim())}
	each(r, m.sum)
	m.settle()
	return m
}

func (m *mean) sum(row []float32) {
	m.n++
	for c, v := range row {
		m.sums[c] += float64(v)
	}
}

func (m *mean) settle() {
	for c, v := range m.sums {
		m.row[c] = float32(v / float64(max(1, m.n)))
	}
}

// add takes in a new row of a group.
func (m means) add(g int, row []float32) {
	if len(m) > 0 {
		m[g].sum(row)
		m[g].settle()
	}
}

func (m means) clone() means {
	c := slices.Clone(m)
	for i := range c {
		c[i].sums, c[i].row = slices.Clone(c[i].sums), slices.Clone(c[i].row)
	}
	return c
}

// addRest adds to a head's output what stands for the values that it left out.
func (l *layer) addRest(out []float32, g int, probability float32) {
	if len(l.means) == 0 {
		return
	}
	row := l.means[g].row
	for c := range out {
		out[c] += probability * row[c]
	}
}
