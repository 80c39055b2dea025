package jinja

import (
	"fmt"
	"slices"
	"strings"
)

// parser is jinja2's parser: the grammar of its functions of the same names.
type parser struct {
	dialect *Dialect
	tokens  []token
	at      int
	nesting int
	loops   int            // loops around, within the same macro
	unknown []*SyntaxError // filters and tests that do not exist; within an if they may be unused
	uses    []*macro       // macros around, to which names of special arguments are noted
	around  int            // for loops around, also outside of macros
	blocks  map[string]*blockStmt
	names   *names   // of the scope around
	roots   []*names // of blocks, which are scopes apart
	marks   bool     // whether there is a generation block
}

func (p *parser) current() token { return p.tokens[p.at] }

func (p *parser) look() token { return p.tokens[min(p.at+1, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.current()
	if p.at < len(p.tokens)-1 {
		p.at++
	}
	return t
}

func (p *parser) fail(line int, format string, args ...any) {
	panic(&SyntaxError{line, fmt.Sprintf(format, args...)})
}

func (t token) describe() string {
	if t.kind == tokenName {
		return t.text
	}
	return t.kind
}

func (t token) isName(names ...string) bool {
	return t.kind == tokenName && slices.Contains(names, t.text)
}

func (p *parser) skip(kind string) bool {
	ok := p.current().kind == kind
	if ok {
		p.next()
	}
	return ok
}

func (p *parser) skipName(name string) bool {
	ok := p.current().isName(name)
	if ok {
		p.next()
	}
	return ok
}

func (p *parser) expect(kind string) token {
	if t := p.current(); t.kind != kind {
		p.fail(t.line, "expected token '%s', got '%s'", kind, t.describe())
	}
	return p.next()
}

func (p *parser) expectName(name string) {
	if t := p.current(); !t.isName(name) {
		p.fail(t.line, "expected token '%s', got '%s'", name, t.describe())
	}
	p.next()
}

// deeper counts a level of nesting; the returned function ends it.
func (p *parser) deeper() func() {
	if p.nesting++; p.nesting > maxNesting {
		panic(&LimitError{Line: p.current().line, Limit: "blocks and brackets within one another", Max: maxNesting})
	}
	return func() { p.nesting-- }
}

// chain refuses an operator after n others where n is too large.
func (p *parser) chain(n int) {
	if n >= maxChain {
		panic(&LimitError{Line: p.current().line, Limit: "operators in an expression", Max: maxChain})
	}
}

// body parses statements up to a block that begins with one of the names in end; no end
// means the end of the template.
func (p *parser) body(end ...string) []stmt {
	defer p.deeper()()
	var out []stmt
	for {
		switch t := p.current(); t.kind {
		case tokenData:
			out = append(out, &dataStmt{t.text})
			p.next()
		case tokenVar:
			p.next()
			out = append(out, &printStmt{t.line, p.tuple(tupleRules{condexpr: true})})
			p.expect(tokenVarEnd)
		case tokenBlock:
			p.next()
			if len(end) > 0 && p.current().isName(end...) {
				return out
			}
			out = append(out, p.statement())
			p.expect(tokenBlockEnd)
		default:
			if len(end) > 0 {
				p.fail(t.line, "Unexpected end of template: want '%s'", strings.Join(end, "' or '"))
			}
			return out
		}
	}
}

// statements parses the body of a tag after its head. The current token is the end tag.
func (p *parser) statements(end ...string) []stmt {
	p.skip(":")
	p.expect(tokenBlockEnd)
	return p.body(end...)
}

// until parses the body of a tag, and goes past the end tag.
func (p *parser) until(end string) []stmt {
	out := p.statements(end)
	p.next()
	return out
}

var statements map[string]func(p *parser, line int) stmt

func init() {
	statements = map[string]func(p *parser, line int) stmt{
		"for": (*parser).forStmt, "if": (*parser).ifStmt, "set": (*parser).setStmt, "macro": (*parser).macroStmt,
		"call": (*parser).callStmt, "filter": (*parser).filterStmt, "with": (*parser).withStmt, "print": (*parser).printStmt,
		"block": (*parser).blockStmt, "autoescape": (*parser).autoescapeStmt, "generation": (*parser).generationStmt,
		"break": (*parser).breakStmt, "continue": (*parser).breakStmt, "include": (*parser).includeStmt,
		"extends": (*parser).includeStmt, "import": (*parser).includeStmt, "from": (*parser).includeStmt,
	}
}

func (p *parser) statement() stmt {
	t := p.current()
	if t.kind != tokenName {
		p.fail(t.line, "tag name expected")
	}
	f := statements[t.text]
	if f == nil || p.dialect.lacks(t.text) {
		p.fail(t.line, "Encountered unknown tag '%s'", t.text)
	}
	return f(p, p.next().line)
}

func (p *parser) setStmt(line int) stmt {
	target := p.assigns(line, p.target(true))
	if p.skip("=") {
		value := p.tuple(tupleRules{condexpr: true})
		p.noteTarget(eventStore, target)
		return &setStmt{line, target, value}
	}
	p.noteTarget(eventStore, target)
	n := &setBlock{line: line, target: target, text: &piped{}}
	p.in(p.newNames(), func() {
		n.filter = p.filters(n.text)
		n.body = p.scoped(func() []stmt { return p.until("endset") })
	})
	return n
}

func (p *parser) forStmt(line int) stmt {
	n := &forStmt{line: line, target: p.target(false)}
	p.around++
	p.assigns(line, n.target)
	p.expectName("in")
	n.items = p.tuple(tupleRules{})
	mark := len(p.unknown)
	if p.skipName("if") {
		p.in(p.newNames(), func() { n.test = p.expression() })
	}
	n.recursive = p.skipName("recursive")
	p.in(p.newNames(), func() { p.forBody(n) })
	if p.next().text == "else" {
		p.in(p.newNames(), func() {
			n.otherwise = p.scoped(func() []stmt { return p.until("endfor") })
		})
	}
	p.known(mark)
	p.around--
	return n
}

func (p *parser) forBody(n *forStmt) {
	p.note(eventParameter, "loop")
	p.noteTarget(eventParameter, n.target)
	p.loops++
	n.body = p.scoped(func() []stmt { return p.statements("endfor", "else") })
	p.loops--
}

// scoped parses the body of the current scope.
func (p *parser) scoped(parse func() []stmt) []stmt {
	return append([]stmt{&unsetStmt{p.names}}, parse()...)
}

// assigns refuses to assign to the loop object within a loop.
func (p *parser) assigns(line int, t target) target {
	if p.around > 0 && t.has("loop") {
		p.fail(line, "Can't assign to special loop variable in for-loop target")
	}
	return t
}

// has reports whether the target has the name.
func (t target) has(name string) bool {
	for _, n := range t.names {
		if n.name == name && n.attribute == "" || n.inner != nil && n.inner.has(name) {
			return true
		}
	}
	return false
}

// known refuses the names of filters and tests that do not exist and came after mark.
func (p *parser) known(mark int) {
	if len(p.unknown) > mark {
		panic(p.unknown[mark])
	}
}

func (p *parser) ifStmt(line int) stmt {
	mark := len(p.unknown)
	n := &ifStmt{}
	first := p.branchOf(n, line)
	var others, last []nameEvent
	for t := p.next(); ; t = p.next() {
		if t.text == "else" {
			last = p.branch(func() { n.otherwise = p.until("endif") })
		}
		if t.text != "elif" {
			break
		}
		others = append(others, p.branch(func() {
			p.noteBranches(p.branchOf(n, t.line))
		})...)
	}
	p.noteBranches(first, others, last)
	p.unknown = p.unknown[:mark]
	return n
}

// branchOf parses a condition and its body; it returns the body's uses of names.
func (p *parser) branchOf(n *ifStmt, line int) []nameEvent {
	b := branch{line: line, test: p.tuple(tupleRules{})}
	events := p.branch(func() { b.body = p.statements("elif", "else", "endif") })
	n.branches = append(n.branches, b)
	return events
}

func (p *parser) withStmt(line int) stmt {
	n := &withStmt{line: line}
	for p.current().kind != tokenBlockEnd {
		if len(n.targets) > 0 {
			p.expect(",")
		}
		n.targets = append(n.targets, p.target(false))
		p.expect("=")
		n.values = append(n.values, p.expression())
	}
	p.in(p.newNames(), func() {
		for _, t := range n.targets {
			p.noteTarget(eventParameter, t)
		}
		n.body = p.inner("endwith")
	})
	return n
}

// inner parses the body of the current scope, and goes past the end tag.
func (p *parser) inner(end string) []stmt {
	mark := len(p.unknown)
	body := p.scoped(func() []stmt { return p.until(end) })
	p.known(mark)
	return body
}

func (p *parser) autoescapeStmt(line int) stmt {
	n := &autoescapeStmt{line: line}
	p.in(p.newNames(), func() {
		n.on = p.expression()
		n.body = p.inner("endautoescape")
	})
	return n
}

func (p *parser) blockStmt(line int) stmt {
	n := &blockStmt{line: line, name: p.expect(tokenName).text}
	n.scoped = p.skipName("scoped")
	n.required = p.skipName("required")
	if p.blocks[n.name] != nil {
		p.fail(line, "block '%s' defined twice", n.name)
	}
	p.blocks[n.name] = n
	root := &names{}
	p.roots = append(p.roots, root)
	p.in(root, func() { n.body = p.function(&macro{}, "endblock") })
	p.skipName(n.name)
	return n
}

// function parses a body that is a function of its own in the code that jinja2 makes.
func (p *parser) function(m *macro, end string) []stmt {
	loops := p.loops
	p.loops = 0
	p.uses = append(p.uses, m)
	defer func() { p.loops, p.uses = loops, p.uses[:len(p.uses)-1] }()
	return p.inner(end)
}

func (p *parser) breakStmt(line int) stmt {
	if p.loops == 0 {
		p.fail(line, "'break' or 'continue' outside loop")
	}
	if p.tokens[p.at-1].text == "break" {
		return signalStmt(signalBreak)
	}
	return signalStmt(signalContinue)
}

// includeStmt parses the statements that name other templates, none of which there are.
func (p *parser) includeStmt(line int) stmt {
	word := p.tokens[p.at-1].text
	name := p.expression()
	for p.current().kind == tokenName || p.current().kind == "," {
		p.next()
	}
	return &includeStmt{line, word, name}
}

func (p *parser) printStmt(line int) stmt {
	var out printsStmt
	for p.current().kind != tokenBlockEnd {
		if len(out) > 0 {
			p.expect(",")
		}
		out = append(out, &printStmt{line, p.expression()})
	}
	return out
}

func (p *parser) signature(m *macro) {
	p.expect("(")
	for p.current().kind != ")" {
		if len(m.params) > 0 {
			p.expect(",")
		}
		name := p.expect(tokenName)
		var preset expr
		if p.skip("=") {
			preset = p.expression()
		} else if n := len(m.params); n > 0 && m.params[n-1].preset != nil {
			p.fail(name.line, "non-default argument follows default argument")
		}
		if slices.ContainsFunc(m.params, func(o param) bool { return o.name == name.text }) {
			p.fail(name.line, "duplicate argument '%s'", name.text)
		}
		if name.text == "caller" {
			m.explicitCaller = true
			if preset == nil {
				p.fail(name.line, `the special "caller" argument must be omitted or be given a default`)
			}
		}
		m.params = append(m.params, param{name.text, preset})
		p.note(eventParameter, name.text)
	}
	p.expect(")")
}

func (p *parser) macroStmt(line int) stmt {
	m := &macro{name: p.expect(tokenName).text}
	p.note(eventStore, m.name)
	p.in(p.newNames(), func() {
		p.signature(m)
		m.body = p.function(m, "endmacro")
	})
	return &macroStmt{line, m}
}

func (p *parser) callStmt(line int) stmt {
	m := &macro{anonymous: true}
	scope := p.newNames()
	if p.current().kind == "(" {
		p.in(scope, func() { p.signature(m) })
	}
	c, ok := p.expression().(*callExpr)
	if !ok {
		p.fail(line, "expected call")
	}
	p.in(scope, func() { m.body = p.function(m, "endcall") })
	return &callStmt{line, c, m}
}

func (p *parser) filterStmt(line int) stmt {
	n := &filterStmt{line: line, text: &piped{}}
	n.filter = p.filters(p.filter(n.text))
	p.in(p.newNames(), func() { n.body = p.inner("endfilter") })
	return n
}

func (p *parser) generationStmt(line int) stmt {
	m := &macro{anonymous: true}
	p.marks = true
	p.in(p.newNames(), func() { m.body = p.function(m, "endgeneration") })
	return &generationStmt{line, m}
}

// target parses what is assigned to.
func (p *parser) target(withNamespace bool) target {
	var t target
	for {
		if p.current().kind == tokenBlockEnd || p.current().kind == ")" {
			break
		}
		t.names = append(t.names, p.targetName(withNamespace))
		if !p.skip(",") {
			break
		}
		t.tuple = true
	}
	if len(t.names) == 0 && !t.tuple {
		p.fail(p.current().line, "Expected an expression, got '%s'", p.current().describe())
	}
	return t
}

// targetName parses a name, a namespace's attribute, or such in parentheses.
func (p *parser) targetName(withNamespace bool) targetName {
	defer p.deeper()()
	if p.skip("(") {
		inner := p.target(withNamespace)
		p.expect(")")
		return targetName{inner: &inner}
	}
	t := p.current()
	if t.kind != tokenName || slices.Contains(constants, t.text) {
		p.fail(t.line, "can't assign to '%s'", t.describe())
	}
	p.next()
	n := targetName{name: t.text}
	if withNamespace && p.skip(".") {
		n.attribute = p.expect(tokenName).text
	}
	return n
}
