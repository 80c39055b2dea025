package jinja

import "unicode/utf8"

// iterate is Python's iter(); nil where the value cannot be iterated over.
func (m *machine) iterate(v any) *iterator {
	switch x := v.(type) {
	case *undefined:
		return overItems("iterator", nil)
	case string:
		return overRunes(x)
	case markup:
		return overRunes(string(x))
	case *list:
		return m.counted("list_iterator", len(x.items), func(i int) any { return x.items[i] })
	case *tuple:
		return m.counted("tuple_iterator", len(x.items), func(i int) any { return x.items[i] })
	case *dict:
		return m.counted("dict_keyiterator", len(x.keys), func(i int) any { return x.keys[i] })
	case *dictView:
		return m.counted("dict_"+x.kind+"iterator", len(x.of.keys), x.item)
	case *rangeValue:
		return m.counted("range_iterator", x.n, x.item)
	case *iterator:
		return x
	case *loopValue:
		return x.iterator()
	}
	return nil
}

// mustIterate is iterate, with Python's error.
func (m *machine) mustIterate(v any) *iterator {
	it := m.iterate(v)
	if it == nil {
		typeError("'%s' object is not iterable", typeName(v))
	}
	return it
}

func (v *dictView) item(i int) any {
	switch v.kind {
	case "keys":
		return v.of.keys[i]
	case "values":
		return v.of.values[i]
	}
	return v.of.pair(i)
}

func (r *rangeValue) item(i int) any { return r.start + i*r.step }

// counted iterates over n items, each of which is a step.
func (m *machine) counted(kind string, n int, item func(i int) any) *iterator {
	i := -1
	return &iterator{kind, func() (any, bool) {
		m.step(1)
		if i++; i >= n {
			i = n - 1 // stays at the end
			return nil, false
		}
		return item(i), true
	}}
}

func overItems(kind string, items []any) *iterator {
	return &iterator{kind, func() (any, bool) {
		if len(items) == 0 {
			return nil, false
		}
		v := items[0]
		items = items[1:]
		return v, true
	}}
}

func overRunes(s string) *iterator {
	return &iterator{"str_iterator", func() (any, bool) {
		if s == "" {
			return nil, false
		}
		_, n := utf8.DecodeRuneInString(s)
		c := s[:n]
		s = s[n:]
		return c, true
	}}
}

// all are the items of a value, in a slice that the caller owns.
func (m *machine) all(v any) []any {
	var out []any
	it := m.mustIterate(v)
	for item, ok := it.next(); ok; item, ok = it.next() {
		m.items(1)
		out = append(out, item)
	}
	return out
}

// runeCount is len() of a str.
func runeCount(s string) int { return utf8.RuneCountInString(s) }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
