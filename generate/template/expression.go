package template

import (
	"strconv"
)

// deeper guards the recursion of expressions.
func (p *parser) deeper() error {
	if p.depth++; p.depth > maxDepth {
		return p.fail("expressions nest deeper than %d", maxDepth)
	}
	return nil
}

// tuple reads an expression, or several with commas between.
func (p *parser) tuple() (expression, error) {
	first, err := p.expression()
	if err != nil || !p.is(",") {
		return first, err
	}
	items := []expression{first}
	for p.accept(",") {
		if p.is(")") || p.peek().kind == kindClose {
			break
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, e)
	}
	return listExpression(items), nil
}

// expression reads a if c else b, and all that binds tighter.
func (p *parser) expression() (expression, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	for p.accept("if") {
		c := conditional{then: e}
		if c.condition, err = p.or(); err != nil {
			return nil, err
		}
		if p.accept("else") {
			if c.otherwise, err = p.expression(); err != nil {
				return nil, err
			}
		}
		e = c
	}
	return e, nil
}

// binary reads operands joined by operators of one level, from the left.
func (p *parser) binary(operand func() (expression, error), operators ...string) (expression, error) {
	e, err := operand()
	for err == nil && p.is(operators...) {
		op := p.next().text
		var right expression
		if right, err = operand(); err == nil {
			e = operation{op, e, right}
		}
	}
	return e, err
}

func (p *parser) or() (expression, error)  { return p.binary(p.and, "or") }
func (p *parser) and() (expression, error) { return p.binary(p.not, "and") }

func (p *parser) not() (expression, error) {
	if !p.is("not") {
		return p.compare()
	}
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	p.next()
	e, err := p.not()
	return negation{e}, err
}

// compare reads comparisons; a < b < c means both.
func (p *parser) compare() (expression, error) {
	e, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := comparison{first: e}
	for {
		op := p.peek().text
		switch {
		case p.is("==", "!=", "<", ">", "<=", ">=", "in"):
			p.next()
		case p.is("not") && p.peekAt(1).text == "in":
			p.next()
			p.next()
			op = "not in"
		default:
			if len(c.operators) == 0 {
				return e, nil
			}
			return c, nil
		}
		right, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.operators, c.operands = append(c.operators, op), append(c.operands, right)
	}
}

func (p *parser) sum() (expression, error)     { return p.binary(p.concat, "+", "-") }
func (p *parser) concat() (expression, error)  { return p.binary(p.product, "~") }
func (p *parser) product() (expression, error) { return p.binary(p.unary, "*", "/", "//", "%") }

// unary reads a sign, an operand and its filters and tests.
func (p *parser) unary() (expression, error) {
	e, err := p.signed()
	for err == nil {
		switch {
		case p.accept("|"):
			e, err = p.filter(e)
		case p.accept("is"):
			e, err = p.test(e)
		case p.is("**"):
			return nil, p.fail("operator ** is not supported")
		default:
			return e, nil
		}
	}
	return e, err
}

func (p *parser) signed() (expression, error) {
	if !p.is("-", "+") {
		e, err := p.primary()
		if err != nil {
			return nil, err
		}
		return p.postfix(e)
	}
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	sign := p.next().text
	e, err := p.signed()
	return operation{sign, literal{int64(0)}, e}, err
}

func (p *parser) filter(e expression) (expression, error) {
	name := p.next()
	if _, ok := filters[name.text]; !ok || name.kind != kindName {
		return nil, p.fail("filter %q is not supported", name.text)
	}
	c := call{name: name.text, on: e}
	if p.is("(") {
		if err := p.arguments(&c); err != nil {
			return nil, err
		}
	}
	return filterCall(c), nil
}

func (p *parser) test(e expression) (expression, error) {
	negate := p.accept("not")
	name := p.next()
	if _, ok := tests[name.text]; !ok {
		return nil, p.fail("test %q is not supported", name.text)
	}
	c := call{name: name.text, on: e}
	t := p.peek()
	switch {
	case p.is("("):
		if err := p.arguments(&c); err != nil {
			return nil, err
		}
	case (t.kind == kindName && !p.is("else", "or", "and", "is", "if", "in", "not")) || t.kind == kindString || t.kind == kindNumber || p.is("[", "{"):
		arg, err := p.primary()
		if err == nil {
			arg, err = p.postfix(arg)
		}
		if err != nil {
			return nil, err
		}
		c.args = []expression{arg}
	}
	if negate {
		return negation{testCall(c)}, nil
	}
	return testCall(c), nil
}

// arguments reads (a, b, name=c).
func (p *parser) arguments(c *call) error {
	if err := p.expect("("); err != nil {
		return err
	}
	for !p.accept(")") {
		if p.peek().kind == kindName && p.peekAt(1).text == "=" && p.peekAt(1).kind == kindSign {
			c.names = append(c.names, p.next().text)
			p.next()
		} else if len(c.names) > 0 {
			return p.fail("an argument without name follows one with a name")
		}
		e, err := p.expression()
		if err != nil {
			return err
		}
		c.args = append(c.args, e)
		if !p.accept(",") && !p.is(")") {
			return p.fail("unexpected %q among arguments", p.peek().text)
		}
	}
	return nil
}

// postfix reads .name, .method(…), [index], [a:b:c] and (…) behind an operand.
func (p *parser) postfix(e expression) (expression, error) {
	for n := 0; ; n++ {
		if n > maxDepth {
			return nil, p.fail("more than %d attributes in a row", maxDepth)
		}
		switch {
		case p.accept("."):
			name := p.next()
			if name.kind != kindName {
				return nil, p.fail("a name must follow the dot")
			}
			if !p.is("(") {
				e = attribute{e, name.text}
				continue
			}
			c := call{name: name.text, on: e}
			if err := p.arguments(&c); err != nil {
				return nil, err
			}
			e = methodCall(c)
		case p.accept("["):
			var err error
			if e, err = p.subscript(e); err != nil {
				return nil, err
			}
		case p.is("("):
			v, ok := e.(variable)
			if !ok {
				return nil, p.fail("only functions and methods can be called")
			}
			c := call{name: string(v)}
			if err := p.arguments(&c); err != nil {
				return nil, err
			}
			e = functionCall(c)
		default:
			return e, nil
		}
	}
}

func (p *parser) subscript(e expression) (expression, error) {
	var bounds [3]expression
	colons := 0
	for !p.is("]") {
		if p.accept(":") {
			if colons++; colons > 2 {
				return nil, p.fail("a slice has at most three parts")
			}
			continue
		}
		if bounds[colons] != nil {
			return nil, p.fail("unexpected %q in an index", p.peek().text)
		}
		var err error
		if bounds[colons], err = p.expression(); err != nil {
			return nil, err
		}
	}
	p.next()
	if colons > 0 {
		return slice{e, bounds}, nil
	}
	if bounds[0] == nil {
		return nil, p.fail("an index is missing")
	}
	return index{e, bounds[0]}, nil
}

func (p *parser) primary() (expression, error) {
	t := p.next()
	switch t.kind {
	case kindString:
		s := t.text
		for p.peek().kind == kindString {
			s += p.next().text
		}
		return literal{s}, nil
	case kindNumber:
		if n, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			return literal{n}, nil
		}
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, p.fail("number %q is out of range", t.text)
		}
		return literal{f}, nil
	case kindName:
		switch t.text {
		case "true", "True":
			return literal{true}, nil
		case "false", "False":
			return literal{false}, nil
		case "none", "None":
			return literal{nil}, nil
		case "and", "or", "not", "in", "is", "if", "else":
		default:
			return variable(t.text), nil
		}
	case kindSign:
		switch t.text {
		case "(":
			if p.accept(")") {
				return listExpression{}, nil
			}
			e, err := p.tuple()
			if err != nil {
				return nil, err
			}
			return e, p.expect(")")
		case "[":
			items, err := p.items("]")
			return listExpression(items), err
		case "{":
			return p.dict()
		}
	}
	return nil, p.fail("unexpected %q", t.text)
}

// items reads expressions up to a closing bracket.
func (p *parser) items(end string) ([]expression, error) {
	var out []expression
	for !p.accept(end) {
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		out = append(out, e)
		if !p.accept(",") && !p.is(end) {
			return nil, p.fail("%q expected, found %q", end, p.peek().text)
		}
	}
	return out, nil
}

func (p *parser) dict() (expression, error) {
	var d dictExpression
	for !p.accept("}") {
		key, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expect(":"); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		d.keys, d.values = append(d.keys, key), append(d.values, value)
		if !p.accept(",") && !p.is("}") {
			return nil, p.fail("%q expected, found %q", "}", p.peek().text)
		}
	}
	return d, nil
}
