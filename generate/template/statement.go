package template

import (
	"fmt"
	"strings"
)

// state is one rendering.
type state struct {
	scopes []map[string]any // of variables, the innermost last
	out    *strings.Builder
	steps  int
	size   int // bytes written so far, into blocks too
	built  int // bytes of strings made on the way
	nested int
}

// charge counts n steps.
func (s *state) charge(n int) error {
	if s.steps += n; s.steps > maxSteps || n < 0 {
		return fmt.Errorf("more than %d steps", maxSteps)
	}
	return nil
}

// build counts a string of n bytes that is about to be made.
func (s *state) build(n int) error {
	if s.built += n; n > maxOutput || s.built > maxBuilt || n < 0 {
		return fmt.Errorf("a string of more than %d bytes, or more than %d bytes of strings", maxOutput, maxBuilt)
	}
	return nil
}

func (s *state) write(text string) error {
	if s.size += len(text); s.size > maxOutput {
		return fmt.Errorf("more than %d bytes of output", maxOutput)
	}
	s.out.WriteString(text)
	return nil
}

func (s *state) lookup(name string) (any, bool) {
	for i := len(s.scopes) - 1; i >= 0; i-- {
		if v, ok := s.scopes[i][name]; ok {
			return v, true
		}
	}
	return undefined{name}, false
}

func (s *state) assign(name string, v any) { s.scopes[len(s.scopes)-1][name] = v }

// jump is what a statement does to the loop around it.
type jump string

const (
	goOn      jump = ""
	breaks    jump = "break"
	continues jump = "continue"
)

type statement interface {
	run(s *state) (jump, error)
}

func (s *state) run(body []statement) (jump, error) {
	for _, st := range body {
		if err := s.charge(1); err != nil {
			return goOn, err
		}
		if j, err := st.run(s); err != nil || j != goOn {
			return j, err
		}
	}
	return goOn, nil
}

type textStatement string

func (t textStatement) run(s *state) (jump, error) { return goOn, s.write(string(t)) }

type printStatement struct{ value expression }

func (p printStatement) run(s *state) (jump, error) {
	v, err := s.eval(p.value)
	if err != nil {
		return goOn, err
	}
	text, err := s.text(v)
	if err != nil {
		return goOn, err
	}
	return goOn, s.write(text)
}

type blockStatement []statement

func (b blockStatement) run(s *state) (jump, error) { return s.run(b) }

type jumpStatement string

func (j jumpStatement) run(*state) (jump, error) { return jump(j), nil }

type ifStatement struct {
	conditions []expression
	bodies     [][]statement
	otherwise  []statement
}

func (i ifStatement) run(s *state) (jump, error) {
	for k, c := range i.conditions {
		v, err := s.eval(c)
		if err != nil {
			return goOn, err
		}
		if truth(v) {
			return s.run(i.bodies[k])
		}
	}
	return s.run(i.otherwise)
}

type setStatement struct {
	targets   []string
	attribute string // of a namespace
	value     expression
	body      []statement // of a block, instead of value
	block     bool
}

func (st setStatement) run(s *state) (jump, error) {
	if st.block {
		outer := s.out
		s.out = new(strings.Builder)
		s.scopes = append(s.scopes, map[string]any{})
		j, err := s.run(st.body)
		text := s.out.String()
		s.out, s.scopes = outer, s.scopes[:len(s.scopes)-1]
		if err == nil {
			s.assign(st.targets[0], text)
		}
		return j, err
	}
	v, err := s.eval(st.value)
	if err != nil {
		return goOn, err
	}
	if st.attribute != "" {
		target, _ := s.lookup(st.targets[0])
		ns, ok := target.(*namespace)
		if !ok {
			return goOn, fmt.Errorf("%s.%s cannot be set: %s is no namespace", st.targets[0], st.attribute, st.targets[0])
		}
		ns.set(st.attribute, v)
		return goOn, nil
	}
	return goOn, s.bind(st.targets, v)
}

// bind assigns a value to one name, or its items to several.
func (s *state) bind(targets []string, v any) error {
	if len(targets) == 1 {
		s.assign(targets[0], v)
		return nil
	}
	items, err := s.items(v)
	if err != nil {
		return err
	}
	if len(items) != len(targets) {
		return fmt.Errorf("%d values for %d names", len(items), len(targets))
	}
	for i, name := range targets {
		s.assign(name, items[i])
	}
	return nil
}

type forStatement struct {
	targets   []string
	over      expression
	filter    expression
	body      []statement
	otherwise []statement
}

// loop is the variable loop.
type loop struct {
	items []any
	at    int
	depth int
}

func (f forStatement) run(s *state) (jump, error) {
	v, err := s.eval(f.over)
	if err != nil {
		return goOn, err
	}
	items, err := s.items(v)
	if err != nil {
		return goOn, err
	}
	scope := func() { s.scopes = append(s.scopes, map[string]any{}) }
	leave := func() { s.scopes = s.scopes[:len(s.scopes)-1] }
	if f.filter != nil {
		kept := make([]any, 0, len(items))
		for _, item := range items {
			scope()
			err := s.bind(f.targets, item)
			var keep any
			if err == nil {
				keep, err = s.eval(f.filter)
			}
			leave()
			if err != nil {
				return goOn, err
			}
			if truth(keep) {
				kept = append(kept, item)
			}
		}
		items = kept
	}
	if len(items) == 0 {
		return s.run(f.otherwise)
	}
	s.nested++
	defer func() { s.nested-- }()
	l := &loop{items: items, depth: s.nested}
	for i, item := range items {
		l.at = i
		scope()
		s.assign("loop", l)
		err := s.bind(f.targets, item)
		j := goOn
		if err == nil {
			j, err = s.run(f.body)
		}
		leave()
		if err != nil {
			return goOn, err
		}
		if j == breaks {
			break
		}
	}
	return goOn, nil
}

// attribute returns loop.name.
func (l *loop) attribute(name string) (any, error) {
	n, at := int64(len(l.items)), int64(l.at)
	switch name {
	case "index":
		return at + 1, nil
	case "index0":
		return at, nil
	case "revindex":
		return n - at, nil
	case "revindex0":
		return n - at - 1, nil
	case "first":
		return at == 0, nil
	case "last":
		return at == n-1, nil
	case "length":
		return n, nil
	case "depth":
		return int64(l.depth), nil
	case "depth0":
		return int64(l.depth) - 1, nil
	case "previtem":
		if at > 0 {
			return l.items[at-1], nil
		}
		return undefined{"loop.previtem"}, nil
	case "nextitem":
		if at+1 < n {
			return l.items[at+1], nil
		}
		return undefined{"loop.nextitem"}, nil
	}
	return nil, fmt.Errorf("loop.%s is not supported", name)
}
