package jinja

import (
	"math"
	"slices"
	"strings"
)

// Dialect is the environment of jinja2 that a template is written for. The zero value is that of
// transformers.
type Dialect struct {
	// Plain is jinja2 as it comes, with StrictUndefined and keep_trailing_newline: white space
	// around tags and the last newline stay, a use of what is undefined is an error, tojson
	// makes ASCII that is safe in HTML, and what transformers adds does not exist. The sandbox
	// and the limits hold all the same.
	Plain bool
	// RegexReplace is the filter regex_replace(pattern, repl, count=0); nil: there is none.
	RegexReplace func(text, pattern, repl string, count int) (string, error)
}

// ofTransformers are the tags and variables that plain jinja2 does not have.
var ofTransformers = []string{"break", "continue", "generation", "raise_exception", "strftime_now"}

func (d *Dialect) lacks(name string) bool { return d.Plain && slices.Contains(ofTransformers, name) }

// filter is the filter of a name, nil where there is none.
func (d *Dialect) filter(name string) filterFunc {
	switch {
	case name == "regex_replace" && d.RegexReplace != nil:
		return d.regexReplace
	case name == "tojson" && d.Plain:
		return toSafeJSON
	}
	return filters[name]
}

func (d *Dialect) regexReplace(m *machine, v any, a args) any {
	p := a.bind("regex_replace", "pattern", required, "repl", required, "count", 0)
	text := m.mustText(v)
	m.step(len(text))
	out, err := d.RegexReplace(text, m.mustText(p[0]), m.mustText(p[1]), mustInt(p[2]))
	if err != nil {
		fail("RegexError", "regex_replace: %v", err)
	}
	return m.text(out)
}

var unsafeInHTML = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "'", `\u0027`)

// toSafeJSON is the filter tojson of jinja2.
func toSafeJSON(m *machine, v any, a args) any {
	indent := a.bind("tojson", "indent", nil)[0]
	named := newDict()
	named.set("ensure_ascii", true)
	named.set("sort_keys", true)
	named.set("indent", indent)
	text := toJSON(m, v, args{pos: []any{}, named: named}).(string)
	m.alloc(min(len(text), math.MaxInt/6) * 6)
	return markup(unsafeInHTML.Replace(text))
}
