package grammar

import (
	"slices"
	"unicode/utf8"
)

// formats are patterns of strings by the names of JSON schema.
var formats = map[string]string{
	"date":      `^[0-9]{4}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])$|^[0-9]{4}-(0[469]|11)-(0[1-9]|[12][0-9]|30)$|^[0-9]{4}-02-(0[1-9]|1[0-9]|2[0-8])$`,
	"time":      `^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`,
	"date-time": `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`,
	"duration":  `^P(([0-9]{1,4}D)?T[0-9]{1,4}(H|M|S)|[0-9]{1,4}(Y|M|W|D))$`,
	"email":     `^[A-Za-z0-9]([A-Za-z0-9_+-]{0,30}[A-Za-z0-9])?@([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\.){1,4}[A-Za-z]{2,10}$`,
	"hostname":  `^([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\.){0,5}[A-Za-z]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$`,
	"ipv4":      `^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])$`,
	"ipv6":      `^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$`,
	"uuid":      `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`,
}

// stringType makes the rule of a string.
func (s *schemas) stringType(o *object, at string) ([]item, error) {
	least, most, pattern, format := 0, -1, "", ""
	for key, v := range map[string]any{"minLength": &least, "maxLength": &most, "pattern": &pattern, "format": &format} {
		if err := o.get(key, at, v); err != nil {
			return nil, err
		}
	}
	if err := checkCounts("Length", least, most, at); err != nil {
		return nil, err
	}
	counted := o.has("minLength") || o.has("maxLength")
	switch {
	case o.has("pattern") && o.has("format"), (o.has("pattern") || o.has("format")) && counted:
		return nil, errorf(at, "pattern, format and the bounds of length together are not supported: use one, "+
			"and put the length into the pattern")
	case o.has("format"):
		known, ok := formats[format]
		if !ok {
			return nil, unknownFormat(format, at)
		}
		return s.quotedPattern(known, at+"/format")
	case o.has("pattern"):
		return s.quotedPattern(pattern, at+"/pattern")
	case counted:
		return slices.Concat(text(`"`), s.stringRest(least, most), text(`"`)), nil
	}
	return s.anyString(), nil
}

// quotedPattern is a string whose characters match a pattern.
func (s *schemas) quotedPattern(pattern, at string) ([]item, error) {
	body, err := s.pattern(pattern, at)
	return slices.Concat(text(`"`), body, text(`"`)), err
}

// anyString is any string. It has no control characters, which JSON writes as escapes.
func (s *schemas) anyString() []item {
	return []item{s.part("string", func() [][]item {
		return [][]item{slices.Concat(text(`"`), s.stringRest(0, -1), text(`"`))}
	})}
}

// stringRest is some characters of a string.
func (s *schemas) stringRest(least, most int) []item {
	char := s.part("character", func() [][]item {
		hex := s.g.oneOf([]item{{-1, '0', '9'}}, []item{{-1, 'a', 'f'}}, []item{{-1, 'A', 'F'}})
		letter := s.g.oneOf(text(`"`), text(`\`), text("/"), text("b"), text("f"), text("n"), text("r"), text("t"))
		// A surrogate alone is no character: \u is used below them.
		high := s.g.oneOf([]item{{-1, '0', '9'}}, []item{{-1, 'a', 'c'}}, []item{{-1, 'A', 'C'}}, []item{{-1, 'e', 'f'}}, []item{{-1, 'E', 'F'}})
		return [][]item{
			{s.g.runes([2]rune{0x20, '"' - 1}, [2]rune{'"' + 1, '\\' - 1}, [2]rune{'\\' + 1, utf8.MaxRune})},
			append(text(`\`), letter), append(text(`\u`), high, hex, hex, hex),
		}
	})
	return s.g.repeat([]item{char}, least, most)
}
