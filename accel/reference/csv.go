package reference

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
)

// CSVOptions say what a workload leaves open, as the testbench draws it. Files of measured runs have both.
type CSVOptions struct {
	Comparators  int    // of the top-k latency model; zero means 16
	Seed         uint64 // of the top-k delays and of which armed rows are recomputed; zero means 1, the testbench's
	Iteration    int    // only this iteration_id
	OneIteration bool
}

// Columns by the field they fill. A run file names some as a workload does not.
var columnNames = map[string]field{
	"row": fieldIndex, "iteration_id": fieldIteration, "layer_id": fieldLayer, "head_id": fieldHead,
	"L": fieldLength, "sentence_length_L": fieldLength,
	"key_fetch_num": fieldKeys, "value_fetch_num": fieldValues,
	"quant_key_bit_csv": fieldKeyBits, "quant_key_bit": fieldKeyBits,
	"quant_val_bit_csv": fieldValueBits, "quant_value_bit": fieldValueBits,
	"if_requant_csv": fieldRequant, "if_requant": fieldRequant,
	"requant_happened": fieldRecomputed, "topk_latency": fieldLatency,
}

type field uint8

const (
	fieldIndex field = iota
	fieldIteration
	fieldLayer
	fieldHead
	fieldLength
	fieldKeys
	fieldValues
	fieldKeyBits
	fieldValueBits
	fieldRequant
	fieldRecomputed
	fieldLatency
	numFields
)

// maxCSVLine is the longest line that is read.
const maxCSVLine = 1 << 16

// ReadCSV reads rows of a workload (reference/workloads) or of a measured run (reference/rtl), which differ in
// their header; columns that are not inputs are ignored. What a workload leaves open is drawn as the testbench
// does: see CSVOptions. The sequence ends after its first error, which names the line.
func ReadCSV(in io.Reader, o CSVOptions) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		lines := bufio.NewScanner(in)
		lines.Buffer(make([]byte, 0, 4096), maxCSVLine)
		r := csvReader{draw: newDraw(o)}
		for n := 1; lines.Scan(); n++ {
			line := bytes.TrimRight(lines.Bytes(), "\r")
			if n == 1 {
				if err := r.header(line); err != nil {
					yield(Row{}, fmt.Errorf("line 1: %w", err))
					return
				}
				continue
			}
			row, skip, err := r.row(line)
			if err != nil {
				yield(Row{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if skip || o.OneIteration && row.Iteration != o.Iteration {
				continue
			}
			if err := r.fill(&row); err != nil {
				yield(Row{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Row{}, fmt.Errorf("read rows: %w", err))
		} else if r.columns == nil {
			yield(Row{}, errors.New("no header: the file is empty"))
		}
	}
}

type csvReader struct {
	columns []field // of each column; numFields: ignored
	has     [numFields]bool
	rows    int
	draw    *draw
}

func (r *csvReader) header(line []byte) error {
	for name := range bytes.SplitSeq(line, []byte(",")) {
		f, ok := columnNames[string(name)]
		if !ok {
			f = numFields
		} else if r.has[f] {
			return fmt.Errorf("column %q is there twice", name)
		} else {
			r.has[f] = true
		}
		r.columns = append(r.columns, f)
	}
	for name, f := range map[string]field{"key_fetch_num": fieldKeys, "value_fetch_num": fieldValues,
		"quant_key_bit or quant_key_bit_csv": fieldKeyBits, "quant_value_bit or quant_val_bit_csv": fieldValueBits,
		"if_requant or if_requant_csv": fieldRequant} {
		if !r.has[f] {
			return fmt.Errorf("no column %s: not a workload or a reference run", name)
		}
	}
	return nil
}

// row parses one line; lines without numbers (the workloads' trailing note) are skipped.
func (r *csvReader) row(line []byte) (row Row, skip bool, err error) {
	if len(bytes.Trim(line, ", ")) == 0 {
		return row, true, nil
	}
	row.Index = r.rows
	seen := 0
	for i := 0; ; i++ {
		text, rest, more := bytes.Cut(line, []byte(","))
		if i >= len(r.columns) {
			return row, false, fmt.Errorf("has more than the header's %d columns", len(r.columns))
		}
		if f := r.columns[i]; f != numFields {
			if len(text) == 0 || i == 0 && !isNumber(text) {
				skip = true
			} else if err := row.set(f, text); err != nil {
				return row, false, err
			} else {
				seen++
			}
		}
		if !more {
			if i+1 != len(r.columns) {
				return row, false, fmt.Errorf("has %d columns, the header %d", i+1, len(r.columns))
			}
			break
		}
		line = rest
	}
	if skip && seen > 0 {
		return row, false, errors.New("a number is missing")
	}
	return row, skip, nil
}

func isNumber(b []byte) bool { _, err := strconv.ParseFloat(string(b), 64); return err == nil }

func (row *Row) set(f field, text []byte) error {
	n, ok := number(text)
	if f == fieldRequant && !ok {
		switch string(bytes.ToLower(text)) {
		case "true":
			n, ok = 1, true
		case "false":
			n, ok = 0, true
		}
	}
	if !ok {
		return fmt.Errorf("%q is not a whole number", text)
	}
	switch f {
	case fieldIndex:
		row.Index = n
	case fieldIteration:
		row.Iteration = n
	case fieldLayer:
		row.Layer = n
	case fieldHead:
		row.Head = n
	case fieldLength:
		row.Length = n
	case fieldKeys:
		row.Keys = n
	case fieldValues:
		row.Values = n
	case fieldKeyBits:
		row.KeyBits = n
	case fieldValueBits:
		row.ValueBits = n
	case fieldRequant:
		row.Requant = n != 0
	case fieldRecomputed:
		row.Recomputed = n != 0
	case fieldLatency:
		row.TopKLatency = n
	}
	return nil
}

// number reads a decimal whole number of at most nine digits.
func number(b []byte) (int, bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	if neg {
		n = -n
	}
	return n, true
}

// fill checks a row and draws what the file does not have.
func (r *csvReader) fill(row *Row) error {
	if row.Keys < 1 || row.Values < 1 {
		return fmt.Errorf("fetches %d keys and %d values; each must be at least 1", row.Keys, row.Values)
	}
	if row.Keys > maxFetch || row.Values > maxFetch {
		return fmt.Errorf("fetches %d keys and %d values; at most %d", row.Keys, row.Values, maxFetch)
	}
	if r.has[fieldLatency] && row.TopKLatency < 0 {
		return fmt.Errorf("topk_latency is %d cycles", row.TopKLatency)
	}
	r.rows++
	r.draw.fill(row, !r.has[fieldLatency], !r.has[fieldRecomputed])
	return nil
}

// maxFetch bounds what a row may ask for, before any buffer is looked at.
const maxFetch = 1 << 21

// draw makes the random parts of a testbench run (RTL.md sections 8 and 9).
type draw struct {
	topk        *topKRandom
	comparators int
	escapes     *rand.Rand
	part        int
}

func newDraw(o CSVOptions) *draw {
	if o.Comparators <= 0 {
		o.Comparators = 16
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	return &draw{newTopKRandom(o.Seed), o.Comparators, rand.New(rand.NewPCG(o.Seed, 0)), 0}
}

// fill draws the top-k delay, of a pair of 6-bit keys only for the first, and whether an armed row is recomputed:
// it is unless one of its 12-bit scores is the largest there is, 2047.
func (d *draw) fill(row *Row, latency, recomputed bool) {
	if row.KeyBits != 6 {
		d.part = 0
	}
	if latency && d.part == 0 {
		row.TopKLatency = d.topk.latency(row.Keys, row.Values, d.comparators)
	}
	if row.KeyBits == 6 {
		d.part ^= 1
	}
	if recomputed && row.Armed() {
		row.Recomputed = d.escapes.Float64() < math.Pow(1-1.0/4096, float64(row.Keys))
	}
}
