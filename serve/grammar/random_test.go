package grammar

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestRandomSchemas writes random texts in the form of 1000 random schemas. A library that shares
// nothing with this package says whether they match.
func TestRandomSchemas(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	w := letters()
	compiler, refused := NewCompiler(w), 0
	for n := range 1000 {
		schema := randomSchema(r, 3)
		source := Source{Schema: json.RawMessage(schema)}
		if _, err := compiler.New(source, nil); err != nil {
			refused++
			continue
		}
		valid := compiled(t, schema)
		for range 3 {
			text, ok := write(r, compiler, source, w)
			if !ok {
				t.Fatalf("schema %d, %s: no end after %.200q", n, schema, text)
			}
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err == nil {
				err = valid.Validate(value)
			}
			if err != nil {
				t.Fatalf("schema %d, %s: %q does not match: %v", n, schema, text, err)
			}
		}
	}
	if refused > 20 { // empty ranges of numbers
		t.Errorf("%d of 1000 schemas are refused", refused)
	}
}

func compiled(t *testing.T, schema string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err == nil {
		err = c.AddResource("s.json", document)
	}
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	s, err := c.Compile("s.json")
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return s
}

// write writes a random text. The longer it gets, the more it takes tokens that close something.
func write(r *rand.Rand, compiler *Compiler, s Source, w words) (text string, ok bool) {
	c, _ := compiler.New(s, []int32{0})
	for length := range 3000 {
		var open, closing []int32
		mask := c.Mask()
		for id := range int32(len(w)) {
			if allows(mask, id) {
				open = append(open, id)
				if slices.Contains([]string{"", `"`, "}", "]"}, w[id]) {
					closing = append(closing, id)
				}
			}
		}
		if len(closing) > 0 && r.IntN(60) < length && r.IntN(4) > 0 {
			open = closing[:1] // an end before a quotation mark before a bracket
		}
		id := open[r.IntN(len(open))]
		if id == 0 {
			return text, true
		}
		c.Accept(id)
		text += w[id]
	}
	return text, false
}

// randomSchema is a schema of up to a depth.
func randomSchema(r *rand.Rand, depth int) string {
	kinds := 12
	if depth == 0 {
		kinds = 8
	}
	switch r.IntN(kinds) {
	case 0:
		return fmt.Sprintf(`{"type":"integer","minimum":%d,"maximum":%d}`, r.IntN(200)-150, r.IntN(2000)+51)
	case 1:
		return fmt.Sprintf(`{"type":"number","exclusiveMinimum":%g,"maximum":%g}`, float64(r.IntN(900)-800)/8, 13+float64(r.IntN(900))/16)
	case 2:
		least := r.IntN(4)
		return fmt.Sprintf(`{"type":"string","minLength":%d,"maxLength":%d}`, least, least+r.IntN(5))
	case 3:
		patterns := []string{`^[a-z]{2,5}$`, `[0-9]+`, `^(ab|c\"d)*$`, `^\\\\d{3}-\\\\d{4}$`, `[a-z3]$`, `^é+.`}
		return `{"type":"string","pattern":"` + strings.ReplaceAll(strings.ReplaceAll(patterns[r.IntN(len(patterns))], `\\`, `\`), `"`, `"`) + `"}`
	case 4:
		names := []string{"date", "time", "date-time", "email", "hostname", "ipv4", "ipv6", "uuid", "duration"}
		return `{"type":"string","format":"` + names[r.IntN(len(names))] + `"}`
	case 5:
		return `{"enum":["a\"b",null,1.5,{"x":[1,"é"]}]}`
	case 6:
		return `{"type":["boolean","null","string"]}`
	case 7:
		return `{"const":` + fmt.Sprint(r.IntN(10)) + `}`
	case 8:
		least := r.IntN(3)
		return fmt.Sprintf(`{"type":"array","items":%s,"minItems":%d,"maxItems":%d}`, randomSchema(r, depth-1), least, least+r.IntN(3))
	case 9:
		return `{"anyOf":[` + randomSchema(r, depth-1) + `,` + randomSchema(r, depth-1) + `]}`
	case 10:
		return `{"type":"array","prefixItems":[` + randomSchema(r, depth-1) + `,` + randomSchema(r, depth-1) + `],"items":false,"minItems":1}`
	}
	var properties, required []string
	for i := range 1 + r.IntN(4) {
		name := fmt.Sprintf(`"p%d"`, i)
		properties = append(properties, name+":"+randomSchema(r, depth-1))
		if r.IntN(2) == 0 {
			required = append(required, name)
		}
	}
	more := []string{"", `,"additionalProperties":false`}[r.IntN(2)]
	return `{"type":"object","properties":{` + strings.Join(properties, ",") + `},"required":[` + strings.Join(required, ",") + `]` + more + `}`
}
