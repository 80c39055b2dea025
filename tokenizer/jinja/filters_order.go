package jinja

import (
	"slices"
	"strings"
)

// sorted are the items in the order of their keys; reverse keeps equal ones in order.
func (m *machine) sorted(items []any, key func(v any) any, reverse bool) []any {
	type entry struct{ key, item any }
	m.items(4 * len(items))
	entries := make([]entry, len(items))
	for i, item := range items {
		entries[i] = entry{key(item), item}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		if reverse {
			a, b = b, a
		}
		if o := m.order("<", a.key, b.key); o != 2 {
			return o
		}
		return 0
	})
	out := make([]any, len(items))
	for i, e := range entries {
		out[i] = e.item
	}
	return out
}

func filterSort(m *machine, v any, a args) any {
	p := a.bind("sort", "reverse", false, "case_sensitive", false, "attribute", nil)
	caseSensitive := isTrue(p[1])
	var keys []func(v any) any
	if path, ok := asString(p[2]); ok {
		for part := range strings.SplitSeq(path, ",") {
			keys = append(keys, m.keyer(part, caseSensitive))
		}
	} else {
		keys = append(keys, m.keyer(p[2], caseSensitive))
	}
	return &list{m.sorted(m.all(v), func(v any) any {
		out := &list{}
		for _, key := range keys {
			out.items = append(out.items, key(v))
		}
		return out
	}, isTrue(p[0]))}
}

func filterDictSort(m *machine, v any, a args) any {
	p := a.bind("dictsort", "case_sensitive", false, "by", "key", "reverse", false)
	by := slices.Index([]string{"key", "value"}, m.str(p[1]))
	if by < 0 {
		fail("FilterArgumentError", `You can only sort by either "key" or "value"`)
	}
	d, ok := v.(*dict)
	if !ok {
		if u, isUndefined := v.(*undefined); isUndefined {
			u.use()
		}
		fail("AttributeError", "'%s' object has no attribute 'items'", typeName(v))
	}
	key := m.keyer(by, isTrue(p[0]))
	return &list{m.sorted(m.all(&dictView{d, "items"}), key, isTrue(p[2]))}
}

func filterUnique(m *machine, v any, a args) any {
	p := a.bind("unique", "case_sensitive", false, "attribute", nil)
	key := m.keyer(p[1], isTrue(p[0]))
	it := m.mustIterate(v)
	seen := newDict()
	return &iterator{"generator", func() (any, bool) {
		for item, ok := it.next(); ok; item, ok = it.next() {
			k := key(item)
			if _, known := seen.get(k); !known {
				m.items(8)
				seen.set(k, nil)
				return item, true
			}
		}
		return nil, false
	}}
}

// extreme is min or max: the first item whose key no other item's key is before or after.
func extreme(op string) filterFunc {
	return func(m *machine, v any, a args) any {
		p := a.bind("min or max", "case_sensitive", false, "attribute", nil)
		key := m.keyer(p[1], isTrue(p[0]))
		it := m.mustIterate(v)
		best, ok := it.next()
		if !ok {
			return m.undefined("No aggregated item, sequence was empty.")
		}
		bestKey := key(best)
		for item, ok := it.next(); ok; item, ok = it.next() {
			if k := key(item); m.compare(op, k, bestKey) {
				best, bestKey = item, k
			}
		}
		return best
	}
}

func filterSum(m *machine, v any, a args) any {
	p := a.bind("sum", "attribute", nil, "start", 0)
	get := m.getter(p[0])
	total := p[1]
	if _, ok := asString(total); ok {
		typeError("sum() can't sum strings [use ''.join(seq) instead]")
	}
	it := m.mustIterate(v)
	for item, ok := it.next(); ok; item, ok = it.next() {
		total = m.binary("+", total, get(item))
	}
	return total
}

func filterGroupBy(m *machine, v any, a args) any {
	p := a.bind("groupby", "attribute", required, "default", nil, "case_sensitive", false)
	get := m.getterOr(p[0], p[1])
	key := get
	if !isTrue(p[2]) {
		key = func(v any) any { return m.ignoreCase(get(v)) }
	}
	out := &list{}
	var last any
	for i, item := range m.sorted(m.all(v), key, false) {
		k := key(item)
		if i == 0 || !m.equal(k, last) {
			shown := k
			if !isTrue(p[2]) {
				shown = get(item)
			}
			out.items = append(out.items, &tuple{[]any{shown, &list{}}, []string{"grouper", "list"}})
			last = k
		}
		group := out.items[len(out.items)-1].(*tuple).items[1].(*list)
		group.items = append(group.items, item)
	}
	return out
}

func filterBatch(m *machine, v any, a args) any {
	p := a.bind("batch", "linecount", required, "fill_with", nil)
	n := mustInt(p[0])
	it := m.mustIterate(v)
	done := false
	var kept []any
	return &iterator{"generator", func() (any, bool) {
		row := kept
		kept = nil
		for !done {
			item, ok := it.next()
			if !ok {
				done = true
				break
			}
			m.items(1)
			if len(row) == n {
				kept = []any{item}
				return &list{row}, true
			}
			row = append(row, item)
		}
		if len(row) == 0 {
			return nil, false
		}
		if p[1] != nil && len(row) < n {
			row = append(row, m.repeatItems([]any{p[1]}, n-len(row))...)
		}
		return &list{row}, true
	}}
}

func filterSlice(m *machine, v any, a args) any {
	p := a.bind("slice", "slices", required, "fill_with", nil)
	n, items := mustInt(p[0]), m.all(v)
	if n == 0 {
		fail("ZeroDivisionError", "integer division or modulo by zero")
	}
	at := 0
	return m.counted("generator", max(n, 0), func(i int) any {
		size := len(items) / n
		if i < len(items)%n {
			size++
		}
		m.items(size + 2)
		row := slices.Clone(items[at : at+size])
		at += size
		if p[1] != nil && i >= len(items)%n {
			row = append(row, p[1])
		}
		return &list{row}
	})
}
