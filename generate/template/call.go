package template

import (
	"fmt"
)

// call is a filter, test, method or function with its arguments; the last len(names) of them have names.
type call struct {
	name  string
	on    expression // nil for a function
	args  []expression
	names []string
}

// arguments are the values of a call.
type arguments struct {
	s     *state
	on    any
	args  []any
	named map[string]any
	order []string // of the names
}

func (c call) values(s *state) (arguments, error) {
	a := arguments{s: s}
	var err error
	if c.on != nil {
		if a.on, err = s.eval(c.on); err != nil {
			return a, err
		}
	}
	for i, e := range c.args {
		v, err := s.eval(e)
		if err != nil {
			return a, err
		}
		if k := i - (len(c.args) - len(c.names)); k >= 0 {
			if a.named == nil {
				a.named = map[string]any{}
			}
			a.named[c.names[k]] = v
			a.order = append(a.order, c.names[k])
			continue
		}
		a.args = append(a.args, v)
	}
	return a, nil
}

// get returns the i-th argument, or the one with that name.
func (a arguments) get(i int, name string) (any, bool) {
	if i < len(a.args) {
		return a.args[i], true
	}
	v, ok := a.named[name]
	return v, ok
}

// atMost checks that there are no more arguments than the names, in their order.
func (a arguments) atMost(names ...string) error {
	if len(a.args) > len(names) {
		return fmt.Errorf("%d arguments (at most %d)", len(a.args), len(names))
	}
	for _, n := range a.order {
		known := false
		for i, m := range names {
			known = known || n == m && i >= len(a.args)
		}
		if !known {
			return fmt.Errorf("argument %q is not supported", n)
		}
	}
	return nil
}

// str returns the i-th argument as a string, missing where it is not given.
func (a arguments) str(i int, name, missing string) (string, error) {
	v, ok := a.get(i, name)
	if !ok {
		return missing, nil
	}
	t, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("argument %s must be a string, not %s", name, typeName(v))
	}
	return t, nil
}

// integer returns the i-th argument as an integer, missing where it is not given.
func (a arguments) integer(i int, name string, missing int64) (int64, error) {
	v, ok := a.get(i, name)
	if !ok {
		return missing, nil
	}
	n, _, isInt, _ := number(v)
	if !isInt {
		return 0, fmt.Errorf("argument %s must be an integer, not %s", name, typeName(v))
	}
	return n, nil
}

type filterCall call

func (c filterCall) eval(s *state) (any, error) { return call(c).invoke(s, "filter", filters) }

type testCall call

func (c testCall) eval(s *state) (any, error) { return call(c).invoke(s, "test", tests) }

func (c call) invoke(s *state, what string, table map[string]builtin) (any, error) {
	a, err := c.values(s)
	if err != nil {
		return nil, err
	}
	v, err := table[c.name](a)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", what, c.name, err)
	}
	return v, nil
}

// builtin is a filter, test, method or function.
type builtin func(arguments) (any, error)

type functionCall call

func (c functionCall) eval(s *state) (any, error) {
	f, ok := functions[c.name]
	if !ok {
		return nil, fmt.Errorf("function %q is not supported", c.name)
	}
	a, err := call(c).values(s)
	if err != nil {
		return nil, err
	}
	return f(a)
}

// maxRange is the longest range().
const maxRange = 100_000

var functions = map[string]builtin{
	"raise_exception": func(a arguments) (any, error) {
		message, err := a.str(0, "message", "")
		if err != nil {
			return nil, err
		}
		return nil, &RaisedError{message}
	},
	"namespace": func(a arguments) (any, error) {
		d, err := a.dict()
		if err != nil {
			return nil, err
		}
		return &namespace{*d}, nil
	},
	"dict": func(a arguments) (any, error) { return a.dict() },
	"range": func(a arguments) (any, error) {
		var n [3]int64
		for i := range n {
			var err error
			if n[i], err = a.integer(i, "", 0); err != nil {
				return nil, err
			}
		}
		first, last, step := n[0], n[1], n[2]
		switch len(a.args) {
		case 1:
			first, last, step = 0, n[0], 1
		case 2:
			step = 1
		case 3:
		default:
			return nil, fmt.Errorf("range takes one to three arguments")
		}
		if step == 0 {
			return nil, fmt.Errorf("range in steps of 0")
		}
		out := list{}
		for i := first; step > 0 && i < last || step < 0 && i > last; i += step {
			if len(out) == maxRange {
				return nil, fmt.Errorf("range of more than %d", maxRange)
			}
			out = append(out, i)
		}
		return out, a.s.charge(len(out))
	},
}

// dict returns the named arguments as a map, after those of a map given first.
func (a arguments) dict() (*dict, error) {
	d := newDict()
	if len(a.args) > 1 {
		return nil, fmt.Errorf("more than one map to copy")
	}
	if len(a.args) == 1 {
		from, ok := a.args[0].(*dict)
		if !ok {
			return nil, fmt.Errorf("%s is no map", typeName(a.args[0]))
		}
		for _, k := range from.keys {
			d.set(k, from.values[k])
		}
	}
	for _, name := range a.order {
		d.set(name, a.named[name])
	}
	return d, a.s.charge(len(d.keys))
}
