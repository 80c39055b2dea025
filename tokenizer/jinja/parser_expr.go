package jinja

import (
	"slices"
	"strings"
)

var constants = []string{"true", "True", "false", "False", "none", "None"}

// tupleRules are the arguments of jinja2's parse_tuple.
type tupleRules struct {
	condexpr bool // inline ifs are allowed
	parens   bool // it stands in parentheses: it may be empty
}

// tuple parses an expression, or several with commas between them.
func (p *parser) tuple(rules tupleRules) expr {
	var items []expr
	isTuple := false
	for {
		t := p.current()
		if t.kind == tokenVarEnd || t.kind == tokenBlockEnd || t.kind == ")" {
			break
		}
		if rules.condexpr || rules.parens {
			items = append(items, p.expression())
		} else {
			items = append(items, p.or())
		}
		if !p.skip(",") {
			break
		}
		isTuple = true
	}
	if isTuple || len(items) == 0 && rules.parens {
		return &listExpr{items, true}
	}
	if len(items) == 0 {
		p.fail(p.current().line, "Expected an expression, got '%s'", p.current().describe())
	}
	return items[0]
}

func (p *parser) expression() expr {
	defer p.deeper()()
	mark := len(p.unknown)
	value := p.or()
	for n := 0; p.skipName("if"); n++ {
		p.chain(n)
		c := &condExpr{test: p.or(), then: value, line: p.current().line}
		if p.skipName("else") {
			c.otherwise = p.expression()
		}
		value = c
		p.unknown = p.unknown[:mark]
	}
	return value
}

func (p *parser) or() expr {
	left := p.and()
	for n := 0; p.skipName("or"); n++ {
		p.chain(n)
		left = &logicExpr{left, p.and(), true}
	}
	return left
}

func (p *parser) and() expr {
	left := p.not()
	for n := 0; p.skipName("and"); n++ {
		p.chain(n)
		left = &logicExpr{left, p.not(), false}
	}
	return left
}

func (p *parser) not() expr {
	if p.skipName("not") {
		defer p.deeper()()
		return &notExpr{p.not()}
	}
	return p.compare()
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">="}

func (p *parser) compare() expr {
	n := &compareExpr{first: p.math1()}
	for {
		t := p.current()
		op := t.kind
		switch {
		case slices.Contains(comparisons, op):
			p.next()
		case t.isName("in"):
			p.next()
			op = "in"
		case t.isName("not") && p.look().isName("in"):
			p.next()
			p.next()
			op = "not in"
		case len(n.ops) == 0:
			return n.first
		default:
			return n
		}
		n.line = t.line
		n.ops = append(n.ops, op)
		n.operands = append(n.operands, p.math1())
	}
}

// binary parses operators that bind to the left.
func (p *parser) binary(operand func() expr, ops ...string) expr {
	left := operand()
	for n := 0; slices.Contains(ops, p.current().kind); n++ {
		p.chain(n)
		t := p.next()
		left = &binaryExpr{t.line, t.kind, left, operand()}
	}
	return left
}

func (p *parser) math1() expr { return p.binary(p.concat, "+", "-") }

func (p *parser) concat() expr {
	items := []expr{p.math2()}
	for p.skip("~") {
		items = append(items, p.math2())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &concatExpr{items}
}

func (p *parser) math2() expr { return p.binary(p.pow, "*", "/", "//", "%") }

func (p *parser) pow() expr { return p.binary(func() expr { return p.unary(true) }, "**") }

func (p *parser) unary(withFilter bool) expr {
	var n expr
	if t := p.current(); t.kind == "-" || t.kind == "+" {
		defer p.deeper()()
		p.next()
		n = &unaryExpr{t.line, t.kind, p.unary(false)}
	} else {
		n = p.primary()
	}
	n = p.postfix(n)
	if withFilter {
		n = p.filterExpr(n)
	}
	return n
}

func (p *parser) primary() expr {
	t := p.next()
	switch t.kind {
	case tokenName:
		return p.nameOrConstant(t)
	case tokenString:
		parts := []string{t.value.(string)}
		for p.current().kind == tokenString {
			parts = append(parts, p.next().value.(string))
		}
		return &constExpr{strings.Join(parts, "")}
	case tokenInteger, tokenFloat:
		return &constExpr{t.value}
	case "(":
		n := p.tuple(tupleRules{parens: true})
		p.expect(")")
		return n
	case "[":
		return &listExpr{p.list("]"), false}
	case "{":
		return p.dict(t.line)
	}
	p.fail(t.line, "unexpected '%s'", t.describe())
	return nil
}

func (p *parser) nameOrConstant(t token) expr {
	if i := slices.Index(constants, t.text); i >= 0 {
		return &constExpr{[]any{true, true, false, false, nil, nil}[i]}
	}
	for _, m := range p.uses {
		m.note(t.text)
	}
	p.note(eventLoad, t.text)
	return &nameExpr{t.text}
}

// list parses expressions with commas between them, the last of which may be followed by
// one, up to the token end.
func (p *parser) list(end string) []expr {
	var items []expr
	for p.current().kind != end {
		items = append(items, p.expression())
		if p.current().kind != end {
			p.expect(",")
		}
	}
	p.next()
	return items
}

func (p *parser) dict(line int) expr {
	n := &dictExpr{line: line}
	for p.current().kind != "}" {
		n.keys = append(n.keys, p.expression())
		p.expect(":")
		n.values = append(n.values, p.expression())
		if p.current().kind != "}" {
			p.expect(",")
		}
	}
	p.next()
	return n
}

func (p *parser) postfix(n expr) expr {
	for i := 0; ; i++ {
		p.chain(i)
		switch p.current().kind {
		case ".", "[":
			n = p.subscript(n)
		case "(":
			n = p.call(n)
		default:
			return n
		}
	}
}

func (p *parser) filterExpr(n expr) expr {
	for i := 0; ; i++ {
		p.chain(i)
		switch t := p.current(); {
		case t.kind == "|":
			p.next()
			n = p.filter(n)
		case t.isName("is"):
			n = p.test(n)
		case t.kind == "(":
			n = p.call(n)
		default:
			return n
		}
	}
}

func (p *parser) subscript(n expr) expr {
	t := p.next()
	if t.kind == "." {
		a := p.next()
		switch a.kind {
		case tokenName:
			return &attrExpr{t.line, n, a.text}
		case tokenInteger:
			return &itemExpr{t.line, n, &constExpr{a.value}}
		}
		p.fail(a.line, "expected name or number")
	}
	var args []expr
	for p.current().kind != "]" {
		if len(args) > 0 {
			p.expect(",")
		}
		args = append(args, p.subscribed())
	}
	p.next()
	if len(args) == 1 {
		return &itemExpr{t.line, n, args[0]}
	}
	if slices.ContainsFunc(args, func(e expr) bool { _, ok := e.(*sliceExpr); return ok }) {
		p.fail(t.line, "a slice must be the only index")
	}
	return &itemExpr{t.line, n, &listExpr{args, true}}
}

// subscribed parses an index or a slice.
func (p *parser) subscribed() expr {
	n := &sliceExpr{}
	if p.current().kind != ":" {
		if n.bounds[0] = p.expression(); p.current().kind != ":" {
			return n.bounds[0]
		}
	}
	for i := 1; i < 3 && p.skip(":"); i++ {
		if k := p.current().kind; k != "]" && k != "," && k != ":" {
			n.bounds[i] = p.expression()
		}
	}
	return n
}

func (p *parser) call(n expr) expr { return &callExpr{p.current().line, n, p.arguments()} }

func (p *parser) arguments() argExprs {
	line := p.expect("(").line
	var a argExprs
	for n := 0; p.current().kind != ")"; n++ {
		if n > 0 {
			if p.expect(","); p.current().kind == ")" {
				break
			}
		}
		p.argument(&a, line)
	}
	p.expect(")")
	return a
}

func (p *parser) argument(a *argExprs, line int) {
	isKeyword := p.current().kind == tokenName && p.look().kind == "="
	ok := true
	switch {
	case p.skip("*"):
		ok = a.rest == nil && a.restNamed == nil
		a.rest = p.expression()
	case p.skip("**"):
		ok = a.restNamed == nil
		a.restNamed = p.expression()
	case isKeyword:
		name := p.next().text
		p.next()
		ok = a.restNamed == nil && !slices.Contains(a.names, name)
		a.names = append(a.names, name)
		a.named = append(a.named, p.expression())
	default:
		ok = a.rest == nil && a.restNamed == nil && len(a.names) == 0
		a.pos = append(a.pos, p.expression())
	}
	if !ok {
		p.fail(line, "invalid syntax for function call expression")
	}
}

// filters parses any number of filters.
func (p *parser) filters(n expr) expr {
	for i := 0; p.skip("|"); i++ {
		p.chain(i)
		n = p.filter(n)
	}
	return n
}

// dotted parses a name that may have dots in it.
func (p *parser) dotted() (string, int) {
	t := p.expect(tokenName)
	name := t.text
	for p.skip(".") {
		name += "." + p.expect(tokenName).text
	}
	return name, t.line
}

func (p *parser) filter(n expr) expr {
	name, line := p.dotted()
	f := &filterExpr{line: line, value: n, name: name}
	if p.current().kind == "(" {
		f.args = p.arguments()
	}
	if p.dialect.filter(name) == nil {
		p.unknown = append(p.unknown, &SyntaxError{line, "No filter named '" + name + "'."})
	}
	return f
}

// testOperands are the tokens that the argument of a test without parentheses begins with.
var testOperands = []string{tokenName, tokenString, tokenInteger, tokenFloat, "[", "{"}

func (p *parser) test(n expr) expr {
	line := p.next().line
	negated := p.skipName("not")
	name, _ := p.dotted()
	t := &testExpr{line: line, value: n, name: name}
	switch c := p.current(); {
	case c.kind == "(":
		t.args = p.arguments()
	case c.isName("is"):
		p.fail(c.line, "You cannot chain multiple tests with is")
	case slices.Contains(testOperands, c.kind) && !c.isName("else", "or", "and"):
		t.args.pos = []expr{p.postfix(p.primary())}
	}
	if tests[name] == nil {
		p.unknown = append(p.unknown, &SyntaxError{line, "No test named '" + name + "'."})
	}
	if negated {
		return &notExpr{t}
	}
	return t
}
