package live

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"

	"spatten/eval"
)

//go:embed data/reviews.tsv
var reviews []byte

// text is one input.
type text struct {
	text string
	pair *string
}

// embedded are sentences written for this report, with their labels.
func embedded() ([]eval.Example, error) { return eval.ReadExamples(bytes.NewReader(reviews)) }

// examples reads a data set.
func examples(path string) ([]eval.Example, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	e, err := eval.ReadExamples(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// spread takes n of the examples, evenly spaced.
func spread[T any](all []T, n int) []T {
	if len(all) <= n {
		return all
	}
	out := make([]T, n)
	for i := range out {
		out[i] = all[i*len(all)/n]
	}
	return out
}

func texts(examples []eval.Example) []text {
	out := make([]text, len(examples))
	for i, e := range examples {
		out[i] = text{e.Text, e.Pair}
	}
	return out
}

// squad reads paragraphs with their first question.
func squad(path string) ([]text, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Data []struct {
			Paragraphs []struct {
				Context string
				QAs     []struct{ Question string }
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var out []text
	for _, d := range doc.Data {
		for _, p := range d.Paragraphs {
			if len(p.QAs) > 0 {
				out = append(out, text{p.QAs[0].Question, &p.Context})
			}
		}
	}
	return out, nil
}
