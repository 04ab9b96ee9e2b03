package template

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// filters are what may follow a |. It is filled in init because some filters name others.
var filters map[string]builtin

func init() {
	filters = map[string]builtin{
		"trim":       onString(func(s string, a arguments) (any, error) { return stripped(s, a, true, true) }),
		"upper":      onString(func(s string, a arguments) (any, error) { return strings.ToUpper(s), a.atMost() }),
		"lower":      onString(func(s string, a arguments) (any, error) { return strings.ToLower(s), a.atMost() }),
		"capitalize": onString(func(s string, a arguments) (any, error) { return capitalized(s), a.atMost() }),
		"title":      onString(func(s string, a arguments) (any, error) { return titled(s), a.atMost() }),
		"replace":    onString(replaced),
		"indent":     onString(indented),
		"string":     onString(func(s string, a arguments) (any, error) { return s, a.atMost() }),
		"safe":       onString(func(s string, a arguments) (any, error) { return s, a.atMost() }),
		"length":     length,
		"count":      length,
		"default":    defaulted,
		"d":          defaulted,
		"tojson":     toJSON,
		"join":       joined,
		"first":      func(a arguments) (any, error) { return end(a, false) },
		"last":       func(a arguments) (any, error) { return end(a, true) },
		"list":       func(a arguments) (any, error) { items, err := a.s.items(a.on); return list(items), err },
		"items":      items,
		"reverse":    reversed,
		"int":        toInteger,
		"float":      toFloat,
		"abs":        absolute,
		"map":        mapped,
		"selectattr": func(a arguments) (any, error) { return selected(a, true, true) },
		"rejectattr": func(a arguments) (any, error) { return selected(a, true, false) },
		"select":     func(a arguments) (any, error) { return selected(a, false, true) },
		"reject":     func(a arguments) (any, error) { return selected(a, false, false) },
		"unique":     unique,
	}
}

// onString applies f to the text of a value.
func onString(f func(string, arguments) (any, error)) builtin {
	return func(a arguments) (any, error) {
		s, err := a.s.text(a.on)
		if err != nil {
			return nil, err
		}
		if err := a.s.build(len(s)); err != nil {
			return nil, err
		}
		return f(s, a)
	}
}

// stripped takes characters off the ends: white space, or those of the first argument.
func stripped(s string, a arguments, left, right bool) (any, error) {
	isIn := unicode.IsSpace
	if v, ok := a.get(0, "chars"); ok && v != nil {
		set, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("characters to strip must be a string, not %s", typeName(v))
		}
		isIn = func(r rune) bool { return strings.ContainsRune(set, r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, isIn)
	}
	if right {
		s = strings.TrimRightFunc(s, isIn)
	}
	return s, a.atMost("chars")
}

func capitalized(s string) string {
	_, first := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:first]) + strings.ToLower(s[first:])
}

// titled writes the first letter of each word large, the others small.
func titled(s string) string {
	inside := false
	return strings.Map(func(r rune) rune {
		was := inside
		inside = unicode.IsLetter(r) || unicode.IsNumber(r) || r == '\''
		if was {
			return unicode.ToLower(r)
		}
		return unicode.ToTitle(r)
	}, s)
}

func replaced(s string, a arguments) (any, error) {
	from, err := a.str(0, "old", "")
	if err != nil {
		return nil, err
	}
	to, err := a.str(1, "new", "")
	if err != nil {
		return nil, err
	}
	count, err := a.integer(2, "count", -1)
	if err != nil {
		return nil, err
	}
	n := int64(strings.Count(s, from))
	if count >= 0 {
		n = min(n, count)
	}
	if len(to) > 0 && n > int64(maxOutput/len(to)) {
		return nil, a.s.build(maxOutput + 1)
	}
	if err := a.s.build(len(s) + int(n)*len(to)); err != nil {
		return nil, err
	}
	return strings.Replace(s, from, to, int(n)), a.atMost("old", "new", "count")
}

func indented(s string, a arguments) (any, error) {
	pad := "    "
	if v, ok := a.get(0, "width"); ok {
		switch v := v.(type) {
		case string:
			pad = v
		case int64:
			if v < 0 || v > 1000 {
				return nil, fmt.Errorf("a width of %d", v)
			}
			pad = strings.Repeat(" ", int(v))
		}
	}
	first, _ := a.get(1, "first")
	blank, _ := a.get(2, "blank")
	lines := strings.Split(s, "\n")
	if err := a.s.build(len(s)); err != nil {
		return nil, err
	}
	if err := a.s.charge(len(lines) * (1 + len(pad)/8)); err != nil {
		return nil, err
	}
	for i := range lines {
		if i == 0 && !truth(first) || i > 0 && lines[i] == "" && !truth(blank) {
			continue
		}
		lines[i] = pad + lines[i]
	}
	out := strings.Join(lines, "\n")
	if err := a.s.build(len(out)); err != nil {
		return nil, err
	}
	return out, a.atMost("width", "first", "blank")
}

func length(a arguments) (any, error) {
	switch v := a.on.(type) {
	case string:
		return runes(v), nil
	case list:
		return int64(len(v)), nil
	case *dict:
		return int64(len(v.keys)), nil
	case undefined:
		return int64(0), nil
	}
	return nil, fmt.Errorf("%s has no length", typeName(a.on))
}

func defaulted(a arguments) (any, error) {
	value, ok := a.get(0, "default_value")
	if !ok {
		value = ""
	}
	falsy, _ := a.get(1, "boolean")
	if _, missing := a.on.(undefined); missing || truth(falsy) && !truth(a.on) {
		return value, nil
	}
	return a.on, a.atMost("default_value", "boolean")
}

func joined(a arguments) (any, error) {
	sep, err := a.str(0, "d", "")
	if err != nil {
		return nil, err
	}
	items, err := a.s.items(a.on)
	if err != nil {
		return nil, err
	}
	attr, err := a.str(1, "attribute", "")
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	n := 0
	for i, item := range items {
		if attr != "" {
			if item, err = member(item, attr); err != nil {
				return nil, err
			}
		}
		if parts[i], err = a.s.text(item); err != nil {
			return nil, err
		}
		if n += len(parts[i]) + len(sep); n > maxOutput {
			break
		}
	}
	if err := a.s.build(n); err != nil {
		return nil, err
	}
	return strings.Join(parts, sep), a.atMost("d", "attribute")
}

// member returns a.b.c of a value.
func member(v any, path string) (any, error) {
	for _, name := range strings.Split(path, ".") {
		d, ok := v.(*dict)
		if !ok || strings.HasPrefix(name, "__") {
			return undefined{name}, nil
		}
		v = key(d, name)
	}
	return v, nil
}

func end(a arguments, last bool) (any, error) {
	items, err := a.s.items(a.on)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return undefined{"the end of an empty list"}, nil
	}
	if last {
		return items[len(items)-1], nil
	}
	return items[0], nil
}

// items returns the pairs of key and value of a map.
func items(a arguments) (any, error) {
	d, ok := a.on.(*dict)
	if _, missing := a.on.(undefined); missing {
		return list{}, nil
	}
	if !ok {
		return nil, fmt.Errorf("%s is no map", typeName(a.on))
	}
	out := make(list, len(d.keys))
	for i, k := range d.keys {
		out[i] = list{k, d.values[k]}
	}
	return out, a.s.charge(len(out))
}

func reversed(a arguments) (any, error) {
	items, err := a.s.items(a.on)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(items)
	slices.Reverse(out)
	if _, ok := a.on.(string); ok {
		return joined(arguments{s: a.s, on: list(out)})
	}
	return list(out), nil
}

func toInteger(a arguments) (any, error) {
	missing, err := a.integer(0, "default", 0)
	if err != nil {
		return nil, err
	}
	if s, ok := a.on.(string); ok {
		s = strings.TrimSpace(s)
		if n, err := strconv.ParseInt(s, 10, 54); err == nil {
			return n, nil
		}
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.Abs(f) > maxInteger || f != f {
			return missing, nil
		}
		return int64(f), nil
	}
	n, f, isInt, ok := number(a.on)
	switch {
	case isInt:
		return n, nil
	case ok && math.Abs(f) <= maxInteger:
		return int64(f), nil
	}
	return missing, nil
}

func toFloat(a arguments) (any, error) {
	if s, ok := a.on.(string); ok {
		if f, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
			return f, nil
		}
		return 0.0, nil
	}
	_, f, isInt, _ := number(a.on)
	if n, ok := a.on.(int64); isInt && ok {
		return float64(n), nil
	}
	return f, nil
}

func absolute(a arguments) (any, error) {
	switch v := a.on.(type) {
	case int64:
		return max(v, -v), nil
	case float64:
		return math.Abs(v), nil
	}
	return nil, fmt.Errorf("%s has no absolute value", typeName(a.on))
}

// mapped applies a filter to each item, or takes an attribute of each.
func mapped(a arguments) (any, error) {
	items, err := a.s.items(a.on)
	if err != nil {
		return nil, err
	}
	out := make(list, len(items))
	if attr, ok := a.named["attribute"]; ok {
		name, ok := attr.(string)
		if !ok || len(a.args) > 0 {
			return nil, fmt.Errorf("attribute must be a string, without other arguments")
		}
		for i, item := range items {
			v, err := member(item, name)
			if err != nil {
				return nil, err
			}
			if missing, ok := v.(undefined); ok {
				if d, ok := a.named["default"]; ok {
					v = d
				} else {
					v = missing
				}
			}
			out[i] = v
		}
		return out, nil
	}
	name, err := a.str(0, "filter", "")
	if err != nil {
		return nil, err
	}
	f, ok := filters[name]
	if !ok || name == "map" {
		return nil, fmt.Errorf("filter %q is not supported", name)
	}
	for i, item := range items {
		if out[i], err = f(arguments{s: a.s, on: item, args: a.args[1:], named: a.named, order: a.order}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// selected keeps the items (or those whose attribute) for which a test holds, or does not.
func selected(a arguments, byAttribute, keep bool) (any, error) {
	items, err := a.s.items(a.on)
	if err != nil {
		return nil, err
	}
	args := a.args
	attr := ""
	if byAttribute {
		if attr, err = a.str(0, "attribute", ""); err != nil || len(args) == 0 {
			return nil, fmt.Errorf("an attribute's name is missing")
		}
		args = args[1:]
	}
	test := func(v any) (bool, error) { return truth(v), nil }
	if len(args) > 0 {
		name, _ := args[0].(string)
		f, ok := tests[name]
		if !ok {
			return nil, fmt.Errorf("test %q is not supported", name)
		}
		test = func(v any) (bool, error) {
			r, err := f(arguments{s: a.s, on: v, args: args[1:]})
			return truth(r), err
		}
	}
	out := list{}
	for _, item := range items {
		v := item
		if byAttribute {
			if v, err = member(item, attr); err != nil {
				return nil, err
			}
		}
		holds, err := test(v)
		if err != nil {
			return nil, err
		}
		if holds == keep {
			out = append(out, item)
		}
	}
	return out, nil
}

func unique(a arguments) (any, error) {
	items, err := a.s.items(a.on)
	if err != nil {
		return nil, err
	}
	out := list{}
	for _, item := range items {
		known, err := a.s.contains(out, item)
		if err != nil {
			return nil, err
		}
		if !known {
			out = append(out, item)
		}
	}
	return out, nil
}
