package grammar

import (
	"encoding/json"
	"testing"
)

// walk takes the lowest tokens that masks allow.
func walk(t *testing.T, s Source) {
	t.Helper()
	c, err := NewCompiler(few).New(s, []int32{0})
	if err != nil {
		return
	}
	for range 20 {
		mask := c.Mask()
		id := int32(len(few) - 1)
		for ; id > 0 && !allows(mask, id); id-- {
		}
		if id == 0 {
			if !allows(mask, 0) {
				t.Fatal("nothing may come, and no end")
			}
			return
		}
		c.Accept(id)
	}
}

// few is a small vocabulary, so that a walk takes little time.
var few = words{"", "{", "}", "[", "]", `"`, ":", ",", "a", "b", "1", "0", ".", "-", " ", "\n", "é", `\`, "tru", "e"}

func FuzzGBNF(f *testing.F) {
	for _, s := range []string{
		`root ::= "yes" | "no"`, "root ::= item+ # c\nitem ::= [a-c] [^x-z\\n]? \".\"", `root ::= ("a" | "b"){2,3}`, `root ::= "(" root? ")"`,
		`root ::= .{2} [\u00e9-ü]*`, `root ::= root "a"`, `root ::= ""*`, `root ::= (""*)*`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { walk(t, Source{GBNF: s}) })
}

func FuzzSchema(f *testing.F) {
	for _, s := range []string{
		`{"type":"object","properties":{"a":{"type":"integer","minimum":1,"maximum":20}},"required":["a"]}`, `{"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#"}}}}`,
		`{"anyOf":[{"const":1},{"enum":[2]}],"type":"integer"}`, `{"allOf":[{"required":["a"]},{"required":["b"]}]}`, `{"pattern":"^(a|b)*$"}`, `{"format":"date"}`,
		`{"oneOf":[{"type":"null"},{"type":"string","minLength":2}]}`, `{"prefixItems":[true],"minItems":3,"maxItems":4}`, `{"type":"number","exclusiveMaximum":-0.5}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if json.Valid([]byte(s)) {
			walk(t, Source{Schema: json.RawMessage(s)})
		}
	})
}
