package template

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

type expression interface {
	eval(s *state) (any, error)
}

func (s *state) eval(e expression) (any, error) {
	if err := s.charge(1); err != nil {
		return nil, err
	}
	return e.eval(s)
}

// items returns what a loop runs over.
func (s *state) items(v any) ([]any, error) {
	var out []any
	switch v := v.(type) {
	case list:
		out = v
	case *dict:
		for _, k := range v.keys {
			out = append(out, k)
		}
	case string:
		for _, r := range v {
			out = append(out, string(r))
		}
	case undefined:
	default:
		return nil, fmt.Errorf("%s has no items", typeName(v))
	}
	return out, s.charge(len(out))
}

type literal struct{ value any }

func (l literal) eval(*state) (any, error) { return l.value, nil }

type variable string

func (v variable) eval(s *state) (any, error) {
	value, _ := s.lookup(string(v))
	return value, nil
}

type listExpression []expression

func (l listExpression) eval(s *state) (any, error) {
	out := make(list, 0, len(l))
	for _, e := range l {
		v, err := s.eval(e)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

type dictExpression struct{ keys, values []expression }

func (d dictExpression) eval(s *state) (any, error) {
	out := newDict()
	for i := range d.keys {
		k, err := s.eval(d.keys[i])
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("%s as key of a map is not supported", typeName(k))
		}
		v, err := s.eval(d.values[i])
		if err != nil {
			return nil, err
		}
		out.set(key, v)
	}
	return out, nil
}

// attribute is a.name: a key of a map, a namespace or the loop.
type attribute struct {
	on   expression
	name string
}

func (a attribute) eval(s *state) (any, error) {
	v, err := s.eval(a.on)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(a.name, "__") {
		return nil, fmt.Errorf("attribute %q is not allowed", a.name)
	}
	switch v := v.(type) {
	case *dict:
		return key(v, a.name), nil
	case *namespace:
		return key(&v.dict, a.name), nil
	case *loop:
		return v.attribute(a.name)
	case undefined:
		return nil, fmt.Errorf("%q is undefined and has no %q", v.name, a.name)
	}
	return undefined{a.name}, nil
}

func key(d *dict, name string) any {
	if v, ok := d.values[name]; ok {
		return v
	}
	return undefined{name}
}

// index is a[b].
type index struct{ on, at expression }

func (x index) eval(s *state) (any, error) {
	v, err := s.eval(x.on)
	if err != nil {
		return nil, err
	}
	at, err := s.eval(x.at)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case *dict:
		if name, ok := at.(string); ok {
			return key(v, name), nil
		}
	case *namespace:
		if name, ok := at.(string); ok {
			return key(&v.dict, name), nil
		}
	case *loop:
		if name, ok := at.(string); ok {
			return v.attribute(name)
		}
	case list:
		if n, ok := at.(int64); ok {
			if n < 0 {
				n += int64(len(v))
			}
			if 0 <= n && n < int64(len(v)) {
				return v[n], nil
			}
		}
	case string:
		if n, ok := at.(int64); ok {
			if err := s.charge(len(v)); err != nil {
				return nil, err
			}
			r := []rune(v)
			if n < 0 {
				n += int64(len(r))
			}
			if 0 <= n && n < int64(len(r)) {
				return string(r[n]), nil
			}
		}
	case undefined:
		return nil, fmt.Errorf("%q is undefined and has no items", v.name)
	case nil:
		return nil, fmt.Errorf("none has no items")
	}
	name, err := s.text(at)
	return undefined{name}, err
}

// slice is a[b:c:d].
type slice struct {
	on     expression
	bounds [3]expression
}

func (x slice) eval(s *state) (any, error) {
	v, err := s.eval(x.on)
	if err != nil {
		return nil, err
	}
	var bounds [3]*int64
	for i, e := range x.bounds {
		if e == nil {
			continue
		}
		b, err := s.eval(e)
		if err != nil {
			return nil, err
		}
		switch b := b.(type) {
		case int64:
			bounds[i] = &b
		case nil:
		default:
			return nil, fmt.Errorf("%s as a bound of a slice", typeName(b))
		}
	}
	if bounds[2] != nil && *bounds[2] == 0 {
		return nil, fmt.Errorf("a slice in steps of 0")
	}
	switch v := v.(type) {
	case list:
		out := list{}
		sliced(len(v), bounds, func(i int) { out = append(out, v[i]) })
		return out, s.charge(len(out))
	case string:
		r := []rune(v)
		var out strings.Builder
		sliced(len(r), bounds, func(i int) { out.WriteRune(r[i]) })
		return out.String(), s.charge(len(v))
	}
	return nil, fmt.Errorf("%s cannot be sliced", typeName(v))
}

// sliced calls f with the indices of Python's slice of n items.
func sliced(n int, bounds [3]*int64, f func(int)) {
	step := int64(1)
	if bounds[2] != nil {
		step = *bounds[2]
	}
	clamp := func(b *int64, low, high, missing int64) int64 {
		if b == nil {
			return missing
		}
		v := *b
		if v < 0 {
			v += int64(n)
		}
		return min(max(v, low), high)
	}
	if step > 0 {
		step = min(step, int64(n)+1)
		end := clamp(bounds[1], 0, int64(n), int64(n))
		for i := clamp(bounds[0], 0, int64(n), 0); i < end; i += step {
			f(int(i))
		}
		return
	}
	step = max(step, -int64(n)-1)
	end := clamp(bounds[1], -1, int64(n)-1, -1)
	for i := clamp(bounds[0], -1, int64(n)-1, int64(n)-1); i > end; i += step {
		f(int(i))
	}
}

type negation struct{ of expression }

func (n negation) eval(s *state) (any, error) {
	v, err := s.eval(n.of)
	return !truth(v), err
}

type conditional struct{ condition, then, otherwise expression }

func (c conditional) eval(s *state) (any, error) {
	v, err := s.eval(c.condition)
	switch {
	case err != nil:
		return nil, err
	case truth(v):
		return s.eval(c.then)
	case c.otherwise == nil:
		return undefined{"else"}, nil
	}
	return s.eval(c.otherwise)
}

// operation is a binary operator: and, or, + - * / // % ~.
type operation struct {
	operator    string
	left, right expression
}

func (o operation) eval(s *state) (any, error) {
	a, err := s.eval(o.left)
	if err != nil {
		return nil, err
	}
	switch {
	case o.operator == "and" && !truth(a), o.operator == "or" && truth(a):
		return a, nil
	}
	b, err := s.eval(o.right)
	if err != nil || o.operator == "and" || o.operator == "or" {
		return b, err
	}
	if o.operator == "~" {
		return s.joined(a, b)
	}
	if x, ok := a.(string); ok && o.operator == "+" {
		if y, ok := b.(string); ok {
			if err := s.build(len(x) + len(y)); err != nil {
				return nil, err
			}
			return x + y, nil
		}
	}
	if x, ok := a.(list); ok && o.operator == "+" {
		if y, ok := b.(list); ok {
			out := append(append(make(list, 0, len(x)+len(y)), x...), y...)
			return out, s.charge(len(out))
		}
	}
	if v, ok, err := arithmetic(o.operator, a, b); ok || err != nil {
		return v, err
	}
	return nil, fmt.Errorf("%s %s %s is not supported", typeName(a), o.operator, typeName(b))
}

func (s *state) joined(a, b any) (any, error) {
	x, err := s.text(a)
	if err != nil {
		return nil, err
	}
	y, err := s.text(b)
	if err != nil {
		return nil, err
	}
	if err := s.build(len(x) + len(y)); err != nil {
		return nil, err
	}
	return x + y, nil
}

// number returns a value as int64 or float64.
func number(v any) (n int64, f float64, isInt, ok bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case int64:
		return v, float64(v), true, true
	case float64:
		return 0, v, false, true
	}
	return 0, 0, false, false
}

// maxInteger bounds integers: Python's are unbounded, ours must not wrap around.
const maxInteger = 1 << 53

func arithmetic(operator string, a, b any) (any, bool, error) {
	x, fx, xInt, ok := number(a)
	y, fy, yInt, ok2 := number(b)
	if !ok || !ok2 {
		return nil, false, nil
	}
	if strings.Contains("/ // %", operator) && fy == 0 {
		return nil, true, fmt.Errorf("division by zero")
	}
	if !xInt || !yInt || operator == "/" {
		switch operator {
		case "+":
			return fx + fy, true, nil
		case "-":
			return fx - fy, true, nil
		case "*":
			return fx * fy, true, nil
		case "/":
			return fx / fy, true, nil
		case "//":
			return math.Floor(fx / fy), true, nil
		case "%":
			return fx - fy*math.Floor(fx/fy), true, nil
		}
		return nil, false, nil
	}
	var n int64
	switch operator {
	case "+":
		n = x + y
	case "-":
		n = x - y
	case "*":
		n = x * y
	case "//", "%":
		q, r := x/y, x%y
		if r != 0 && (r < 0) != (y < 0) {
			q, r = q-1, r+y
		}
		n = q
		if operator == "%" {
			n = r
		}
	}
	if math.Abs(fx) > maxInteger || math.Abs(fy) > maxInteger || n > maxInteger || n < -maxInteger || operator == "*" && math.Abs(fx*fy) > maxInteger {
		return nil, true, fmt.Errorf("an integer beyond 2^53")
	}
	return n, true, nil
}

// comparison is a < b, and chains of such.
type comparison struct {
	first     expression
	operators []string
	operands  []expression
}

func (c comparison) eval(s *state) (any, error) {
	a, err := s.eval(c.first)
	if err != nil {
		return nil, err
	}
	for i, op := range c.operators {
		b, err := s.eval(c.operands[i])
		if err != nil {
			return nil, err
		}
		ok, err := s.compare(op, a, b)
		if err != nil || !ok {
			return false, err
		}
		a = b
	}
	return true, nil
}

func (s *state) compare(op string, a, b any) (bool, error) {
	switch op {
	case "==", "!=":
		eq, err := s.equal(a, b, 0)
		return eq == (op == "=="), err
	case "in", "not in":
		in, err := s.contains(b, a)
		return in == (op == "in"), err
	}
	less, equal := false, false
	if x, ok := a.(string); ok {
		y, ok := b.(string)
		if !ok {
			return false, fmt.Errorf("%s %s %s is not supported", typeName(a), op, typeName(b))
		}
		less, equal = x < y, x == y
	} else {
		_, x, _, ok := number(a)
		_, y, _, ok2 := number(b)
		if !ok || !ok2 {
			return false, fmt.Errorf("%s %s %s is not supported", typeName(a), op, typeName(b))
		}
		less, equal = x < y, x == y
	}
	switch op {
	case "<":
		return less, nil
	case "<=":
		return less || equal, nil
	case ">":
		return !less && !equal, nil
	}
	return !less, nil
}

func (s *state) equal(a, b any, depth int) (bool, error) {
	if err := s.charge(1); err != nil || depth > maxDepth {
		return false, err
	}
	if _, x, _, ok := number(a); ok {
		_, y, _, ok := number(b)
		return ok && x == y, nil
	}
	switch a := a.(type) {
	case nil:
		return b == nil, nil
	case undefined:
		_, ok := b.(undefined)
		return ok, nil
	case string:
		t, ok := b.(string)
		return ok && a == t, nil
	case list:
		l, ok := b.(list)
		if !ok || len(a) != len(l) {
			return false, nil
		}
		for i := range a {
			if eq, err := s.equal(a[i], l[i], depth+1); err != nil || !eq {
				return false, err
			}
		}
		return true, nil
	case *dict:
		d, ok := b.(*dict)
		if !ok || len(a.keys) != len(d.keys) {
			return false, nil
		}
		for k, v := range a.values {
			w, ok := d.values[k]
			if !ok {
				return false, nil
			}
			if eq, err := s.equal(v, w, depth+1); err != nil || !eq {
				return false, err
			}
		}
		return true, nil
	}
	return a == b, nil
}

func (s *state) contains(in, v any) (bool, error) {
	switch in := in.(type) {
	case string:
		t, ok := v.(string)
		if !ok {
			return false, fmt.Errorf("%s in a string is not supported", typeName(v))
		}
		return strings.Contains(in, t), s.charge(1 + len(in)/64)
	case list:
		for _, item := range in {
			if eq, err := s.equal(item, v, 0); err != nil || eq {
				return eq, err
			}
		}
		return false, nil
	case *dict:
		k, ok := v.(string)
		if !ok {
			return false, nil
		}
		_, ok = in.values[k]
		return ok, nil
	case undefined:
		return false, nil
	}
	return false, fmt.Errorf("%s has no items", typeName(in))
}

func runes(s string) int64 { return int64(utf8.RuneCountInString(s)) }
