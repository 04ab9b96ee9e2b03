package template

import (
	"fmt"
	"strings"
)

// tests are what may follow is.
var tests map[string]builtin

func init() {
	of := func(f func(v any) bool) builtin {
		return func(a arguments) (any, error) { return f(a.on), a.atMost() }
	}
	compare := func(op string) builtin {
		return func(a arguments) (any, error) {
			if len(a.args) != 1 {
				return nil, fmt.Errorf("one value to compare with is needed")
			}
			return a.s.compare(op, a.on, a.args[0])
		}
	}
	isUndefined := func(v any) bool { _, ok := v.(undefined); return ok }
	isString := func(v any) bool { _, ok := v.(string); return ok }
	isList := func(v any) bool { _, ok := v.(list); return ok }
	isDict := func(v any) bool { _, ok := v.(*dict); return ok }
	isInteger := func(v any) bool { _, ok := v.(int64); return ok }
	isFloat := func(v any) bool { _, ok := v.(float64); return ok }
	isBool := func(v any) bool { _, ok := v.(bool); return ok }
	tests = map[string]builtin{
		"defined":   of(func(v any) bool { return !isUndefined(v) }),
		"undefined": of(isUndefined),
		"none":      of(func(v any) bool { return v == nil }),
		"string":    of(isString),
		"boolean":   of(isBool),
		"integer":   of(isInteger),
		"float":     of(isFloat),
		"number":    of(func(v any) bool { return isInteger(v) || isFloat(v) || isBool(v) }),
		"mapping":   of(isDict),
		"sequence":  of(func(v any) bool { return isList(v) || isString(v) || isDict(v) || isUndefined(v) }),
		"iterable":  of(func(v any) bool { return isList(v) || isString(v) || isDict(v) || isUndefined(v) }),
		"true":      of(func(v any) bool { return v == true }),
		"false":     of(func(v any) bool { return v == false }),
		"lower":     of(func(v any) bool { s, ok := v.(string); return ok && s == strings.ToLower(s) && s != strings.ToUpper(s) }),
		"upper":     of(func(v any) bool { s, ok := v.(string); return ok && s == strings.ToUpper(s) && s != strings.ToLower(s) }),
		"odd":       func(a arguments) (any, error) { return divides(a.on, 2, 1) },
		"even":      func(a arguments) (any, error) { return divides(a.on, 2, 0) },
		"divisibleby": func(a arguments) (any, error) {
			n, err := a.integer(0, "num", 0)
			if err != nil {
				return nil, err
			}
			return divides(a.on, n, 0)
		},
		"in": compare("in"), "eq": compare("=="), "equalto": compare("=="), "ne": compare("!="),
		"lt": compare("<"), "le": compare("<="), "gt": compare(">"), "ge": compare(">="),
	}
}

// divides says whether a number leaves a remainder.
func divides(v any, by, remainder int64) (any, error) {
	n, ok := v.(int64)
	if !ok || by == 0 {
		return nil, fmt.Errorf("%s modulo %d is not supported", typeName(v), by)
	}
	return (n%by+by)%by == remainder, nil
}
