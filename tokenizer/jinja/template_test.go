package jinja

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func renderText(t *testing.T, template, context string) Result {
	t.Helper()
	parsed, err := Parse(template)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseContext([]byte(context))
	if err != nil {
		t.Fatal(err)
	}
	r, err := parsed.Render(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The spans of generation blocks are bytes of the output, also within macros, loops and
// call blocks; what becomes a value has none.
func TestGenerationSpans(t *testing.T) {
	const context = `{"m":[{"c":"é1"},{"c":"two"}]}`
	for template, want := range map[string]string{
		"{% for x in m %}U{% generation %}{{ x.c }}!{% endgeneration %}\n{% endfor %}":                                                                       "[é1! two!] 0",
		"{% macro t(x) %}<{% generation %}{{ x.c }}{% endgeneration %}>{% endmacro %}{% for x in m %}{{ t(x) }}{% endfor %}":                                 "[é1 two] 0",
		"{% macro t(x) %}<{{ caller() }}>{% endmacro %}{% for x in m %}{% call t(x) %}{% generation %}{{ x.c }}{% endgeneration %}{% endcall %}{% endfor %}": "[é1 two] 0",
		"{% set s %}{% generation %}a{% endgeneration %}{% endset %}{{ s }}":                                                                                 "[] 1",
		"{% macro t() %}{% generation %}a{% endgeneration %}{% endmacro %}{{ t() ~ 'b' }}":                                                                   "[] 1",
		"a{% generation %}{% endgeneration %}b":                                                                                                              "[] 0",
		"{% for x in m recursive %}{% generation %}{{ x.c }}{% endgeneration %}{{ loop(x.k) if x.k }}{% endfor %}":                                           "[é1 two] 0",
	} {
		r := renderText(t, template, context)
		var spans []string
		for _, s := range r.Generation {
			spans = append(spans, r.Text[s.Start:s.End])
		}
		if got := fmt.Sprintf("%v %d", spans, r.Detached); got != want {
			t.Errorf("%s: got %s, want %s", template, got, want)
		}
	}
}

// Errors say the line and what went wrong.
func TestErrorsNameTheLine(t *testing.T) {
	for template, want := range map[string]string{
		"a\n{{ x.y.z }}": "template line 2: UndefinedError: 'x' is undefined",
		"a\n\n{% if %}":  "template line 3: syntax error: Expected an expression, got 'end of statement block'",
		"{% for x in [1] %}\n{{ x + 'a' }}{% endfor %}":              "template line 2: TypeError: unsupported operand type(s) for +: 'int' and 'str'",
		"\n{{ raise_exception('no ' ~ 1) }}":                         "template line 2: TemplateError: no 1",
		"{{ [].append(1) }}":                                         "template line 1: SecurityError: access to attribute 'append' of 'list' object is unsafe.",
		"\n\n{% include 'x' %}":                                      "template line 3: TypeError: {% include %} is not supported: a chat template stands alone, there is no loader",
		"{% macro m(a) %}\n\n{{ a.b.c }}{% endmacro %}\n{{ m({}) }}": "template line 3: UndefinedError: 'dict object' has no attribute 'b'",
		"{{ 'a' | nofilter }}":                                       "template line 1: syntax error: No filter named 'nofilter'.",
		"{{ '\\x1' }}":                                               "template line 1: syntax error: truncated \\x escape",
		"{% autoescape true %}{% endautoescape %}":                   "template line 1: NotImplementedError: autoescape is not supported: chat templates make plain text",
		"\n{# ": "template line 2: syntax error: Missing end of comment tag",
	} {
		_, err := renderVector(vector{Template: template, Context: []byte("{}")}, Limits{})
		if err == nil || err.Error() != want {
			t.Errorf("%q\n got %v\nwant %s", template, err, want)
		}
	}
	_, err := renderVector(vector{Template: "{{ raise_exception('x') }}", Context: []byte("{}")}, Limits{})
	var failure *RuntimeError
	if !errors.As(err, &failure) || failure.Kind != "TemplateError" || failure.Problem != "x" {
		t.Errorf("got %#v", err)
	}
}

// Expected texts are those of datetime.strftime under glibc.
func TestStrftime(t *testing.T) {
	for format, want := range map[string]string{
		"%Y-%m-%d %H:%M:%S": "2026-11-28 09:05:07", "%d %b %Y": "28 Nov 2026", "%A, %B %-d, %y": "Saturday, November 28, 26",
		"%I:%M %p": "09:05 AM", "%j %U %W %w %u": "332 47 47 6 6", "%G-%V": "2026-48", "%c|%x|%X|%%": "Sat Nov 28 09:05:07 2026|11/28/26|09:05:07|%",
		"%e %k %l %_d %^b": "28  9  9 28 NOV", "%f": "000000", "%Q": "%Q", "%": "%", "é%d": "é28", "%D %F %T %R": "11/28/26 2026-11-28 09:05:07 09:05",
	} {
		if got := strftime(vectorTime(), format); got != want {
			t.Errorf("%q: got %q, want %q", format, got, want)
		}
	}
}

func TestContext(t *testing.T) {
	c := NewContext()
	for name, value := range map[string]any{"a": []int{1}, "b": map[string]any{}, "c": nil} {
		if err := c.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if !c.Has("c") || c.Has("d") || !c.IsTrue("a") || c.IsTrue("b") || c.IsTrue("d") {
		t.Error("Has or IsTrue is wrong")
	}
	if err := c.Set("f", func() {}); err == nil || !strings.Contains(err.Error(), "f") {
		t.Errorf("a function became a variable: %v", err)
	}
}

func ExampleTemplate_Render() {
	t, _ := Parse("{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}\n{% endfor %}{{ strftime_now('%Y') }}")
	c, _ := ParseContext([]byte(`{"messages": [{"role": "user", "content": " Hi "}]}`))
	r, err := t.Render(c, Options{Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }})
	fmt.Println(r.Text, err)
	// Output:
	// <|user|>Hi
	// 2026 <nil>
}
