// Package param is part of stage 5, model. It reads the numbers and tensors of a checkpoint by name and writes them
// as a family wants them, checked: a configuration is input and may claim anything.
package param

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// Numbers reads the fields of a model's configuration: config.json of Hugging Face, or the metadata of GGUF. The
// first field that is missing, of the wrong kind or out of its range is kept as the error, and zeros follow.
type Numbers struct {
	source string // "config.json" or "metadata", for errors
	get    func(name string) (any, bool)
	err    error
}

// JSON reads the fields of a JSON object.
func JSON(source string, data []byte) (*Numbers, error) {
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return nil, fmt.Errorf("model: %s: %w", source, err)
	}
	return fromMap(source, fields), nil
}

func fromMap(source string, fields map[string]any) *Numbers {
	return &Numbers{source: source, get: func(name string) (any, bool) {
		v, ok := fields[name]
		return v, ok && v != nil
	}}
}

// Metadata reads the fields that get returns by name.
func Metadata(source string, get func(name string) (any, bool)) *Numbers {
	return &Numbers{source: source, get: get}
}

// Err returns the first error of the fields read so far.
func (n *Numbers) Err() error { return n.err }

// Fail keeps an error about a field, unless there is one already.
func (n *Numbers) Fail(name, format string, args ...any) {
	if n.err == nil {
		n.err = fmt.Errorf("model: %s: %s: %s", n.source, name, fmt.Sprintf(format, args...))
	}
}

// Has reports whether a field is there and not null.
func (n *Numbers) Has(name string) bool {
	_, ok := n.get(name)
	return ok
}

// Int reads a whole number in [lo, hi].
func (n *Numbers) Int(name string, lo, hi int) int {
	if !n.Has(name) {
		n.Fail(name, "is missing")
		return 0
	}
	return n.IntOr(name, 0, lo, hi)
}

// IntOr reads a whole number in [lo, hi], or takes fallback where the field is missing.
func (n *Numbers) IntOr(name string, fallback, lo, hi int) int {
	v, ok := n.get(name)
	if !ok {
		return fallback
	}
	f, ok := number(v)
	switch {
	case !ok || f != math.Trunc(f):
		n.Fail(name, "%v is not a whole number", v)
	case f < float64(lo) || f > float64(hi):
		n.Fail(name, "%v is outside %d … %d", v, lo, hi)
	default:
		return int(f)
	}
	return 0
}

// FloatOr reads a finite number in [lo, hi], or takes fallback where the field is missing.
func (n *Numbers) FloatOr(name string, fallback, lo, hi float64) float64 {
	v, ok := n.get(name)
	if !ok {
		return fallback
	}
	f, ok := number(v)
	if !ok || !(f >= lo && f <= hi) {
		n.Fail(name, "%v is not a number in %g … %g", v, lo, hi)
		return 0
	}
	return f
}

// BoolOr reads a truth value.
func (n *Numbers) BoolOr(name string, fallback bool) bool {
	v, ok := n.get(name)
	if !ok {
		return fallback
	}
	b, ok := v.(bool)
	if !ok {
		n.Fail(name, "%v is neither true nor false", v)
	}
	return b
}

// StringOr reads a text.
func (n *Numbers) StringOr(name, fallback string) string {
	v, ok := n.get(name)
	if !ok {
		return fallback
	}
	s, ok := v.(string)
	if !ok {
		n.Fail(name, "%v is no text", v)
	}
	return s
}

// Object reads the fields of an object within the configuration; false where it is missing.
func (n *Numbers) Object(name string) (*Numbers, bool) {
	v, ok := n.get(name)
	if !ok {
		return nil, false
	}
	fields, ok := v.(map[string]any)
	if !ok {
		n.Fail(name, "is no object")
		return nil, false
	}
	return fromMap(n.source+": "+name, fields), true
}

// Strings reads a list of texts; nil where it is missing.
func (n *Numbers) Strings(name string) []string {
	v, ok := n.get(name)
	if !ok {
		return nil
	}
	switch list := v.(type) {
	case []string:
		return list
	case []any:
		out := make([]string, 0, len(list))
		for _, e := range list {
			s, ok := e.(string)
			if !ok {
				n.Fail(name, "%v is no text", e)
				return nil
			}
			out = append(out, s)
		}
		return out
	}
	n.Fail(name, "is no list of texts")
	return nil
}

// number takes any kind of number as a float64.
func number(v any) (float64, bool) {
	switch x := v.(type) {
	case json.Number:
		f, err := x.Float64()
		return f, err == nil && !math.IsInf(f, 0)
	case float64:
		return x, !math.IsNaN(x) && !math.IsInf(x, 0)
	case float32:
		return number(float64(x))
	case int:
		return float64(x), true
	case int8:
		return float64(x), true
	case int16:
		return float64(x), true
	case int32:
		return float64(x), true
	case int64:
		return float64(x), true
	case uint8:
		return float64(x), true
	case uint16:
		return float64(x), true
	case uint32:
		return float64(x), true
	case uint64:
		return float64(x), true
	}
	return 0, false
}
