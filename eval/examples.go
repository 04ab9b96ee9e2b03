package eval

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Example is one text, or a pair, with what is known of it.
type Example struct {
	Text  string
	Pair  *string // the second text, where the set compares two
	Label int     // class
	Score float64 // of similarity
}

// columns says where a data set keeps what; -1 is nowhere.
type columns struct{ text, pair, label, score, count int }

// The published forms of the data sets that have no header line.
var (
	cola = columns{text: 3, pair: -1, label: 1, score: -1, count: 4} // source, label, author's mark, sentence
	mrpc = columns{text: 3, pair: 4, label: 0, score: -1, count: 5}  // label, two ids, two sentences
	stsb = columns{text: 5, pair: 6, label: -1, score: 4, count: 7}  // genre, file, year, index, score, two sentences
)

// maxLine bounds a line of a data set, in bytes.
const maxLine = 1 << 20

// ReadExamples reads lines of columns that tabs divide: with a header that names sentence (or sentence1 and sentence2) and
// label, as GLUE's SST-2 and RTE have it, or as CoLA, MRPC and the STS benchmark are published.
func ReadExamples(r io.Reader) ([]Example, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	var examples []Example
	var at columns
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSuffix(in.Text(), "\r")
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		fields := strings.Split(line, "\t")
		if n == 1 {
			header, err := at.find(fields)
			if err != nil {
				return nil, err
			}
			if header {
				continue
			}
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		e, err := at.read(fields)
		if err != nil {
			return nil, fmt.Errorf("eval: line %d: %w", n, err)
		}
		examples = append(examples, e)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	if len(examples) == 0 {
		return nil, fmt.Errorf("eval: the data set is empty")
	}
	return examples, nil
}

// find recognizes a data set by its first line, and says whether that is a header.
func (c *columns) find(fields []string) (header bool, err error) {
	*c = columns{-1, -1, -1, -1, len(fields)}
	for i, name := range fields {
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "sentence", "sentence1", "text":
			c.text = i
		case "sentence2":
			c.pair = i
		case "label":
			c.label = i
		case "score", "similarity":
			c.score = i
		}
	}
	if c.text >= 0 && (c.label >= 0 || c.score >= 0) {
		return true, nil
	}
	switch {
	case len(fields) >= stsb.count:
		*c = stsb
	case len(fields) == mrpc.count:
		*c = mrpc
	case len(fields) == cola.count:
		*c = cola
	default:
		return false, fmt.Errorf("eval: line 1: neither a header with sentence and label nor the columns of CoLA (4), MRPC (5) or the STS benchmark (7): %d columns", len(fields))
	}
	return false, nil
}

// read takes an example from a line.
func (c *columns) read(fields []string) (e Example, err error) {
	if len(fields) < c.count {
		return e, fmt.Errorf("%d columns, %d are needed", len(fields), c.count)
	}
	e.Text = fields[c.text]
	if c.pair >= 0 {
		e.Pair = &fields[c.pair]
	}
	if c.label >= 0 {
		if e.Label, err = strconv.Atoi(strings.TrimSpace(fields[c.label])); err != nil || e.Label < 0 {
			return e, fmt.Errorf("label %q is no class number", fields[c.label])
		}
	}
	if c.score >= 0 {
		if e.Score, err = strconv.ParseFloat(strings.TrimSpace(fields[c.score]), 64); err != nil {
			return e, fmt.Errorf("score %q is no number", fields[c.score])
		}
	}
	return e, nil
}
