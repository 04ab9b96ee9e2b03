package template

import (
	"fmt"
	"slices"
)

// parser reads statements from tokens.
type parser struct {
	tokens []token
	at     int
	depth  int // of expressions
	loops  int // around the statement
}

func (p *parser) peek() token { return p.peekAt(0) }

func (p *parser) peekAt(n int) token {
	return p.tokens[min(p.at+n, len(p.tokens)-1)]
}

func (p *parser) next() token {
	t := p.peek()
	if p.at < len(p.tokens)-1 {
		p.at++
	}
	return t
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", p.peek().line, fmt.Sprintf(format, args...))
}

// is says whether the next token is a name or sign.
func (p *parser) is(texts ...string) bool {
	t := p.peek()
	return (t.kind == kindName || t.kind == kindSign) && slices.Contains(texts, t.text)
}

// accept consumes the next token if it is text.
func (p *parser) accept(text string) bool {
	if p.is(text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(text string) error {
	if !p.accept(text) {
		return p.fail("%q expected, found %q", text, p.peek().text)
	}
	return nil
}

func (p *parser) close() error {
	if p.peek().kind != kindClose {
		return p.fail("unexpected %q", p.peek().text)
	}
	p.next()
	return nil
}

// tagIs says whether the next tag is one of the statements.
func (p *parser) tagIs(names ...string) bool {
	return p.peek().kind == kindOpen && p.peek().text == "{%" && slices.Contains(names, p.peekAt(1).text)
}

// body reads statements up to a tag that begins none: the caller's.
func (p *parser) body(depth int) ([]statement, error) {
	if depth > maxDepth {
		return nil, p.fail("statements nest deeper than %d", maxDepth)
	}
	var out []statement
	for {
		t := p.peek()
		switch {
		case t.kind == kindEnd || p.tagIs("endfor", "endif", "else", "elif", "endset", "endgeneration"):
			return out, nil
		case t.kind == kindText:
			p.next()
			out = append(out, textStatement(t.text))
		case t.text == "{{":
			p.next()
			e, err := p.tuple()
			if err != nil {
				return nil, err
			}
			if err := p.close(); err != nil {
				return nil, err
			}
			out = append(out, printStatement{e})
		default:
			p.next()
			s, err := p.statement(depth)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
	}
}

// inner reads the end of a tag and the body behind it.
func (p *parser) inner(depth int) ([]statement, error) {
	if err := p.close(); err != nil {
		return nil, err
	}
	return p.body(depth + 1)
}

// end reads the tag that ends a statement.
func (p *parser) end(name string) error {
	if !p.tagIs(name) {
		return p.fail("%q is missing", name)
	}
	p.next()
	p.next()
	return p.close()
}

func (p *parser) statement(depth int) (statement, error) {
	name := p.next()
	switch name.text {
	case "if":
		return p.ifStatement(depth)
	case "for":
		return p.forStatement(depth)
	case "set":
		return p.setStatement(depth)
	case "generation": // marks the assistant's tokens for training
		body, err := p.inner(depth)
		if err != nil {
			return nil, err
		}
		return blockStatement(body), p.end("endgeneration")
	case "break", "continue":
		if p.loops == 0 {
			return nil, p.fail("%s outside of a loop", name.text)
		}
		return jumpStatement(name.text), p.close()
	}
	return nil, fmt.Errorf("line %d: statement %q is not supported", name.line, name.text)
}

func (p *parser) ifStatement(depth int) (statement, error) {
	var s ifStatement
	for {
		condition, err := p.expression()
		if err != nil {
			return nil, err
		}
		body, err := p.inner(depth)
		if err != nil {
			return nil, err
		}
		s.conditions, s.bodies = append(s.conditions, condition), append(s.bodies, body)
		if !p.tagIs("elif") {
			break
		}
		p.next()
		p.next()
	}
	if p.tagIs("else") {
		p.next()
		p.next()
		var err error
		if s.otherwise, err = p.inner(depth); err != nil {
			return nil, err
		}
	}
	return s, p.end("endif")
}

func (p *parser) forStatement(depth int) (statement, error) {
	var s forStatement
	var err error
	if s.targets, err = p.names(); err != nil {
		return nil, err
	}
	if err := p.expect("in"); err != nil {
		return nil, err
	}
	if s.over, err = p.or(); err != nil {
		return nil, err
	}
	if p.accept("if") {
		if s.filter, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if p.is("recursive") {
		return nil, p.fail("a recursive loop is not supported")
	}
	p.loops++
	s.body, err = p.inner(depth)
	p.loops--
	if err != nil {
		return nil, err
	}
	if p.tagIs("else") {
		p.next()
		p.next()
		if s.otherwise, err = p.inner(depth); err != nil {
			return nil, err
		}
	}
	return s, p.end("endfor")
}

func (p *parser) setStatement(depth int) (statement, error) {
	var s setStatement
	var err error
	if s.targets, err = p.names(); err != nil {
		return nil, err
	}
	if len(s.targets) == 1 && p.accept(".") {
		if s.attribute = p.next().text; s.attribute == "" {
			return nil, p.fail("a name must follow the dot")
		}
	}
	if p.accept("=") {
		if s.value, err = p.tuple(); err != nil {
			return nil, err
		}
		return s, p.close()
	}
	if len(s.targets) != 1 || s.attribute != "" {
		return nil, p.fail("%q expected", "=")
	}
	if s.body, err = p.inner(depth); err != nil {
		return nil, err
	}
	s.block = true
	return s, p.end("endset")
}

// names reads the targets of for and set.
func (p *parser) names() ([]string, error) {
	paren := p.accept("(")
	var out []string
	for {
		t := p.next()
		if t.kind != kindName || slices.Contains(reserved, t.text) {
			return nil, p.fail("a name is expected, found %q", t.text)
		}
		out = append(out, t.text)
		if !p.accept(",") {
			break
		}
	}
	if paren {
		return out, p.expect(")")
	}
	return out, nil
}

// reserved are the names that are no variables.
var reserved = []string{"and", "or", "not", "in", "is", "if", "else", "elif", "for", "true", "false", "none", "True", "False", "None"}
