package sweep

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
)

// Front says which rows are worth having: those that no other beats, in everything that should be small or large, among
// the rows that agree in By.
type Front struct {
	By       []string `yaml:"by" json:"by,omitempty"`
	Minimize []string `yaml:"minimize" json:"minimize,omitempty"`
	Maximize []string `yaml:"maximize" json:"maximize,omitempty"`
}

// goals are the columns, those to be small first.
func (f *Front) goals() []string { return slices.Concat(f.Minimize, f.Maximize) }

// check reports columns that a kind does not have.
func (f *Front) check(k *kind) error {
	for _, name := range f.By {
		if !slices.Contains(k.axes, name) {
			return fmt.Errorf("front: by %q: write axes: %s", name, strings.Join(k.axes, ", "))
		}
	}
	var measured []string
	for i := range k.values.NumField() {
		if kind := k.values.Field(i).Type.Kind(); kind == reflect.Int64 || kind == reflect.Float64 {
			measured = append(measured, column(k.values.Field(i)))
		}
	}
	for _, name := range f.goals() {
		if !slices.Contains(measured, name) {
			return fmt.Errorf("front: %q is not measured; write some of %s", name, strings.Join(measured, ", "))
		}
	}
	if len(f.goals()) < 2 {
		return fmt.Errorf("front: name at least two columns in minimize and maximize, of %s", strings.Join(measured, ", "))
	}
	return nil
}

// number is a row's value in a column.
func (t *Table) number(row int, name string) float64 {
	v := t.rows[row].Field(slices.Index(t.columns(), name))
	if v.Kind() == reflect.Int64 {
		return float64(v.Int())
	}
	return v.Float()
}

// group is what a row must agree in with those that it is compared with.
func (t *Table) group(row int) string {
	var parts []string
	for _, name := range t.plan.Front.By {
		parts = append(parts, t.plan.Points[row].Axes[slices.Index(kinds[t.plan.Kind].axes, name)])
	}
	return strings.Join(parts, ", ")
}

// Front returns the indices of the rows that no other beats, in the table's order. Rows with errors are not on it; of rows
// that are equal in everything that counts all are.
func (t *Table) Front() []int {
	goals := t.plan.Front.goals()
	groups := map[string][]int{}
	costs := make([][]float64, len(t.rows))
	for i := range t.rows {
		if t.rows[i].Field(t.row.NumField()-1).String() != "" {
			continue
		}
		for g, name := range goals {
			v := t.number(i, name)
			if g >= len(t.plan.Front.Minimize) {
				v = -v
			}
			costs[i] = append(costs[i], v)
		}
		groups[t.group(i)] = append(groups[t.group(i)], i)
	}
	var front []int
	for _, rows := range groups {
		for _, i := range rows {
			if !slices.ContainsFunc(rows, func(j int) bool { return beats(costs[j], costs[i]) }) {
				front = append(front, i)
			}
		}
	}
	slices.Sort(front)
	return front
}

// beats reports whether a costs nowhere more than b, and somewhere less.
func beats(a, b []float64) bool {
	less := false
	for i := range a {
		if a[i] > b[i] {
			return false
		}
		less = less || a[i] < b[i]
	}
	return less
}

// WriteFront prints the rows of the front, a group after the other.
func (t *Table) WriteFront(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	k, goals := kinds[t.plan.Kind], t.plan.Front.goals()
	fmt.Fprintln(w, strings.Join(append(slices.Clone(k.axes), goals...), "\t"))
	for _, i := range t.Front() {
		for _, axis := range t.plan.Points[i].Axes {
			fmt.Fprintf(w, "%s\t", axis)
		}
		for _, g := range goals {
			fmt.Fprintf(w, "%.4g\t", t.number(i, g))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
