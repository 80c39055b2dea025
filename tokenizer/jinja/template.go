// Package jinja renders chat templates exactly as transformers renders them: jinja2 in
// its immutable sandbox with trim_blocks, lstrip_blocks, loop controls, generation blocks,
// raise_exception, strftime_now and transformers' tojson. Values behave, print and fail as
// Python's do. There is no loader: include, import and extends are errors, and so is
// autoescape. Dialect has the environment of lm-evaluation-harness too.
//
// A template comes with a model, from a stranger. It can neither run for ever nor take
// the memory: see Limits.
//
// Why it is not a library: of the 392 vectors in testdata gonja 2.9.1 renders 290 as
// jinja2 does, and github.com/ardanlabs/jinja 1.8.0 renders 290; neither knows generation
// blocks, prints values as Python prints them or bounds loops and texts (ardanlabs/jinja
// makes a text of 500 MB and nine million iterations without an error).
package jinja

import (
	"strings"
	"time"
)

// Template is a parsed template. It may be used from several goroutines.
type Template struct {
	dialect Dialect
	body    []stmt
	blocks  map[string]*blockStmt
	marks   bool
}

// MarksGeneration reports whether the template has generation blocks, which mark the assistant's text.
func (t *Template) MarksGeneration() bool { return t.marks }

// Parse parses a template of transformers. The error is a *SyntaxError or a *LimitError.
func Parse(source string) (*Template, error) { return Dialect{}.Parse(source) }

// Parse parses a template of the dialect.
func (d Dialect) Parse(source string) (t *Template, err error) {
	if len(source) > maxSourceBytes {
		return nil, &LimitError{Limit: "bytes of a template", Max: maxSourceBytes}
	}
	p := &parser{dialect: &d, blocks: map[string]*blockStmt{}, names: &names{}}
	defer catch(&err, func() int { return 1 })
	p.tokens = lex(strings.ToValidUTF8(source, "\uFFFD"), d.Plain)
	root := p.names
	body := append([]stmt{&unsetStmt{root}}, p.body()...)
	p.known(0)
	work := 0
	root.resolve(nil, &work)
	for _, n := range p.roots {
		n.resolve(nil, &work)
	}
	return &Template{d, body, p.blocks, p.marks}, nil
}

// Options are what a render depends on besides the context.
type Options struct {
	Limits Limits
	Now    func() time.Time // for strftime_now; nil = time.Now
}

// Result is what a template renders.
type Result struct {
	Text string
	// Generation are the spans of the text that generation blocks printed, in the order
	// in which they ended.
	Generation []Span
	// Detached counts the generation blocks whose text became a value, in a set block or
	// in a macro that is part of a larger expression, so that its place is not known.
	Detached int
}

// Render renders the template with the variables of a context, which Context or
// ParseContext make. The error is a *RuntimeError or a *LimitError.
func (t *Template) Render(c *Context, o Options) (r Result, err error) {
	m := &machine{limits: o.Limits.withDefaults(), dialect: &t.dialect, now: o.Now, blocks: t.blocks}
	m.top = &scope{outer: globals(m.dialect)}
	if m.now == nil {
		m.now = time.Now
	}
	m.steps, m.bytes = m.limits.Steps, m.limits.ValueBytes
	defer catch(&err, func() int { return m.line })
	for i, k := range c.values.keys {
		m.top.set(k.(string), c.values.values[i])
	}
	m.top = &scope{outer: m.top}
	out := &buffer{limit: m.limits.OutputBytes}
	(&frame{m, m.top, out}).run(t.body)
	return Result{out.text.String(), out.spans, m.detached}, nil
}

// machine is one render.
type machine struct {
	limits       Limits
	dialect      *Dialect
	steps, bytes int // that are left
	depth        int
	line         int // of the template, where it is now
	now          func() time.Time
	top          *scope // of the template's own variables
	blocks       map[string]*blockStmt
	detached     int
}

// self is the variable of that name: its attributes are the blocks.
func (m *machine) self() any {
	return &object{name: "TemplateReference", attr: func(name string) (any, bool) {
		b, ok := m.blocks[name]
		return &function{name, func(m *machine, _ args) any {
			return m.captureTo(nil, func(out *buffer) { b.exec(&frame{m, m.top, out}) })
		}}, ok
	}}
}
