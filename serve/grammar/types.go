package grammar

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// typesOf are the types that a schema names, or that its keywords imply; none for any.
func typesOf(o *object, at string) ([]string, error) {
	var one string
	var list []string
	switch {
	case !o.has("type"):
		for _, implied := range []struct{ key, kind string }{
			{"properties", "object"}, {"required", "object"}, {"additionalProperties", "object"}, {"items", "array"},
			{"prefixItems", "array"}, {"minItems", "array"}, {"maxItems", "array"}, {"pattern", "string"},
			{"minLength", "string"}, {"maxLength", "string"}, {"format", "string"}, {"minimum", "number"},
			{"maximum", "number"}, {"exclusiveMinimum", "number"}, {"exclusiveMaximum", "number"},
		} {
			if o.has(implied.key) && !slices.Contains(list, implied.kind) {
				list = append(list, implied.kind)
			}
		}
		return list, nil
	case json.Unmarshal(o.values["type"], &one) == nil:
		return []string{one}, nil
	case json.Unmarshal(o.values["type"], &list) == nil && len(list) > 0:
		return list, nil
	}
	return nil, errorf(at+"/type", "want a type or a list of types")
}

// byType makes the rule of a schema without references and combinations.
func (s *schemas) byType(o *object, at string) (item, error) {
	types, err := typesOf(o, at)
	if err != nil {
		return item{}, err
	}
	if len(types) == 0 {
		return s.anything(), nil
	}
	var alternatives [][]item
	for _, kind := range types {
		body, err := s.ofType(kind, o, at)
		if err != nil {
			return item{}, err
		}
		alternatives = append(alternatives, body)
	}
	return s.g.oneOf(alternatives...), nil
}

func (s *schemas) ofType(kind string, o *object, at string) ([]item, error) {
	switch kind {
	case "null":
		return text("null"), nil
	case "boolean":
		return []item{s.g.oneOf(text("true"), text("false"))}, nil
	case "string":
		return s.stringType(o, at)
	case "integer", "number":
		return s.numberType(kind, o, at)
	case "array":
		return s.array(o, at)
	case "object":
		return s.object(o, at)
	}
	return nil, errorf(at+"/type", "is %q: want string, number, integer, boolean, null, array or object", kind)
}

// part makes a rule once.
func (s *schemas) part(name string, build func() [][]item) item {
	if it, ok := s.parts[name]; ok {
		return it
	}
	rule := s.g.reserve()
	s.parts[name] = item{rule: rule} // before its alternatives, which may refer to it
	s.g.set(rule, build()...)
	return item{rule: rule}
}

// space is white space between values: none, a space, or a new line with some indentation.
func (s *schemas) space() item {
	return s.part("space", func() [][]item {
		return [][]item{nil, text(" "), append(text("\n"), s.g.repeat(text(" "), 0, 16)...)}
	})
}

// anything is any JSON value.
func (s *schemas) anything() item {
	return s.part("value", func() [][]item {
		value := s.parts["value"]
		member := slices.Concat(s.anyString(), []item{s.space()}, text(":"), []item{s.space(), value})
		return [][]item{
			text("null"), text("true"), text("false"), {s.number()}, s.anyString(),
			s.listOf("[", "]", []item{value}, 0, -1), s.listOf("{", "}", member, 0, -1),
		}
	})
}

// listOf is values between brackets, with commas.
func (s *schemas) listOf(open, end string, value []item, least, most int) []item {
	space := []item{s.space()}
	next := slices.Concat(space, text(","), space, value)
	var inside []item
	switch {
	case most == 0:
	case least > 0:
		inside = slices.Concat(value, s.g.repeat(next, least-1, max(most-1, -1)))
		if most < 0 {
			inside = slices.Concat(value, s.g.repeat(next, least-1, -1))
		}
	case most < 0:
		inside = []item{s.g.optional(slices.Concat(value, s.g.repeat(next, 0, -1))...)}
	default:
		inside = []item{s.g.optional(slices.Concat(value, s.g.repeat(next, 0, most-1))...)}
	}
	return slices.Concat(text(open), space, inside, space, text(end))
}

// number is any JSON number, with an exponent of up to three digits.
func (s *schemas) number() item {
	return s.part("number", func() [][]item {
		digit := item{-1, '0', '9'}
		fraction := s.g.optional(slices.Concat(text("."), s.g.repeat([]item{digit}, 1, maxDigits))...)
		sign := s.g.optional(s.g.oneOf(text("+"), text("-")))
		exponent := s.g.optional(slices.Concat([]item{s.g.oneOf(text("e"), text("E")), sign}, s.g.repeat([]item{digit}, 1, 2))...)
		return [][]item{{s.integer(), fraction, exponent}}
	})
}

// maxDigits is the most digits of a number: beyond, a float64 keeps none.
const maxDigits = 16

func (s *schemas) integer() item {
	return s.part("integer", func() [][]item {
		minus := s.g.optional(text("-")...)
		more := s.g.repeat([]item{{-1, '0', '9'}}, 0, maxDigits-1)
		return [][]item{{minus, s.g.oneOf(text("0"), append([]item{{-1, '1', '9'}}, more...))}}
	})
}

// array makes the rule of a list.
func (s *schemas) array(o *object, at string) ([]item, error) {
	least, most := 0, -1
	err := o.get("minItems", at, &least)
	if err == nil {
		err = o.get("maxItems", at, &most)
	}
	if err != nil {
		return nil, err
	}
	if err := checkCounts("Items", least, most, at); err != nil {
		return nil, err
	}
	var prefix []json.RawMessage
	if err := o.get("prefixItems", at, &prefix); err != nil {
		return nil, err
	}
	rest := s.anything()
	switch {
	case string(o.values["items"]) == "false":
		if most < 0 || most > len(prefix) {
			most = len(prefix)
		}
	case o.has("items"):
		if rest, err = s.schema(o.values["items"], at+"/items"); err != nil {
			return nil, err
		}
	}
	if len(prefix) > 0 {
		return s.tuple(prefix, rest, least, most, at)
	}
	return s.listOf("[", "]", []item{rest}, least, most), nil
}

// checkCounts checks minLength and maxLength, or minItems and maxItems.
func checkCounts(what string, least, most int, at string) error {
	switch {
	case least < 0 || least > maxRepeats:
		return errorf(at+"/min"+what, "is %d: want 0 to %d", least, maxRepeats)
	case most > maxRepeats:
		return errorf(at+"/max"+what, "is %d: want at most %d", most, maxRepeats)
	case most >= 0 && most < least:
		return errorf(at+"/max"+what, "is less than min%s: nothing matches it", what)
	}
	return nil
}

// tuple makes the rule of a list whose first items have schemas of their own.
func (s *schemas) tuple(prefix []json.RawMessage, rest item, least, most int, at string) ([]item, error) {
	space := s.space()
	comma := slices.Concat([]item{space}, text(","), []item{space})
	var tail []item // what may follow the items so far
	if most < 0 || most > len(prefix) {
		limit := most
		if most >= 0 {
			limit = most - len(prefix)
		}
		tail = s.g.repeat(append(slices.Clone(comma), rest), max(0, least-len(prefix)), limit)
	}
	for i := len(prefix) - 1; i >= 0; i-- {
		if most >= 0 && i >= most {
			continue
		}
		value, err := s.schema(prefix[i], at+"/prefixItems/"+strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		body := append([]item{value}, tail...)
		if i > 0 {
			body = append(slices.Clone(comma), body...)
		}
		if i >= least {
			body = []item{s.g.optional(body...)}
		}
		tail = body
	}
	return slices.Concat(text("["), []item{space}, tail, []item{space}, text("]")), nil
}

// object makes the rule of an object: its properties in their order, those that are not required
// or left out, and then others, if they are asked for.
func (s *schemas) object(o *object, at string) ([]item, error) {
	properties := object{}
	var err error
	if o.has("properties") {
		if properties, err = readObject(o.values["properties"]); err != nil {
			return nil, errorf(at+"/properties", "is no object")
		}
	}
	var required []string
	if err := o.get("required", at, &required); err != nil {
		return nil, err
	}
	for _, name := range required {
		if properties.values[name] == nil {
			if properties.values == nil {
				properties.values = map[string]json.RawMessage{}
			}
			properties.keys = append(properties.keys, name)
			properties.values[name] = json.RawMessage("true")
		}
	}
	others, err := s.others(o, at)
	if err != nil {
		return nil, err
	}
	var members []member
	for _, name := range properties.keys {
		value, err := s.schema(properties.values[name], at+"/properties/"+name)
		if err != nil {
			return nil, err
		}
		members = append(members, member{s.member(text(quoted(name)), value), slices.Contains(required, name)})
	}
	space := s.space()
	return slices.Concat(text("{"), []item{space}, s.members(members, others), []item{space}, text("}")), nil
}

// others is a member that properties does not name, nil if there are none.
func (s *schemas) others(o *object, at string) ([]item, error) {
	value := o.values["additionalProperties"]
	switch {
	case string(value) == "false", !o.has("additionalProperties") && o.has("properties"):
		return nil, nil
	case !o.has("additionalProperties"), string(value) == "true":
		return s.member(s.anyString(), s.anything()), nil
	}
	if o.has("properties") {
		return nil, errorf(at+"/additionalProperties", "with a schema, beside properties, is not supported: say false")
	}
	it, err := s.schema(value, at+"/additionalProperties")
	return s.member(s.anyString(), it), err
}

// member is a name and a value.
type member struct {
	items    []item
	required bool
}

func (s *schemas) member(name []item, value item) []item {
	return slices.Concat(name, []item{s.space()}, text(":"), []item{s.space(), value})
}

func quoted(name string) string {
	b, _ := json.Marshal(name) // a string always has a form in JSON
	return string(b)
}

// members makes the inside of an object. What follows depends on whether a member stands before
// it, for the comma: after[0] and after[1] are the rest of the object without and with one.
func (s *schemas) members(list []member, others []item) []item {
	space := s.space()
	comma := slices.Concat([]item{space}, text(","), []item{space})
	after := [2][]item{}
	if others != nil {
		after[1] = s.g.repeat(slices.Concat(comma, others), 0, -1)
		after[0] = []item{s.g.optional(slices.Concat(others, after[1])...)}
	}
	for i := len(list) - 1; i >= 0; i-- {
		var before [2][]item
		for k, lead := range [2][]item{nil, comma} {
			with := slices.Concat(lead, list[i].items, after[1])
			if list[i].required {
				before[k] = with
			} else {
				before[k] = []item{s.g.oneOf(with, after[k])}
			}
		}
		// Rules of their own keep the size in proportion to the number of members.
		after = [2][]item{{s.g.oneOf(before[0])}, {s.g.oneOf(before[1])}}
	}
	return after[0]
}

// unknownFormat is the error of a format.
func unknownFormat(format, at string) error {
	return errorf(at+"/format", "is %q: want %s", format, fmt.Sprint(slices.Sorted(keys(formats))))
}
