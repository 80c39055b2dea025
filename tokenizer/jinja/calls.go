package jinja

// closure is a macro, with the scope where it was defined.
type closure struct {
	macro *macro
	scope *scope
}

func (c *closure) text() string {
	if c.macro.anonymous {
		return "<Macro anonymous>"
	}
	return "<Macro " + Quote(c.macro.name) + ">"
}

// attribute are the attributes of a macro that templates may read.
func (c *closure) attribute(m *machine, name string) (any, bool) {
	switch name {
	case "name":
		if c.macro.anonymous {
			return nil, true
		}
		return c.macro.name, true
	case "arguments":
		var names []any
		for _, p := range c.macro.params {
			names = append(names, p.name)
		}
		return &tuple{items: names}, true
	case "catch_kwargs":
		return c.macro.usesKwargs, true
	case "catch_varargs":
		return c.macro.usesVarargs, true
	case "caller":
		return c.macro.usesCaller && !c.macro.explicitCaller, true
	}
	return nil, false
}

// call calls a value. A macro's text goes to out, and the result is empty, where out is
// not nil.
func (m *machine) call(callee any, a args, out *buffer) any {
	m.enter()
	defer m.leave()
	switch x := callee.(type) {
	case *undefined:
		x.use()
	case *function:
		return x.call(m, a)
	case *closure:
		line := m.line
		text := x.invoke(m, a, out)
		m.line = line
		return text
	case *loopValue:
		if x.recursive == nil {
			typeError("The loop must have the 'recursive' marker to be called recursively.")
		}
		v := a.bind("loop", "iterable", required)
		return x.recursive(v[0], x.depth0+1, out)
	case *object:
		if x.call != nil {
			return x.call(m, a)
		}
	}
	typeError("'%s' object is not callable", typeName(callee))
	return nil
}

// captureTo runs write with out, or else returns what it writes.
func (m *machine) captureTo(out *buffer, write func(out *buffer)) string {
	if out != nil {
		write(out)
		return ""
	}
	out = &buffer{captured: true}
	write(out)
	return out.text.String()
}

// invoke runs a macro.
func (c *closure) invoke(m *machine, a args, out *buffer) string {
	f := &frame{m: m, scope: &scope{outer: c.scope}}
	given := c.bind(f, a)
	return m.captureTo(out, func(out *buffer) {
		f.out = out
		for i, p := range c.macro.params {
			f.scope.set(p.name, c.value(f, p, given[i]))
		}
		f.run(c.macro.body)
	})
}

// unset is an argument that is not given.
type unset struct{}

// value is an argument, or what stands in for it.
func (c *closure) value(f *frame, p param, given any) any {
	if given != any(unset{}) {
		return given
	}
	if p.preset != nil {
		return f.eval(p.preset)
	}
	return f.m.undefined("parameter " + Quote(p.name) + " was not provided")
}

// bind are the arguments by parameter; the special ones go to the frame.
func (c *closure) bind(f *frame, a args) []any {
	f.m.items(4 + 2*len(c.macro.params))
	named := a.named
	given := make([]any, len(c.macro.params))
	for i, p := range c.macro.params {
		given[i] = unset{}
		if i < len(a.pos) {
			given[i] = a.pos[i]
		} else if v, ok := named.get(p.name); ok {
			given[i] = v
			named = named.without(p.name)
		}
	}
	c.bindSpecial(f, a, named)
	return given
}

// bindSpecial sets caller, kwargs and varargs, and refuses arguments that nothing takes.
func (c *closure) bindSpecial(f *frame, a args, named *dict) {
	if c.macro.usesCaller && !c.macro.explicitCaller {
		caller, ok := named.get("caller")
		if ok {
			named = named.without("caller")
		}
		if caller == nil {
			caller = f.m.undefined("No caller defined")
		}
		f.scope.set("caller", caller)
	}
	if c.macro.usesKwargs {
		if named == nil {
			named = newDict()
		}
		f.scope.set("kwargs", named)
	} else if named != nil && len(named.keys) > 0 {
		typeError("macro %s takes no keyword argument %s", Quote(c.macro.name), reprScalar(named.keys[0]))
	}
	extra := a.pos[min(len(a.pos), len(c.macro.params)):]
	if c.macro.usesVarargs {
		f.scope.set("varargs", &tuple{items: extra})
	} else if len(extra) > 0 {
		typeError("macro %s takes not more than %d argument(s)", Quote(c.macro.name), len(c.macro.params))
	}
}

// required marks a parameter without a default.
type requiredMark struct{}

var required = requiredMark{}

// bind are the arguments of a built-in by parameter. The signature is names and defaults
// in turn.
func (a args) bind(name string, signature ...any) []any {
	n := len(signature) / 2
	if len(a.pos) > n {
		typeError("%s() takes at most %d arguments (%d given)", name, n, len(a.pos))
	}
	out := make([]any, n)
	used := 0
	for i := range out {
		param := signature[2*i].(string)
		v, isNamed := a.named.get(param)
		switch {
		case isNamed && i < len(a.pos):
			typeError("%s() got multiple values for argument '%s'", name, param)
		case i < len(a.pos):
			out[i] = a.pos[i]
		case isNamed:
			out[i] = v
			used++
		default:
			if out[i] = signature[2*i+1]; out[i] == any(required) {
				typeError("%s() missing a required argument: '%s'", name, param)
			}
		}
	}
	if a.named != nil && used < len(a.named.keys) {
		typeError("%s() got an unexpected keyword argument", name)
	}
	return out
}

// positional are the arguments of a built-in that takes no keywords, from least to most
// of them; those not given are unset.
func (a args) positional(name string, least, most int) []any {
	if a.named != nil && len(a.named.keys) > 0 {
		typeError("%s() takes no keyword arguments", name)
	}
	if len(a.pos) < least || len(a.pos) > most {
		typeError("%s() takes from %d to %d arguments (%d given)", name, least, most, len(a.pos))
	}
	out := make([]any, most)
	for i := range out {
		out[i] = unset{}
	}
	copy(out, a.pos)
	return out
}
