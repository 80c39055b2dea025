package jinja

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"unicode"
)

// filterFunc is a filter: v is what stands before the |.
type filterFunc func(m *machine, v any, a args) any

var filters map[string]filterFunc

// filter is {{ v | name(a) }}.
func (m *machine) filter(name string, v any, a args) any {
	m.step(1)
	f := m.dialect.filter(name)
	if f == nil {
		fail("TemplateRuntimeError", "No filter named '%s'.", name)
	}
	return f(m, v, a)
}

func init() {
	filters = map[string]filterFunc{
		"abs": filterAbs, "attr": filterAttr, "batch": filterBatch, "default": filterDefault, "dictsort": filterDictSort,
		"escape": filterEscape, "filesizeformat": filterFileSize, "first": filterFirst, "float": filterFloat,
		"forceescape": func(m *machine, v any, _ args) any { return markup(m.escape(m.str(v))) },
		"format":      filterFormat, "groupby": filterGroupBy, "indent": filterIndent, "int": filterInt, "items": filterItems,
		"join": filterJoin, "last": filterLast, "length": filterLength, "list": filterList, "map": filterMap,
		"max": extreme(">"), "min": extreme("<"), "pprint": filterPretty, "random": filterRandom,
		"reject": choose(false, false), "rejectattr": choose(true, false), "select": choose(false, true),
		"selectattr": choose(true, true), "replace": filterReplace, "reverse": filterReverse, "round": filterRound,
		"safe":  func(m *machine, v any, _ args) any { return markup(m.str(v)) },
		"slice": filterSlice, "sort": filterSort, "string": filterString, "striptags": filterStripTags, "sum": filterSum,
		"tojson": toJSON, "trim": filterTrim, "truncate": filterTruncate, "unique": filterUnique,
		"urlencode": filterURLEncode, "urlize": filterURLize, "wordcount": filterWordCount, "wordwrap": filterWordWrap, "xmlattr": filterXMLAttr,
		"upper": textFilter("upper", upper), "lower": textFilter("lower", lower),
		"capitalize": textFilter("capitalize", capitalize), "title": textFilter("title", titleWords),
		"center": func(m *machine, v any, a args) any {
			return sameKind(v, m.pad(m.str(v), " ", '^', mustInt(a.bind("center", "width", 80)[0])))
		},
	}
	for alias, name := range map[string]string{"d": "default", "e": "escape", "count": "length"} {
		filters[alias] = filters[name]
	}
}

// textFilter is a filter without arguments that makes a text of str(v).
func textFilter(name string, f func(s string) string) filterFunc {
	return func(m *machine, v any, a args) any {
		a.positional(name, 0, 0)
		return sameKind(v, m.text(f(m.str(v))))
	}
}

// getter makes the function that follows a path of attributes, such as "a.b.0".
func (m *machine) getter(attribute any) func(v any) any {
	var parts []any
	if path, ok := asString(attribute); ok {
		for part := range strings.SplitSeq(path, ".") {
			parts = append(parts, pathPart(part))
		}
	} else if attribute != nil {
		parts = []any{attribute}
	}
	m.items(len(parts))
	return func(v any) any {
		for _, part := range parts {
			m.step(1)
			v = m.getitem(v, part)
		}
		return v
	}
}

// pathPart is a key, or an index where it has only digits.
func pathPart(s string) any {
	if s != "" && strings.Trim(s, "0123456789") == "" {
		if n, ok := parseInt(s, 10); ok {
			return n
		}
	}
	return s
}

// ignoreCase is a text in lower case, for comparisons.
func (m *machine) ignoreCase(v any) any {
	if s, ok := asString(v); ok {
		return m.text(lower(s))
	}
	return v
}

func (m *machine) keyer(attribute any, caseSensitive bool) func(v any) any {
	get := m.getter(attribute)
	if caseSensitive {
		return get
	}
	return func(v any) any { return m.ignoreCase(get(v)) }
}

func filterDefault(_ *machine, v any, a args) any {
	p := a.bind("default", "default_value", "", "boolean", false)
	if isUndefined(v) || isTrue(p[1]) && !isTrue(v) {
		return p[0]
	}
	return v
}

func filterAttr(m *machine, v any, a args) any {
	name := m.mustText(a.bind("attr", "name", required)[0])
	if _, ok := m.attribute(v, name); !ok {
		return m.missing(v, name)
	}
	return m.getattr(v, name)
}

func filterLength(_ *machine, v any, a args) any {
	a.positional("length", 0, 0)
	n, ok := length(v)
	if !ok {
		typeError("object of type '%s' has no len()", typeName(v))
	}
	return n
}

func filterList(m *machine, v any, a args) any {
	a.positional("list", 0, 0)
	return &list{m.all(v)}
}

func filterString(m *machine, v any, a args) any {
	a.positional("string", 0, 0)
	if _, ok := v.(markup); ok {
		return v
	}
	return m.str(v)
}

func filterFirst(m *machine, v any, a args) any {
	a.positional("first", 0, 0)
	if first, ok := m.mustIterate(v).next(); ok {
		return first
	}
	return m.undefined("No first item, sequence was empty.")
}

func filterLast(m *machine, v any, a args) any {
	a.positional("last", 0, 0)
	if last, ok := m.reversed(v).next(); ok {
		return last
	}
	return m.undefined("No last item, sequence was empty.")
}

// reversed is Python's reversed().
func (m *machine) reversed(v any) *iterator {
	switch v.(type) {
	case *dict, *dictView, *list, *tuple, *rangeValue, string, markup, *undefined:
	default:
		typeError("'%s' object is not reversible", typeName(v))
	}
	items := m.all(v)
	return m.counted("reversed", len(items), func(i int) any { return items[len(items)-1-i] })
}

func filterReverse(m *machine, v any, a args) any {
	a.positional("reverse", 0, 0)
	if s, ok := asString(v); ok {
		return sameKind(v, m.partOfText(s, &slice{nil, nil, -1}))
	}
	switch v.(type) {
	case *dict, *dictView, *list, *tuple, *rangeValue, *undefined:
		return m.reversed(v)
	}
	items := m.all(v)
	for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
		items[i], items[j] = items[j], items[i]
	}
	return &list{items}
}

func filterRandom(m *machine, v any, a args) any {
	a.positional("random", 0, 0)
	n, ok := length(v)
	if !ok {
		typeError("object of type '%s' has no len()", typeName(v))
	}
	if n == 0 {
		return m.undefined("No random item, sequence was empty.")
	}
	return m.getitem(v, rand.IntN(n))
}

func filterItems(m *machine, v any, a args) any {
	a.positional("items", 0, 0)
	if isUndefined(v) {
		return overItems("generator", nil)
	}
	d, ok := v.(*dict)
	if !ok {
		typeError("Can only get item pairs from a mapping.")
	}
	return m.counted("generator", len(d.keys), d.pair)
}

func filterJoin(m *machine, v any, a args) any {
	p := a.bind("join", "d", "", "attribute", nil)
	get := m.getter(p[1])
	var parts []string
	for _, item := range m.all(v) {
		parts = append(parts, m.str(get(item)))
	}
	return m.join(parts, m.str(p[0]))
}

func filterMap(m *machine, v any, a args) any {
	if !isTrue(v) && !isIterator(v) {
		return overItems("generator", nil)
	}
	f := m.mapper(a)
	it := m.mustIterate(v)
	return &iterator{"generator", func() (any, bool) {
		item, ok := it.next()
		if !ok {
			return nil, false
		}
		return f(item), true
	}}
}

func isIterator(v any) bool { _, ok := v.(*iterator); return ok }

// mapper is the function that map applies: a filter or a path of attributes.
func (m *machine) mapper(a args) func(v any) any {
	if attribute, ok := a.named.get("attribute"); ok && len(a.pos) == 0 {
		rest := args{named: a.named.without("attribute")}
		preset := rest.bind("map", "default", nil)[0]
		return m.getterOr(attribute, preset)
	}
	if len(a.pos) == 0 {
		fail("FilterArgumentError", "map requires a filter argument")
	}
	name := m.str(a.pos[0])
	rest := args{a.pos[1:], a.named}
	return func(v any) any { return m.filter(name, v, rest) }
}

// getterOr is getter with a value for what is undefined on the way; nil = none.
func (m *machine) getterOr(attribute, preset any) func(v any) any {
	if preset == nil {
		return m.getter(attribute)
	}
	var steps []func(v any) any
	if path, ok := asString(attribute); ok {
		for part := range strings.SplitSeq(path, ".") {
			steps = append(steps, m.getter(pathPart(part)))
		}
	} else {
		steps = append(steps, m.getter(attribute))
	}
	return func(v any) any {
		for _, step := range steps {
			if v = step(v); isUndefined(v) {
				v = preset
			}
		}
		return v
	}
}

// choose is select, reject, selectattr and rejectattr.
func choose(byAttribute, keep bool) filterFunc {
	return func(m *machine, v any, a args) any {
		if !isTrue(v) && !isIterator(v) {
			return overItems("generator", nil)
		}
		it := m.mustIterate(v)
		var holds func(v any) bool
		return &iterator{"generator", func() (any, bool) {
			if holds == nil {
				holds = m.chooser(byAttribute, a)
			}
			for item, ok := it.next(); ok; item, ok = it.next() {
				if holds(item) == keep {
					return item, true
				}
			}
			return nil, false
		}}
	}
}

// chooser is the test of select and its like.
func (m *machine) chooser(byAttribute bool, a args) func(v any) bool {
	get := func(v any) any { return v }
	if byAttribute {
		if len(a.pos) == 0 {
			fail("FilterArgumentError", "Missing parameter for attribute name")
		}
		get = m.getter(a.pos[0])
		a.pos = a.pos[1:]
	}
	if len(a.pos) == 0 {
		return func(v any) bool { return isTrue(get(v)) }
	}
	name := m.str(a.pos[0])
	rest := args{a.pos[1:], a.named}
	return func(v any) bool { return m.test(name, get(v), rest) }
}

// test is {{ v is name(a) }}.
func (m *machine) test(name string, v any, a args) bool {
	m.step(1)
	t := tests[name]
	if t == nil {
		fail("TemplateRuntimeError", "No test named '%s'.", name)
	}
	return t(m, v, a)
}

var tests map[string]func(m *machine, v any, a args) bool

func init() {
	tests = map[string]func(m *machine, v any, a args) bool{
		"odd":         remainder(1),
		"even":        remainder(0),
		"divisibleby": testDivisible,
		"defined":     plain(func(v any) bool { return !isUndefined(v) }),
		"undefined":   plain(isUndefined),
		"none":        plain(func(v any) bool { return v == nil }),
		"boolean":     plain(func(v any) bool { _, ok := v.(bool); return ok }),
		"true":        plain(func(v any) bool { return v == true }),
		"false":       plain(func(v any) bool { return v == false }),
		"integer":     plain(isInteger),
		"float":       plain(func(v any) bool { _, ok := v.(float64); return ok }),
		"string":      plain(func(v any) bool { _, ok := asString(v); return ok }),
		"escaped":     plain(func(v any) bool { _, ok := v.(markup); return ok }),
		"mapping":     plain(isMapping),
		"number":      plain(isNumber),
		"callable":    plain(isCallable),
		"sequence":    plain(isSequence),
		"iterable":    func(m *machine, v any, a args) bool { a.positional("iterable", 0, 0); return m.iterate(v) != nil },
		"lower":       func(m *machine, v any, _ args) bool { return isCased(m.str(v), unicode.IsLower) },
		"upper":       func(m *machine, v any, _ args) bool { return isCased(m.str(v), unicode.IsUpper) },
		"sameas":      func(_ *machine, v any, a args) bool { return sameAs(v, a.bind("sameas", "other", required)[0]) },
		"filter":      func(m *machine, v any, _ args) bool { s, _ := asString(v); return m.dialect.filter(s) != nil },
		"test":        func(_ *machine, v any, _ args) bool { s, _ := asString(v); return tests[s] != nil },
		"in":          func(m *machine, v any, a args) bool { return m.contains(a.bind("in", "seq", required)[0], v) },
	}
	for op, names := range map[string]string{
		"==": "== eq equalto", "!=": "!= ne", "<": "< lt lessthan", "<=": "<= le", ">": "> gt greaterthan", ">=": ">= ge",
	} {
		for name := range strings.FieldsSeq(names) {
			tests[name] = func(m *machine, v any, a args) bool {
				return m.compare(op, v, a.positional(name, 1, 1)[0])
			}
		}
	}
}

// plain is a test without arguments.
func plain(f func(v any) bool) func(*machine, any, args) bool {
	return func(_ *machine, v any, a args) bool {
		a.positional("test", 0, 0)
		return f(v)
	}
}

func isUndefined(v any) bool { _, ok := v.(*undefined); return ok }

func isInteger(v any) bool {
	switch v.(type) {
	case int, *big.Int:
		return true
	}
	return false
}

// remainder is the test that a number is n more than an even one.
func remainder(n int) func(*machine, any, args) bool {
	return func(m *machine, v any, a args) bool {
		a.positional("test", 0, 0)
		return m.equal(m.binary("%", v, 2), n)
	}
}

// isSequence reports whether the value has a length and can be indexed.
func isSequence(v any) bool {
	switch x := v.(type) {
	case *dictView, *loopValue:
		return false
	case *undefined:
		return !x.strict
	}
	_, ok := length(v)
	return ok
}

// sameAs is Python's is, where small values of equal type and content are one.
func sameAs(a, b any) bool {
	if isUndefined(a) && isUndefined(b) {
		return a == b
	}
	return a == b && typeName(a) == typeName(b)
}

func testDivisible(m *machine, v any, a args) bool {
	return m.equal(m.binary("%", v, a.bind("divisibleby", "num", required)[0]), 0)
}
