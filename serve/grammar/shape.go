package grammar

import "encoding/json"

// shape is what can be told of the values of a schema at a glance.
type shape struct {
	types     []string          // empty: any
	constants map[string]string // constant values of required properties, as JSON
	value     string            // the one value, as JSON; "" for others
}

// shapeOf is the shape of a schema. One that cannot be read has any.
func (s *schemas) shapeOf(b json.RawMessage) (sh shape) {
	o, err := s.resolved(b, "")
	if err != nil {
		return sh
	}
	sh.types, _ = typesOf(&o, "")
	if o.has("const") {
		sh.value = string(o.values["const"])
	}
	var required []string
	properties, err := readObject(o.values["properties"])
	if err != nil || o.get("required", "", &required) != nil {
		return sh
	}
	sh.constants = map[string]string{}
	for _, name := range required {
		if p, err := readObject(properties.values[name]); err == nil && p.has("const") {
			sh.constants[name] = string(p.values["const"])
		}
	}
	return sh
}

// meets reports whether a value may have both shapes.
func (sh shape) meets(other shape) bool {
	if sh.value != "" && other.value != "" {
		return sh.value == other.value
	}
	for name, value := range sh.constants {
		if v, ok := other.constants[name]; ok && v != value {
			return false
		}
	}
	if len(sh.types) == 0 || len(other.types) == 0 {
		return true
	}
	for _, a := range sh.types {
		for _, b := range other.types {
			if a == b || a == "number" && b == "integer" || a == "integer" && b == "number" {
				return true
			}
		}
	}
	return false
}
