package sweep

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// Table is the result of a sweep: a row a point, in the order of the grid. Its columns are the axes, what was measured, the
// job's identity, and an error where nothing could be measured.
type Table struct {
	plan *Plan
	row  reflect.Type // struct of a row
	rows []reflect.Value
}

// Table makes the table from the results of all jobs, by index.
func (p *Plan) Table(results []*Result) (*Table, error) {
	k := kinds[p.Kind]
	t := &Table{plan: p, row: k.rowType()}
	for _, pt := range p.Points {
		r := results[pt.Job]
		if r == nil {
			return nil, fmt.Errorf("sweep: job %.12s has no result yet", p.Jobs[pt.Job].ID())
		}
		row, values := reflect.New(t.row).Elem(), reflect.New(k.values)
		if r.Error == "" {
			d := json.NewDecoder(bytes.NewReader(r.Values))
			d.DisallowUnknownFields()
			if err := d.Decode(values.Interface()); err != nil {
				return nil, fmt.Errorf("sweep: result of job %.12s: %w", r.Job, err)
			}
		}
		n := 0
		set := func(v reflect.Value) { row.Field(n).Set(v); n++ }
		for _, axis := range pt.Axes {
			set(reflect.ValueOf(axis))
		}
		for i := range k.values.NumField() {
			set(values.Elem().Field(i))
		}
		set(reflect.ValueOf(r.Job))
		set(reflect.ValueOf(r.Error))
		t.rows = append(t.rows, row)
	}
	return t, nil
}

// rowType is the struct whose fields are the columns.
func (k *kind) rowType() reflect.Type {
	var fields []reflect.StructField
	field := func(name string, t reflect.Type) {
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", len(fields)), Type: t, Tag: reflect.StructTag(fmt.Sprintf("parquet:%q", name))})
	}
	for _, axis := range k.axes {
		field(axis, reflect.TypeFor[string]())
	}
	for i := range k.values.NumField() {
		field(column(k.values.Field(i)), k.values.Field(i).Type)
	}
	field("job", reflect.TypeFor[string]())
	field("error", reflect.TypeFor[string]())
	return reflect.StructOf(fields)
}

// column is a field's name in JSON and in the table.
func column(f reflect.StructField) string { return f.Tag.Get("json") }

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Failed counts the rows with an error, and returns the first.
func (t *Table) Failed() (n int, first string) {
	for i := range t.rows {
		if e := t.rows[i].Field(t.row.NumField() - 1).String(); e != "" {
			if n++; n == 1 {
				first = fmt.Sprintf("%s: %s", strings.Join(t.plan.Points[i].Axes, ", "), e)
			}
		}
	}
	return n, first
}

// columns are the names in order.
func (t *Table) columns() []string {
	var names []string
	for i := range t.row.NumField() {
		names = append(names, t.row.Field(i).Tag.Get("parquet"))
	}
	return names
}

// CSV writes the table with a header. Equal tables are equal bytes.
func (t *Table) CSV(out io.Writer) error {
	w := csv.NewWriter(out)
	w.Write(t.columns())
	for _, row := range t.rows {
		var cells []string
		for i := range row.NumField() {
			cells = append(cells, cell(row.Field(i)))
		}
		w.Write(cells)
	}
	w.Flush()
	return w.Error()
}

// cell writes a value so that it reads back as the same.
func cell(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	}
	return v.String()
}

// Parquet writes the table with typed columns. Equal tables are equal bytes.
func (t *Table) Parquet(out io.Writer) error {
	schema := parquet.SchemaOf(reflect.New(t.row).Interface())
	w := parquet.NewWriter(out, schema, parquet.Compression(&parquet.Zstd))
	for _, row := range t.rows {
		if err := w.Write(row.Addr().Interface()); err != nil {
			return fmt.Errorf("sweep: parquet: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("sweep: parquet: %w", err)
	}
	return nil
}
