package grammar

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// schemas makes rules of a JSON schema. Every text that the rules allow matches the schema; some
// that match it are not allowed: objects have their properties in the order of the schema, and
// white space is short.
type schemas struct {
	g     *rules
	whole json.RawMessage
	refs  map[string]int32 // rules of $ref
	parts map[string]item  // rules of parts that many schemas use
	depth int
	count int // of schemas so far; what is joined with others counts again
}

func newSchemas(g *rules, whole json.RawMessage) *schemas {
	return &schemas{g: g, whole: whole, refs: map[string]int32{}, parts: map[string]item{}}
}

func errorf(at, format string, args ...any) error { return &Error{at, fmt.Sprintf(format, args...)} }

// Limits of schemas.
const (
	maxSchemaBytes = 1 << 20
	maxSchemas     = 1 << 14
)

// root is the rule of the whole schema.
func (s *schemas) root() (item, error) {
	if len(s.whole) > maxSchemaBytes {
		return item{}, errorf("#", "the schema has %d bytes: want at most %d", len(s.whole), maxSchemaBytes)
	}
	return s.schema(s.whole, "#")
}

// notComputed are keywords that restrict values and are not supported.
var notComputed = []string{
	"not", "if", "then", "else", "dependentSchemas", "dependentRequired", "dependencies", "patternProperties", "propertyNames",
	"contains", "minContains", "maxContains", "uniqueItems", "multipleOf", "minProperties", "maxProperties",
	"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "contentEncoding", "contentMediaType",
}

// object is a schema that is an object: its keywords, and their order.
type object struct {
	keys   []string
	values map[string]json.RawMessage
}

func readObject(b json.RawMessage) (o object, err error) {
	o.values = map[string]json.RawMessage{}
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return o, fmt.Errorf("is no JSON object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return o, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return o, err
		}
		name := key.(string)
		if _, twice := o.values[name]; !twice {
			o.keys = append(o.keys, name)
		}
		o.values[name] = value
	}
	return o, nil
}

// has reports whether a keyword is there, and not null.
func (o *object) has(key string) bool { return o.values[key] != nil && string(o.values[key]) != "null" }

// get reads a keyword into a value, and leaves the value as it is if the keyword is not there.
func (o *object) get(key, at string, v any) error {
	if !o.has(key) {
		return nil
	}
	if err := json.Unmarshal(o.values[key], v); err != nil {
		return errorf(at+"/"+key, "is %.40s, which it must not be", o.values[key])
	}
	return nil
}

// schema makes the rule of a schema. at is its place, for errors.
func (s *schemas) schema(b json.RawMessage, at string) (item, error) {
	if s.depth++; s.depth > maxNesting {
		return item{}, errorf(at, "is nested more than %d deep", maxNesting)
	}
	defer func() { s.depth-- }()
	if s.count++; s.count > maxSchemas {
		return item{}, errTooLarge
	}
	switch strings.TrimSpace(string(b)) {
	case "true":
		return s.anything(), nil
	case "false":
		return item{}, errorf(at, "is false: nothing matches it")
	}
	o, err := readObject(b)
	if err != nil {
		return item{}, errorf(at, "a schema is a JSON object, true or false, not %.40s", b)
	}
	for _, key := range notComputed {
		if o.has(key) && string(o.values[key]) != "false" {
			return item{}, errorf(at+"/"+key, "is not supported")
		}
	}
	switch {
	case o.has("$ref"):
		return s.ref(&o, at)
	case o.has("const"):
		return s.values([]json.RawMessage{o.values["const"]}, at)
	case o.has("enum"):
		var values []json.RawMessage
		if err := o.get("enum", at, &values); err != nil {
			return item{}, err
		}
		return s.values(values, at+"/enum")
	case o.has("anyOf"):
		return s.anyOf(&o, "anyOf", at)
	case o.has("oneOf"):
		return s.anyOf(&o, "oneOf", at)
	case o.has("allOf"):
		return s.allOf(&o, at)
	}
	return s.byType(&o, at)
}

// ref makes the rule of a reference within the schema.
func (s *schemas) ref(o *object, at string) (item, error) {
	var target string
	if err := o.get("$ref", at, &target); err != nil {
		return item{}, err
	}
	for _, key := range o.keys {
		if !isNote(key) && key != "$ref" && key != "$defs" && key != "definitions" {
			return item{}, errorf(at, "%s stands beside $ref: put both into allOf", key)
		}
	}
	if rule, ok := s.refs[target]; ok {
		return item{rule: rule}, nil
	}
	b, err := s.find(target, at)
	if err != nil {
		return item{}, err
	}
	rule := s.g.reserve()
	s.refs[target] = rule
	body, err := s.schema(b, target)
	if err != nil {
		return item{}, err
	}
	s.g.set(rule, []item{body})
	return item{rule: rule}, nil
}

// isNote reports whether a keyword restricts nothing.
func isNote(key string) bool {
	switch key {
	case "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
		"$schema", "$id", "$comment", "$anchor":
		return true
	}
	return false
}

// find is the part of the schema that a reference such as #/$defs/name names.
func (s *schemas) find(target, at string) (json.RawMessage, error) {
	path, ok := strings.CutPrefix(target, "#")
	if !ok {
		return nil, errorf(at+"/$ref", "%s lies outside of the schema: put it into $defs", target)
	}
	b := s.whole
	for _, name := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		if name == "" {
			continue
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		o, err := readObject(b)
		if err != nil || o.values[name] == nil {
			return nil, errorf(at+"/$ref", "there is no %s", target)
		}
		b = o.values[name]
	}
	return b, nil
}

// values makes a rule of some values, as they are written with no white space.
func (s *schemas) values(list []json.RawMessage, at string) (item, error) {
	var alternatives [][]item
	for _, v := range list {
		var b bytes.Buffer
		if err := json.Compact(&b, v); err != nil {
			return item{}, errorf(at, "%v", err)
		}
		alternatives = append(alternatives, text(b.String()))
	}
	if len(alternatives) == 0 {
		return item{}, errorf(at, "is empty: nothing matches it")
	}
	return s.g.oneOf(alternatives...), nil
}

// anyOf makes a rule of one of several schemas. What stands beside holds for each of them.
func (s *schemas) anyOf(o *object, key, at string) (item, error) {
	var list []json.RawMessage
	if err := o.get(key, at, &list); err != nil {
		return item{}, err
	}
	beside := o.without(key)
	var alternatives [][]item
	var seen []shape
	for i, b := range list {
		place := fmt.Sprintf("%s/%s/%d", at, key, i)
		if key == "oneOf" {
			sh := s.shapeOf(b)
			if slices.ContainsFunc(seen, sh.meets) {
				return item{}, errorf(place, "may hold together with another: say anyOf if that is meant, "+
					"or give each a type or a constant property of its own")
			}
			seen = append(seen, sh)
		}
		body, err := s.both(beside, b, place)
		if err != nil {
			return item{}, err
		}
		alternatives = append(alternatives, []item{body})
	}
	if len(alternatives) == 0 {
		return item{}, errorf(at+"/"+key, "is empty: nothing matches it")
	}
	return s.g.oneOf(alternatives...), nil
}

// without is an object without a keyword and without notes.
func (o *object) without(key string) (rest object) {
	rest.values = map[string]json.RawMessage{}
	for _, k := range o.keys {
		if k != key && !isNote(k) && k != "$defs" && k != "definitions" {
			rest.keys = append(rest.keys, k)
			rest.values[k] = o.values[k]
		}
	}
	return rest
}

// both makes a rule of what matches an object of keywords and a schema.
func (s *schemas) both(o object, b json.RawMessage, at string) (item, error) {
	if len(o.keys) == 0 {
		return s.schema(b, at)
	}
	other, err := s.resolved(b, at)
	if err != nil {
		return item{}, err
	}
	merged, err := merge(o, other, at)
	if err != nil {
		return item{}, err
	}
	return s.schema(merged.json(), at)
}

// resolved is a schema as an object, through references.
func (s *schemas) resolved(b json.RawMessage, at string) (object, error) {
	for range maxNesting {
		o, err := readObject(b)
		if err != nil {
			return o, errorf(at, "cannot be joined with others: it is no object of keywords")
		}
		if !o.has("$ref") {
			return o, nil
		}
		var target string
		if err := o.get("$ref", at, &target); err != nil {
			return o, err
		}
		if b, err = s.find(target, at); err != nil {
			return o, err
		}
	}
	return object{}, errorf(at, "$ref leads in a circle")
}

// allOf makes a rule of what matches all of some schemas.
func (s *schemas) allOf(o *object, at string) (item, error) {
	var list []json.RawMessage
	if err := o.get("allOf", at, &list); err != nil {
		return item{}, err
	}
	merged := o.without("allOf")
	for i, b := range list {
		place := fmt.Sprintf("%s/allOf/%d", at, i)
		other, err := s.resolved(b, place)
		if err != nil {
			return item{}, err
		}
		if merged, err = merge(merged, other.without(""), place); err != nil {
			return item{}, err
		}
	}
	return s.schema(merged.json(), at)
}

// merge joins the keywords of two schemas. Properties and required ones add up; a keyword that
// both have with other values is refused.
func merge(a, b object, at string) (object, error) {
	out := object{slices.Clone(a.keys), map[string]json.RawMessage{}}
	for k, v := range a.values {
		out.values[k] = v
	}
	for _, k := range b.keys {
		if !out.has(k) {
			out.keys = append(out.keys, k)
			out.values[k] = b.values[k]
			continue
		}
		joined, err := join(k, out.values[k], b.values[k], at)
		if err != nil {
			return out, err
		}
		out.values[k] = joined
	}
	return out, nil
}

func join(key string, a, b json.RawMessage, at string) (json.RawMessage, error) {
	if string(a) == string(b) || isNote(key) {
		return a, nil
	}
	switch key {
	case "properties":
		one, err := readObject(a)
		other, err2 := readObject(b)
		if err != nil || err2 != nil {
			return nil, errorf(at+"/properties", "is no object")
		}
		merged, err := merge(one, other, at+"/properties")
		return merged.json(), err
	case "required":
		var one, other []string
		if json.Unmarshal(a, &one) != nil || json.Unmarshal(b, &other) != nil {
			return nil, errorf(at+"/required", "is no list of names")
		}
		return json.Marshal(append(one, other...))
	}
	return nil, errorf(at+"/"+key, "differs from that of another schema that holds too: write both as one")
}

// json is the object as JSON.
func (o *object) json() json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range o.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(k) // a string always has a form in JSON
		b.Write(name)
		b.WriteByte(':')
		b.Write(o.values[k])
	}
	b.WriteByte('}')
	return b.Bytes()
}
