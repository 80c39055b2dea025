package jinja

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// Every limit has a template that goes beyond it, and is refused by its name.
func TestLimits(t *testing.T) {
	nested := func(begin, end string, n int) string { return strings.Repeat(begin, n) + strings.Repeat(end, n) }
	for name, template := range map[string]string{
		"bytes of a template":                      strings.Repeat(" ", maxSourceBytes+1),
		"brackets within one another":              "{{ " + nested("[", "]", maxNesting+1) + " }}",
		"blocks and brackets within one another":   nested("{% if x %}", "{% endif %}", maxNesting+1),
		"operators in an expression":               "{{ 1" + strings.Repeat("+1", maxChain+1) + " }}",
		"steps":                                    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
		"bytes of output":                          "{% set s = 'x' * 1000000 %}{% for i in range(99) %}{{ s }}{% endfor %}",
		"bytes of values":                          "{% set ns = namespace(s='x' * 1000) %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
		"calls and expressions within one another": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
		"bits of an integer":                       "{{ 10 ** 5000 }}",
		"names in scopes and conditions":           namesOf(2000) + strings.Repeat("{% if x %}{{ y }}{% endif %}", 1500),
		"digits of a number":                       "{{ '%.5000f' % 1.5 }}",
	} {
		_, err := renderVector(vector{Template: template, Context: []byte("{}")}, Limits{})
		var limit *LimitError
		if !errors.As(err, &limit) || limit.Limit != name {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// namesOf is a template that names n variables.
func namesOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{{ v%d }}", i)
	}
	return b.String()
}

// What asks for much memory at once is refused before it gets it.
func TestLargeValuesAreRefused(t *testing.T) {
	for _, template := range []string{
		"{{ 'x' * 10000000000 }}", "{{ [1] * 10000000000 }}", "{{ (1,) * 9999999999999999999999 }}", "{{ 'x'.center(10000000000) }}",
		"{{ 'x'.ljust(10 ** 12) }}", "{{ 'x'.zfill(10 ** 12) }}", "{{ '%1000000000d' % 1 }}", "{{ '%*d' % (10 ** 12, 1) }}",
		"{{ '{:1000000000}'.format(1) }}", "{{ 'x' | indent(10 ** 12, true) }}",
		"{{ ['a', 'b'] | tojson(indent=10 ** 12) }}", "{{ 'x' | center(10 ** 12) }}", "{{ '\t'.expandtabs(10 ** 12) }}",
		"{{ [1] | batch(10 ** 12, 'x') | list }}", "{{ [1] | slice(10 ** 12) | list }}", "{{ ('x' * 1000000).replace('x', 'y' * 1000000) }}",
		"{{ ('x' * 1000000).join(range(1000) | map('string')) }}", "{{ range(100000) | map('string') | join('x' * 1000000) }}",
		"{{ 2 ** (10 ** 12) }}", "{{ 9 ** (9 ** 9) }}", "{% set x = [1] * 3000000 %}{% set y = x * 3000000 %}", "{{ 1.5 | round(10 ** 12) }}{{ 'x' * 10 ** 12 }}",
		"{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
		"{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}", "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('a', 'aab') %}{% endfor %}",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := renderVector(vector{Template: template, Context: []byte("{}")}, Limits{})
		runtime.ReadMemStats(&after)
		var limit *LimitError
		if !errors.As(err, &limit) {
			t.Errorf("%s: got %v", template, err)
		}
		if made := after.TotalAlloc - before.TotalAlloc; made > 1<<30 {
			t.Errorf("%s: made %d MB", template, made>>20)
		}
	}
}

func TestRangeIsLimited(t *testing.T) {
	for template, ok := range map[string]bool{
		"{{ range(100000) | length }}": true, "{{ range(100001) | length }}": false, "{{ range(0, -100001, -1) | length }}": false,
		"{{ range(-9223372036854775808, 9223372036854775807) | length }}": false, "{{ range(0, 10 ** 12, 10 ** 9) | length }}": true,
	} {
		_, err := renderVector(vector{Template: template, Context: []byte("{}")}, Limits{})
		var failure *RuntimeError
		if (err == nil) != ok || err != nil && (!errors.As(err, &failure) || failure.Kind != "OverflowError") {
			t.Errorf("%s: %v", template, err)
		}
	}
}

func TestContextIsLimited(t *testing.T) {
	for name, context := range map[string]string{
		"depth": `{"a":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "}", "digits": `{"a":` + strings.Repeat("9", 5000) + "}",
	} {
		_, err := ParseContext([]byte(context))
		var limit *LimitError
		if !errors.As(err, &limit) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, context := range []string{"", "[]", "{} {}", `{"a":`, "1", `{"a" 1}`} {
		if _, err := ParseContext([]byte(context)); err == nil {
			t.Errorf("the context %q was read", context)
		}
	}
}
