package jinja

import (
	"fmt"
	"strings"
	"time"
)

// globals are the variables that every template of a dialect has.
func globals(d *Dialect) *scope {
	s := &scope{}
	for name, call := range map[string]func(m *machine, a args) any{
		"range": makeRange, "dict": func(m *machine, a args) any { return m.makeDict("dict", a) }, "namespace": makeNamespace,
		"cycler": makeCycler, "joiner": makeJoiner, "lipsum": makeLipsum,
		"raise_exception": raiseException, "strftime_now": strftimeNow,
	} {
		if !d.lacks(name) {
			s.set(name, &function{name, call})
		}
	}
	return s
}

func makeRange(_ *machine, a args) any {
	v := a.positional("range", 1, 3)
	r := &rangeValue{0, mustInt(v[0]), 1, 0}
	if v[1] != any(unset{}) {
		r.start, r.stop = r.stop, mustInt(v[1])
	}
	if v[2] != any(unset{}) {
		r.step = mustInt(v[2])
	}
	if r.step == 0 {
		valueError("range() arg 3 must not be zero")
	}
	r.n = rangeLength(r.start, r.stop, r.step)
	if r.n > maxRange {
		fail("OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", maxRange)
	}
	return r
}

// rangeLength is len(range(start, stop, step)), or maxRange+1 where it is more.
func rangeLength(start, stop, step int) int {
	if (step > 0) != (stop > start) || start == stop {
		return 0
	}
	distance, width := uint64(stop)-uint64(start), uint64(step)
	if step < 0 {
		distance, width = -distance, -width
	}
	return int(min((distance-1)/width+1, maxRange+1))
}

// makeDict is dict(mapping or pairs, **named).
func (m *machine) makeDict(name string, a args) *dict {
	d := newDict()
	if len(a.pos) > 1 {
		typeError("%s expected at most 1 argument, got %d", name, len(a.pos))
	}
	if len(a.pos) == 1 {
		m.fillDict(d, a.pos[0])
	}
	if a.named != nil {
		m.fillDict(d, a.named)
	}
	return d
}

func (m *machine) fillDict(d *dict, from any) {
	if x, ok := from.(*dict); ok {
		m.items(8 * len(x.keys))
		for i, k := range x.keys {
			d.set(k, x.values[i])
		}
		return
	}
	for _, item := range m.all(from) {
		pair := m.all(item)
		if len(pair) != 2 {
			valueError("dictionary update sequence element has length %d; 2 is required", len(pair))
		}
		m.items(8)
		d.set(pair[0], pair[1])
	}
}

func makeNamespace(m *machine, a args) any { return &namespace{m.makeDict("namespace", a)} }

func makeCycler(_ *machine, a args) any {
	if len(a.pos) == 0 {
		fail("RuntimeError", "at least one item has to be provided")
	}
	at := 0
	methods := map[string]func() any{
		"reset": func() any { at = 0; return nil },
		"next":  func() any { v := a.pos[at]; at = (at + 1) % len(a.pos); return v },
	}
	return &object{name: "Cycler", attr: func(name string) (any, bool) {
		switch name {
		case "current":
			return a.pos[at], true
		case "pos":
			return at, true
		case "items":
			return &tuple{items: a.pos}, true
		}
		f, ok := methods[name]
		return &function{name, func(*machine, args) any { return f() }}, ok
	}}
}

func makeJoiner(_ *machine, a args) any {
	sep := a.bind("joiner", "sep", ", ")[0]
	used := false
	return &object{name: "Joiner", attr: func(name string) (any, bool) {
		switch name {
		case "sep":
			return sep, true
		case "used":
			return used, true
		}
		return nil, false
	}, call: func(*machine, args) any {
		if !used {
			used = true
			return ""
		}
		return sep
	}}
}

func makeLipsum(*machine, args) any {
	fail("NotImplementedError", "lipsum is not supported: it makes random text")
	return nil
}

func raiseException(m *machine, a args) any {
	fail("TemplateError", "%s", m.str(a.bind("raise_exception", "message", required)[0]))
	return nil
}

func strftimeNow(m *machine, a args) any {
	format, ok := asString(a.bind("strftime_now", "format", required)[0])
	if !ok {
		typeError("strftime() argument 1 must be str")
	}
	return m.text(strftime(m.now(), format))
}

// layouts are the directives of strftime that Go's time has a layout for, in the C locale.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'j': "002",
	'm': "01", 'M': "04", 'p': "PM", 'S': "05", 'y': "06", 'Y': "2006", 'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06",
	'X': "15:04:05", 'D': "01/02/06", 'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'r': "03:04:05 PM",
}

// strftime is datetime.strftime of a time without zone, as glibc has it.
func strftime(t time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		flag := byte(0)
		if strings.IndexByte("-_0^", format[i]) >= 0 && i+1 < len(format) {
			flag = format[i]
			i++
		}
		b.WriteString(flagged(directive(t, format[i]), flag))
	}
	return b.String()
}

// flagged is a field without padding (-), padded with spaces (_) or in capitals (^).
func flagged(s string, flag byte) string {
	trimmed := strings.TrimLeft(s, "0 ")
	if trimmed == "" && s != "" {
		trimmed = s[len(s)-1:]
	}
	switch flag {
	case '-':
		return trimmed
	case '_':
		return strings.Repeat(" ", len(s)-len(trimmed)) + trimmed
	case '0':
		return strings.Repeat("0", len(s)-len(trimmed)) + trimmed
	case '^':
		return strings.ToUpper(s)
	}
	return s
}

func directive(t time.Time, c byte) string {
	if layout, ok := layouts[c]; ok {
		return t.Format(layout)
	}
	year, week := t.ISOWeek()
	switch c {
	case '%':
		return "%"
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100)
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000)
	case 'g':
		return fmt.Sprintf("%02d", year%100)
	case 'G':
		return fmt.Sprint(year)
	case 'V':
		return fmt.Sprintf("%02d", week)
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1)
	case 'P':
		return strings.ToLower(t.Format("PM"))
	case 's':
		return fmt.Sprint(t.Unix())
	case 'u':
		return fmt.Sprint((int(t.Weekday())+6)%7 + 1)
	case 'w':
		return fmt.Sprint(int(t.Weekday()))
	case 'U':
		return fmt.Sprintf("%02d", (t.YearDay()+6-int(t.Weekday()))/7)
	case 'W':
		return fmt.Sprintf("%02d", (t.YearDay()+6-(int(t.Weekday())+6)%7)/7)
	case 'z', 'Z':
		return ""
	}
	return "%" + string(c)
}
