package template

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// toJSON writes a value as Python's json.dumps(v, ensure_ascii=False) does, on lines of their own with indent.
func toJSON(a arguments) (any, error) {
	w := jsonWriter{s: a.s, indent: -1, item: ", ", colon: ": "}
	if v, ok := a.get(0, "indent"); ok && v != nil {
		n, isInt := v.(int64)
		if !isInt || n < 0 || n > 64 {
			return nil, fmt.Errorf("indent must be an integer from 0 to 64, not %s", typeName(v))
		}
		w.indent, w.item = int(n), ","
	}
	if v, ok := a.named["ensure_ascii"]; ok {
		w.ascii = truth(v)
	}
	if v, ok := a.named["separators"].(list); ok && len(v) == 2 {
		item, ok1 := v[0].(string)
		colon, ok2 := v[1].(string)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("separators must be strings")
		}
		w.item, w.colon = item, colon
	}
	if truth(a.named["sort_keys"]) {
		return nil, fmt.Errorf("sort_keys is not supported")
	}
	for _, name := range a.order {
		if !strings.Contains(" indent ensure_ascii separators sort_keys ", " "+name+" ") {
			return nil, fmt.Errorf("argument %q is not supported", name)
		}
	}
	if err := w.write(a.on, 0); err != nil {
		return nil, err
	}
	return w.b.String(), a.s.build(w.b.Len())
}

type jsonWriter struct {
	s           *state
	b           strings.Builder
	indent      int // -1: on one line
	item, colon string
	ascii       bool
}

func (w *jsonWriter) line(depth int) {
	if w.indent >= 0 {
		w.b.WriteByte('\n')
		w.b.WriteString(strings.Repeat(" ", w.indent*depth))
	}
}

func (w *jsonWriter) write(v any, depth int) error {
	if err := w.s.charge(1); err != nil {
		return err
	}
	if depth > maxDepth || w.b.Len() > maxOutput {
		return fmt.Errorf("a value nests deeper than %d or is longer than %d bytes", maxDepth, maxOutput)
	}
	switch v := v.(type) {
	case nil:
		w.b.WriteString("null")
	case bool:
		w.b.WriteString(strconv.FormatBool(v))
	case int64:
		w.b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		switch {
		case math.IsNaN(v):
			w.b.WriteString("NaN")
		case math.IsInf(v, 0):
			w.b.WriteString(strings.Replace("-Infinity", "-", strings.Repeat("-", bit(v < 0)), 1))
		default:
			w.b.WriteString(floatText(v))
		}
	case string:
		w.string(v)
	case list:
		return w.sequence("[", "]", len(v), depth, func(i int) error { return w.write(v[i], depth+1) })
	case *dict:
		return w.sequence("{", "}", len(v.keys), depth, func(i int) error {
			w.string(v.keys[i])
			w.b.WriteString(w.colon)
			return w.write(v.values[v.keys[i]], depth+1)
		})
	default:
		return fmt.Errorf("%s cannot be written as JSON", typeName(v))
	}
	return nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *jsonWriter) sequence(open, end string, n, depth int, write func(int) error) error {
	w.b.WriteString(open)
	for i := range n {
		if i > 0 {
			w.b.WriteString(w.item)
		}
		w.line(depth + 1)
		if err := write(i); err != nil {
			return err
		}
	}
	if n > 0 {
		w.line(depth)
	}
	w.b.WriteString(end)
	return nil
}

func (w *jsonWriter) string(s string) {
	w.b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b.WriteByte('\\')
			w.b.WriteRune(r)
		case r == '\n':
			w.b.WriteString(`\n`)
		case r == '\r':
			w.b.WriteString(`\r`)
		case r == '\t':
			w.b.WriteString(`\t`)
		case r == '\b':
			w.b.WriteString(`\b`)
		case r == '\f':
			w.b.WriteString(`\f`)
		case r < 0x20 || w.ascii && r >= 0x7f && r < 0x10000:
			fmt.Fprintf(&w.b, `\u%04x`, r)
		case w.ascii && r >= 0x10000:
			r -= 0x10000
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			w.b.WriteRune(r)
		}
	}
	w.b.WriteByte('"')
}
