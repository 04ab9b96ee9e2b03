package tokenizer

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern finds the first match in s that begins at or after at and is not empty.
type pattern interface {
	find(s string, at int) (i, j int, ok bool)
}

// literal matches itself.
type literal string

func (l literal) find(s string, at int) (int, int, bool) {
	if l == "" {
		return 0, 0, false
	}
	i := strings.Index(s[at:], string(l))
	return at + i, at + i + len(l), i >= 0
}

// oneRune matches each character of a class by itself.
type oneRune func(r rune) bool

func (f oneRune) find(s string, at int) (int, int, bool) {
	for i := at; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if f(r) {
			return i, i + size, true
		}
		i += size
	}
	return 0, 0, false
}

// scanner is a regular expression written by hand that leaves no gaps: it returns the end of the match at i.
type scanner func(s string, i int) (j int)

func (f scanner) find(s string, at int) (int, int, bool) {
	if at >= len(s) {
		return 0, 0, false
	}
	return at, f(s, at), true
}

// expression is a regular expression that runs in linear time. Its group "blanks", if it took part, stands for
// \s+(?!\S): white space but for its last character where text follows.
type expression struct {
	re     *regexp.Regexp
	blanks int
}

func (e expression) find(s string, at int) (int, int, bool) {
	for at < len(s) {
		m := e.re.FindStringSubmatchIndex(s[at:])
		if m == nil {
			return 0, 0, false
		}
		i, j := at+m[0], at+m[1]
		if i == j {
			_, size := utf8.DecodeRuneInString(s[i:])
			at = i + max(size, 1)
			continue
		}
		if e.blanks > 0 && m[2*e.blanks] >= 0 && j < len(s) {
			if _, size := utf8.DecodeLastRuneInString(s[i:j]); size < j-i {
				j -= size
			}
		}
		return i, j, true
	}
	return 0, 0, false
}

// The regular expressions that models in use cut their text by, as their tokenizer files spell them.
const (
	gpt2Expression   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	llama3Expression = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Expression  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// Limits on a regular expression.
const (
	maxExpression = 4096 // bytes
	maxProgram    = 2000 // instructions: each character may cost as many steps
)

// compile returns the pattern for a regular expression in the dialect of tokenizer files (Oniguruma, Unicode
// classes). What needs look-around beyond a last \s+(?!\S)|\s+, or possessive quantifiers, is an error.
func compile(expr string) (pattern, error) {
	switch expr {
	case gpt2Expression:
		return scanner(scanGPT2), nil
	case llama3Expression:
		return scanner(scanLlama3), nil
	case qwen2Expression:
		return scanner(scanQwen2), nil
	case `\p{N}`:
		return oneRune(unicode.IsNumber), nil
	}
	return compileExpression(expr)
}

func compileExpression(expr string) (pattern, error) {
	if len(expr) > maxExpression {
		return nil, fmt.Errorf("regular expression of %d bytes (at most %d)", len(expr), maxExpression)
	}
	goExpr := expr
	for _, last := range []string{`\s+(?!\S)|\s+`, `\s+(?!\S)`} {
		head, ok := strings.CutSuffix(expr, last)
		if ok && (head == "" || strings.HasSuffix(head, "|")) {
			goExpr = head + `(?P<blanks>\s+)`
			break
		}
	}
	if strings.Contains(goExpr, "(?!") || strings.Contains(goExpr, "(?=") || strings.Contains(goExpr, "(?<") {
		return nil, fmt.Errorf("regular expression %q: look-around is supported only as a last \\s+(?!\\S)", expr)
	}
	goExpr, err := unicodeClasses(goExpr)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", expr, err)
	}
	re, err := regexp.Compile(goExpr)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", expr, err)
	}
	parsed, err := syntax.Parse(goExpr, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", expr, err)
	}
	if program, err := syntax.Compile(parsed.Simplify()); err != nil || len(program.Inst) > maxProgram {
		return nil, fmt.Errorf("regular expression %.64q is too large", expr)
	}
	if parsed.Op == syntax.OpConcat && re.SubexpIndex("blanks") > 0 {
		return nil, fmt.Errorf("regular expression %q: \\s+(?!\\S) must be an alternative of its own", expr)
	}
	return expression{re: re, blanks: max(re.SubexpIndex("blanks"), 0)}, nil
}

// unicodeClasses writes \s, \d and \w out as the Unicode classes that they are in tokenizer files, where Go
// means ASCII.
func unicodeClasses(expr string) (string, error) {
	const blanks, digits = `\t-\r\x{85}\p{Z}`, `\p{Nd}`
	const words = `\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}`
	var b strings.Builder
	inClass, escaped := false, false // escaped: what stands before is an escape
	for i := 0; i < len(expr); i++ {
		c := expr[i]
		if c != '\\' || i+1 == len(expr) {
			switch {
			case c == '[' && !inClass:
				inClass = true
			case c == ']':
				inClass = false
			case c == '&' && inClass && strings.HasPrefix(expr[i:], "&&"):
				return "", fmt.Errorf("intersection of classes is not supported")
			case c == '+' && !inClass && !escaped && i > 0 && strings.IndexByte("+*?}", expr[i-1]) >= 0:
				return "", fmt.Errorf("possessive quantifiers are not supported")
			}
			b.WriteByte(c)
			escaped = false
			continue
		}
		i++
		class, negative := "", false
		switch expr[i] {
		case 's':
			class = blanks
		case 'd':
			class = digits
		case 'w':
			class = words
		case 'S':
			class, negative = blanks, true
		case 'D':
			class, negative = digits, true
		case 'W':
			class, negative = words, true
		default: // another escape, \p{L} and \x{85} with their braces
			n := 1
			if close := strings.IndexByte(expr[i:], '}'); strings.HasPrefix(expr[i+1:], "{") && close > 0 {
				n = close + 1
			}
			b.WriteString(expr[i-1 : i+n])
			i += n - 1
			escaped = true
			continue
		}
		switch {
		case inClass && negative:
			return "", fmt.Errorf("\\%c inside a class is not supported", expr[i])
		case inClass:
			b.WriteString(class)
		case negative:
			b.WriteString("[^" + class + "]")
		default:
			b.WriteString("[" + class + "]")
		}
		escaped = true
	}
	return b.String(), nil
}
