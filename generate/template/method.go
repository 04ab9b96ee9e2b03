package template

import (
	"fmt"
	"strings"
)

type methodCall call

func (c methodCall) eval(s *state) (any, error) {
	a, err := call(c).values(s)
	if err != nil {
		return nil, err
	}
	var table map[string]builtin
	switch v := a.on.(type) {
	case string:
		table = stringMethods
		if err := s.build(len(v)); err != nil {
			return nil, err
		}
	case *dict:
		table = dictMethods
	case *loop:
		table = loopMethods
	case undefined:
		return nil, fmt.Errorf("%q is undefined and has no method %q", v.name, c.name)
	}
	f, ok := table[c.name]
	if !ok {
		return nil, fmt.Errorf("method %q of %s is not supported", c.name, typeName(a.on))
	}
	v, err := f(a)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return v, nil
}

var stringMethods = map[string]builtin{
	"strip":      func(a arguments) (any, error) { return stripped(a.on.(string), a, true, true) },
	"lstrip":     func(a arguments) (any, error) { return stripped(a.on.(string), a, true, false) },
	"rstrip":     func(a arguments) (any, error) { return stripped(a.on.(string), a, false, true) },
	"upper":      func(a arguments) (any, error) { return strings.ToUpper(a.on.(string)), a.atMost() },
	"lower":      func(a arguments) (any, error) { return strings.ToLower(a.on.(string)), a.atMost() },
	"capitalize": func(a arguments) (any, error) { return capitalized(a.on.(string)), a.atMost() },
	"title":      func(a arguments) (any, error) { return titled(a.on.(string)), a.atMost() },
	"replace":    func(a arguments) (any, error) { return replaced(a.on.(string), a) },
	"startswith": func(a arguments) (any, error) { return affix(a, strings.HasPrefix) },
	"endswith":   func(a arguments) (any, error) { return affix(a, strings.HasSuffix) },
	"split":      func(a arguments) (any, error) { return split(a, false) },
	"rsplit":     func(a arguments) (any, error) { return split(a, true) },
	"splitlines": func(a arguments) (any, error) {
		return asList(a, strings.Split(strings.TrimSuffix(a.on.(string), "\n"), "\n"))
	},
	"find": func(a arguments) (any, error) {
		part, err := a.str(0, "sub", "")
		if err != nil {
			return nil, err
		}
		at := strings.Index(a.on.(string), part)
		if at < 0 {
			return int64(-1), nil
		}
		return runes(a.on.(string)[:at]), a.atMost("sub")
	},
	"count": func(a arguments) (any, error) {
		part, err := a.str(0, "sub", "")
		return int64(strings.Count(a.on.(string), part)), err
	},
	"join": func(a arguments) (any, error) {
		if len(a.args) != 1 {
			return nil, fmt.Errorf("one list is needed")
		}
		return joined(arguments{s: a.s, on: a.args[0], args: []any{a.on}})
	},
}

// affix asks whether a string begins or ends with its argument, or one of them.
func affix(a arguments, has func(s, affix string) bool) (any, error) {
	v, _ := a.get(0, "prefix")
	all, ok := v.(list)
	if !ok {
		all = list{v}
	}
	for _, v := range all {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("a string is needed, not %s", typeName(v))
		}
		if has(a.on.(string), s) {
			return true, nil
		}
	}
	return false, nil
}

func asList(a arguments, parts []string) (any, error) {
	out := make(list, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out, a.s.charge(len(out))
}

// split cuts a string at white space or at its first argument, at most as often as the second says.
func split(a arguments, right bool) (any, error) {
	s := a.on.(string)
	limit, err := a.integer(1, "maxsplit", -1)
	if err != nil {
		return nil, err
	}
	v, given := a.get(0, "sep")
	if !given || v == nil {
		if limit >= 0 {
			return nil, fmt.Errorf("maxsplit at white space is not supported")
		}
		return asList(a, strings.Fields(s))
	}
	sep, ok := v.(string)
	if !ok || sep == "" {
		return nil, fmt.Errorf("a separator must be a string that is not empty")
	}
	if err := a.atMost("sep", "maxsplit"); err != nil {
		return nil, err
	}
	if limit < 0 || limit >= int64(len(s)) {
		return asList(a, strings.Split(s, sep))
	}
	if !right {
		return asList(a, strings.SplitN(s, sep, int(limit)+1))
	}
	parts := strings.Split(s, sep)
	if extra := len(parts) - 1 - int(limit); extra > 0 {
		parts = append([]string{strings.Join(parts[:extra+1], sep)}, parts[extra+1:]...)
	}
	return asList(a, parts)
}

var dictMethods = map[string]builtin{
	"items":  items,
	"keys":   func(a arguments) (any, error) { items, err := a.s.items(a.on); return list(items), err },
	"values": func(a arguments) (any, error) { return values(a) },
	"get": func(a arguments) (any, error) {
		name, err := a.str(0, "key", "")
		if err != nil {
			return nil, err
		}
		if v, ok := a.on.(*dict).values[name]; ok {
			return v, nil
		}
		missing, _ := a.get(1, "default")
		return missing, a.atMost("key", "default")
	},
}

func values(a arguments) (any, error) {
	d := a.on.(*dict)
	out := make(list, len(d.keys))
	for i, k := range d.keys {
		out[i] = d.values[k]
	}
	return out, a.s.charge(len(out))
}

var loopMethods = map[string]builtin{
	"cycle": func(a arguments) (any, error) {
		if len(a.args) == 0 {
			return nil, fmt.Errorf("no items")
		}
		return a.args[a.on.(*loop).at%len(a.args)], nil
	},
}
