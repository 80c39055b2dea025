package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// spec is a format: that of format(value, spec), and of a % directive.
type spec struct {
	fill      string
	align     byte // < > = ^, 0 = by type
	sign      byte // + or space; 0 = only minus
	alternate bool // #
	width     int
	grouping  byte // , or _
	precision int  // -1 = none
	verb      byte // 0 = none
}

// parseSpec reads [[fill]align][sign][#][0][width][grouping][.precision][type].
func parseSpec(s string) spec {
	f := spec{fill: " ", precision: -1}
	all := s
	if _, n := utf8.DecodeRuneInString(s); len(s) > n && strings.IndexByte("<>=^", s[n]) >= 0 {
		f.fill, f.align, s = s[:n], s[n], s[n+1:]
	} else if s != "" && strings.IndexByte("<>=^", s[0]) >= 0 {
		f.align, s = s[0], s[1:]
	}
	if s != "" && strings.IndexByte("+- ", s[0]) >= 0 {
		f.sign, s = s[0], s[1:]
	}
	if s != "" && s[0] == '#' {
		f.alternate, s = true, s[1:]
	}
	if s != "" && s[0] == '0' {
		if f.align == 0 {
			f.fill, f.align = "0", '='
		}
		s = s[1:]
	}
	f.width, s = leadingNumber(s, 0)
	if s != "" && (s[0] == ',' || s[0] == '_') {
		f.grouping, s = s[0], s[1:]
	}
	if strings.HasPrefix(s, ".") {
		if f.precision, s = leadingNumber(s[1:], -1); f.precision < 0 {
			valueError("Format specifier missing precision")
		}
	}
	if len(s) == 1 {
		f.verb, s = s[0], ""
	}
	if s != "" {
		valueError("Invalid format specifier '%s'", all)
	}
	return f
}

// leadingNumber is the number that s begins with, and the rest.
func leadingNumber(s string, none int) (int, string) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n == 0 {
		return none, s
	}
	v, err := strconv.Atoi(s[:n])
	if err != nil || v > math.MaxInt32 {
		valueError("Too many decimal digits in format string")
	}
	return v, s[n:]
}

// format is Python's format(v, spec).
func (m *machine) format(v any, text string) string {
	m.step(1)
	if text == "" {
		return m.str(v)
	}
	f := parseSpec(text)
	if s, ok := asString(v); ok {
		return m.formatText(s, f)
	}
	x, isFloat := v.(float64)
	n, isInt := toBig(v)
	switch {
	case isInt && strings.IndexByte("\x00dbcoxXn", f.verb) >= 0:
		return m.formatInt(n, f)
	case isInt && strings.IndexByte("eEfFgG%", f.verb) >= 0:
		x, _ = toFloat(v)
		return m.formatFloat(x, f)
	case isFloat && strings.IndexByte("\x00eEfFgGn%", f.verb) >= 0:
		return m.formatFloat(x, f)
	case isFloat || isInt:
		valueError("Unknown format code '%c' for object of type '%s'", f.verb, typeName(v))
	}
	typeError("unsupported format string passed to %s.__format__", typeName(v))
	return ""
}

func (m *machine) formatText(s string, f spec) string {
	if f.verb != 0 && f.verb != 's' {
		valueError("Unknown format code '%c' for object of type 'str'", f.verb)
	}
	if f.sign != 0 || f.alternate || f.grouping != 0 || f.align == '=' && f.fill != "0" {
		valueError("format specifier not allowed for str")
	}
	if f.precision >= 0 {
		s = m.partOfText(s, &slice{nil, f.precision, nil})
	}
	if f.align == 0 || f.align == '=' {
		f.align = '<'
	}
	return m.padFormat("", s, f)
}

// padFormat fills a sign and digits up to the width.
func (m *machine) padFormat(sign, s string, f spec) string {
	switch f.align {
	case '=':
		return sign + m.pad(s, f.fill, '>', f.width-len(sign))
	case '^':
		n := f.width - runeCount(sign+s)
		if n <= 0 {
			return sign + s
		}
		return m.repeatText(f.fill, n/2) + sign + s + m.repeatText(f.fill, n-n/2)
	case '<':
		return m.pad(sign+s, f.fill, '<', f.width)
	}
	return m.pad(sign+s, f.fill, '>', f.width)
}

// signOf is the sign that is written before a number.
func (f spec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign == '+' || f.sign == ' ':
		return string(f.sign)
	}
	return ""
}

// integerVerbs are base and prefix by type.
var integerVerbs = map[byte]struct {
	base   int
	prefix string
}{0: {10, ""}, 'd': {10, ""}, 'n': {10, ""}, 'b': {2, "0b"}, 'o': {8, "0o"}, 'x': {16, "0x"}, 'X': {16, "0X"}}

func (m *machine) formatInt(n *big.Int, f spec) string {
	if f.precision >= 0 {
		valueError("Precision not allowed in integer format specifier")
	}
	if f.verb == 'c' {
		if !n.IsInt64() || n.Sign() < 0 || n.Int64() > utf8.MaxRune {
			fail("OverflowError", "%%c arg not in range(0x110000)")
		}
		f.align = max(f.align, '<')
		return m.padFormat("", string(rune(n.Int64())), f)
	}
	verb := integerVerbs[f.verb]
	digits := new(big.Int).Abs(n).Text(verb.base)
	if f.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	sign := f.signOf(n.Sign() < 0)
	if f.alternate {
		sign += verb.prefix
	}
	size := 3
	if verb.base != 10 {
		size = 4
	}
	return m.padFormat(sign, m.grouped(digits, "", len(sign), size, f), f)
}

// grouped puts separators between groups of digits, and zeros before them where zeros
// fill up the width.
func (m *machine) grouped(digits, rest string, signLen, size int, f spec) string {
	if f.grouping == 0 {
		return digits + rest
	}
	if f.fill == "0" && f.align == '=' {
		least := f.width - signLen - len(rest)
		n := max(least-least/(size+1), len(digits))
		if n+(n-1)/size < least {
			n++
		}
		digits = m.repeatText("0", n-len(digits)) + digits
	}
	m.alloc(2 * len(digits))
	var b strings.Builder
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%size == 0 {
			b.WriteByte(f.grouping)
		}
		b.WriteByte(digits[i])
	}
	return b.String() + rest
}

func (m *machine) formatFloat(x float64, f spec) string {
	sign := f.signOf(math.Signbit(x) && !math.IsNaN(x))
	digits := m.digitsOf(math.Abs(x), f)
	end := strings.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(digits)
	}
	if end > 0 {
		digits = m.grouped(digits[:end], digits[end:], len(sign), 3, f)
	}
	if f.verb == 'E' || f.verb == 'G' || f.verb == 'F' {
		digits = strings.ToUpper(digits)
	}
	return m.padFormat(sign, digits, f)
}

// digitsOf is a float that is not negative, without sign and padding.
func (m *machine) digitsOf(x float64, f spec) string {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return floatText(x) + map[bool]string{true: "%"}[f.verb == '%']
	}
	precision := f.precision
	if precision < 0 {
		precision = 6
	}
	if precision > maxDigits {
		panic(&LimitError{Limit: "digits of a number", Max: maxDigits})
	}
	m.alloc(precision)
	switch f.verb | 0x20 {
	case 'f':
		return point(strconv.FormatFloat(x, 'f', precision, 64), f.alternate)
	case 'e':
		return strconv.FormatFloat(x, 'e', precision, 64)
	case '%' | 0x20:
		return strconv.FormatFloat(x*100, 'f', precision, 64) + "%"
	case 0x20:
		if f.precision < 0 {
			return floatText(x)
		}
		return general(x, precision, f.alternate, true)
	}
	return general(x, precision, f.alternate, false)
}

func point(s string, always bool) string {
	if always && !strings.Contains(s, ".") {
		return s + "."
	}
	return s
}

// general is the format g; asRepr is the format of a float without type, which always
// shows a decimal.
func general(x float64, precision int, keepZeros, asRepr bool) string {
	precision = max(precision, 1)
	s := strconv.FormatFloat(x, 'e', precision-1, 64)
	exp, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	limit := precision
	if asRepr {
		limit--
	}
	if exp < -4 || exp >= limit && !(asRepr && x == 0) {
		mantissa, exponent, _ := strings.Cut(s, "e")
		return trimZeros(mantissa, keepZeros) + "e" + exponent
	}
	s = trimZeros(strconv.FormatFloat(x, 'f', max(precision-1-exp, 0), 64), keepZeros)
	if asRepr && !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func trimZeros(s string, keep bool) string {
	if keep || !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
