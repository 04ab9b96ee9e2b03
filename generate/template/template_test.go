package template

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"spatten/internal/shared"
)

type rendering struct {
	Name, Source string
	Chat         [][2]string
	Generate     bool
	Extra        map[string]json.RawMessage
	Text         *string
	Error        string
}

func readGolden(t testing.TB) []rendering {
	t.Helper()
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []rendering
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func (r rendering) conversation() Conversation {
	c := Conversation{AddGenerationPrompt: r.Generate, BOS: "<s>", EOS: "</s>", Extra: map[string]any{}}
	for _, m := range r.Chat {
		c.Messages = append(c.Messages, Message{m[0], m[1]})
	}
	for k, v := range r.Extra {
		c.Extra[k] = v
	}
	return c
}

func render(src string, c Conversation) (string, error) {
	t, err := Parse(src)
	if err != nil {
		return "", err
	}
	return t.Render(c)
}

// TestGolden compares with Jinja 2 (testdata/golden.py); what is an error there is one here.
func TestGolden(t *testing.T) {
	all := readGolden(t)
	if len(all) < 90 {
		t.Fatalf("%d renderings", len(all))
	}
	for _, r := range all {
		got, err := render(r.Source, r.conversation())
		switch {
		case r.Text == nil && err == nil:
			t.Errorf("%s %q gives %q, must fail as %q", r.Name, r.Source, got, r.Error)
		case r.Text != nil && err != nil && !closed(r.Source):
			t.Errorf("%s %q: %v", r.Name, r.Source, err)
		case r.Text != nil && err == nil && got != *r.Text:
			t.Errorf("%s %q:\n got %q\nwant %q", r.Name, r.Source, got, *r.Text)
		}
		var raised *RaisedError
		if strings.Contains(r.Source, "raise_exception") && r.Error != "" && (!errors.As(err, &raised) || raised.Message != r.Error) {
			t.Errorf("%s: error %v, want %q raised", r.Name, err, r.Error)
		}
	}
}

// closed says whether a template uses what Jinja has and we leave out on purpose.
func closed(src string) bool {
	return strings.Contains(src, "__class__") || strings.Contains(src, "macro")
}

func TestOracle(t *testing.T) {
	src, err := os.ReadFile(shared.Path(t, "models", "tiny-llama-bf16-sharded", "chat_template.jinja"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(shared.Path(t, "reference", "oracle", "smollm2_tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Rendered string `json:"chat_template_rendered"`
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	got, err := render(string(src), Conversation{Messages: []Message{{"user", "What is the capital of France?"}}, AddGenerationPrompt: true})
	if err != nil || got != want.Rendered {
		t.Errorf("%q (%v), want %q", got, err, want.Rendered)
	}
}

func TestHostile(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"class", "{{ ''.__class__.__mro__ }}", "not allowed"},
		{"class by index", "{{ messages['__class__'] is defined }}{{ cycler }}{{ self }}{{ x.y }}", "undefined"},
		{"globals", "{{ namespace.__init__.__globals__ }}", "not allowed"},
		{"method", "{{ ''.format(1) }}", `method "format" of a string is not supported`},
		{"import", "{% import 'os' as os %}", `statement "import" is not supported`},
		{"clock", "{{ strftime_now('%Y') }}", `function "strftime_now" is not supported`},
		{"endless", "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "steps"},
		{"long range", "{{ range(10000000) }}", "range of more than"},
		{"doubling", "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "bytes"},
		{"doubling lists", "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "steps"},
		{"doubling printed", "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}", "nests deeper"},
		{"output", "{% for i in range(100000) %}" + strings.Repeat("x", 1000) + "{% endfor %}", "bytes of output"},
		{"replace", "{% set a = 'x' %}{% for i in range(40) %}{% set a = a|replace('x', 'xx') %}{% endfor %}{% set ns = namespace(a='x') %}{% for i in range(40) %}{% set ns.a = ns.a|replace('x', 'xxxxxxxx') %}{% endfor %}", "bytes"},
		{"join", "{% set ns = namespace(a='xx') %}{% for i in range(40) %}{% set ns.a = [ns.a, ns.a]|join(ns.a) %}{% endfor %}", "bytes"},
		{"parentheses", "{{ " + strings.Repeat("(", 10000) + "1" + strings.Repeat(")", 10000) + " }}", "nest deeper"},
		{"minus", "{{ " + strings.Repeat("-", 10000) + "1 }}", "nest deeper"},
		{"not", "{{ " + strings.Repeat("not ", 10000) + "1 }}", "nest deeper"},
		{"ifs", strings.Repeat("{% if 1 %}", 10000), "nest deeper"},
		{"long", strings.Repeat("x", maxSource+1), "at most"},
		{"integers", "{{ 9007199254740992 * 9007199254740992 }}", "beyond"},
		{"no end", "{% if 1 %}x", `"endif" is missing`},
		{"end alone", "x{% endif %}", `"endif" without its beginning`},
		{"tag without end", "{{ 1", "without its"},
		{"string without end", "{{ 'a }}", "string without end"},
		{"comment without end", "{# a", "comment without end"},
		{"bad sign", "{{ a ? b }}", "unexpected '?'"},
		{"line", "a\n\nb{{ 1 + }}", "line 3"},
		{"power", "{{ 9 ** 9 ** 9 }}", "** is not supported"},
		{"huge slice step", "{{ 'abc'[::9007199254740992] }}{{ x.y }}", "undefined"},
		{"break outside", "{% break %}", "outside"},
	} {
		_, err := render(c.src, Conversation{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %.200v, want %q in it", c.name, err, c.want)
		}
	}
}

func FuzzChatTemplate(f *testing.F) {
	for _, r := range readGolden(f) {
		f.Add(r.Source)
	}
	c := Conversation{Messages: []Message{{"system", "s"}, {"user", "it's\n"}}, AddGenerationPrompt: true, BOS: "<s>", EOS: "</s>"}
	f.Fuzz(func(t *testing.T, src string) {
		first, err := render(src, c)
		second, err2 := render(src, c)
		if first != second || (err == nil) != (err2 == nil) {
			t.Fatalf("two renderings differ: %q %v, %q %v", first, err, second, err2)
		}
		if len(first) > maxOutput {
			t.Fatalf("%d bytes of output", len(first))
		}
	})
}
