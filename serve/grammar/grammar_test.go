package grammar

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"trit/lm"
)

// words is a vocabulary of some texts; token 0 ends an answer and has none.
type words []string

func (w words) VocabSize() int { return len(w) }

func (w words) TokenBytes(id int32) []byte { return []byte(w[id]) }

// letters has each byte, and words that cut JSON in odd places.
func letters() words {
	w := words{""}
	for b := range 256 {
		w = append(w, string([]byte{byte(b)}))
	}
	return append(w, `{"`, `":`, `", "`, `"}`, `"name`, "true}", "tru", "12", ".5", "é", "\xc3", " {", "null,", "]}", "<tool", "_call>{", "</tool_call>")
}

func newConstraint(t testing.TB, s Source) lm.Constraint {
	t.Helper()
	c, err := NewCompiler(letters()).New(s, []int32{0})
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	return c
}

func allows(mask []uint64, id int32) bool { return mask[id/64]>>(id%64)&1 == 1 }

// reads reports whether a form allows a text, byte by byte, and an end behind it.
func reads(t testing.TB, s Source, text string) bool {
	t.Helper()
	c := newConstraint(t, s)
	for i := range len(text) {
		id := int32(text[i]) + 1
		if !allows(c.Mask(), id) {
			return false
		}
		c.Accept(id)
	}
	return allows(c.Mask(), 0)
}

// TestSchemas lists texts that schemas allow and texts that they do not.
func TestSchemas(t *testing.T) {
	for schema, c := range map[string]struct{ yes, no []string }{
		`true`:                        {[]string{`1`, ` {"a": [1, null,"x"]}`, `""`, `-0.5e-3`, `[]`, `{ }`}, []string{``, `{`, `tru`, `01`, `{"a"}`, `[1,]`, `"` + "\n" + `"`, `"\x"`}},
		`{"type":"string"}`:           {[]string{`""`, `"a\"é\n\\"`, `"\u00e9"`}, []string{`a`, `"`, `"\ud800"`, "\"\xff\""}},
		`{"type":"integer"}`:          {[]string{`0`, `-12`, `123`}, []string{`1.0`, `01`, `-`, `+1`}},
		`{"type":"number"}`:           {[]string{`0`, `-1.25`, `1e5`}, []string{`.5`, `1.`, `NaN`}},
		`{"type":["null","boolean"]}`: {[]string{`null`, `false`}, []string{`0`, `nul`}},
		`{"const":{"a":[1]}}`:         {[]string{`{"a":[1]}`}, []string{`{"a":[2]}`}},
		`{"enum":["a",2,null]}`:       {[]string{`"a"`, `2`, `null`}, []string{`"b"`, `22`}},
		`{"type":"string","minLength":2,"maxLength":3}`:                               {[]string{`"ab"`, `"éüö"`, `"\n\n"`}, []string{`"a"`, `"abcd"`}},
		`{"type":"string","pattern":"^a[0-9]+$"}`:                                     {[]string{`"a1"`, `"a42"`}, []string{`"a"`, `"xa1"`, `"a1x"`}},
		`{"type":"string","pattern":"b"}`:                                             {[]string{`"b"`, `"abc"`}, []string{`"ac"`, `""`}},
		`{"type":"string","pattern":"^(a|b\"c)$|^\\\\$"}`:                             {[]string{`"a"`, `"b\"c"`, `"\\"`}, []string{`"ab"`, `"\"`}},
		`{"type":"string","pattern":"(?i)^ok.?$"}`:                                    {[]string{`"OK"`, `"ok!"`, `"oK\""`}, []string{`"o"`, `"ok\n"`}},
		`{"type":"string","format":"date"}`:                                           {[]string{`"2026-02-28"`, `"2026-12-31"`}, []string{`"2026-02-30"`, `"2026-04-31"`}},
		`{"type":"string","format":"ipv4"}`:                                           {[]string{`"10.0.0.255"`}, []string{`"256.1.1.1"`, `"1.1.1"`}},
		`{"type":"integer","minimum":-3,"maximum":12}`:                                {[]string{`-3`, `0`, `9`, `12`}, []string{`-4`, `13`, `-0`, `120`}},
		`{"type":"integer","exclusiveMinimum":99}`:                                    {[]string{`100`, `101`, `12345`}, []string{`99`, `1`, `0`, `-100`}},
		`{"type":"number","minimum":0.5,"exclusiveMaximum":2}`:                        {[]string{`0.5`, `1`, `1.999`, `0.75`}, []string{`0`, `2`, `2.0`, `0.49`, `1e0`}},
		`{"type":"number","maximum":-1.5}`:                                            {[]string{`-1.5`, `-2`, `-1000.25`}, []string{`-1`, `0`, `-1.4`}},
		`{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}`:       {[]string{`[1]`, `[1, 2,3]`}, []string{`[]`, `[1,2,3,4]`, `["a"]`}},
		`{"type":"array","maxItems":0}`:                                               {[]string{`[]`, `[ ]`}, []string{`[1]`}},
		`{"type":"array","minItems":2}`:                                               {[]string{`[1,"a"]`, `[1,2,3]`}, []string{`[1]`}},
		`{"prefixItems":[{"const":1},{"const":2}],"items":false,"minItems":1}`:        {[]string{`[1]`, `[1,2]`}, []string{`[]`, `[2]`, `[1,2,3]`}},
		`{"prefixItems":[{"const":1}],"items":{"const":3},"minItems":2,"maxItems":3}`: {[]string{`[1,3]`, `[1,3,3]`}, []string{`[1]`, `[1,2]`, `[1,3,3,3]`}},
		`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{"const":0}},"required":["b"]}`: {
			[]string{`{"b":"x"}`, `{"a":1,"b":""}`, `{"b":"","c":0}`, "{\n  \"a\": 1,\n  \"b\": \"\", \"c\": 0\n}"}, []string{`{}`, `{"a":1}`, `{"b":"","a":1}`, `{"b":"",}`, `{"d":1}`},
		},
		`{"type":"object","properties":{"a":{"const":1},"b":{"const":2}},"additionalProperties":true}`: {[]string{`{}`, `{"b":2}`, `{"a":1,"x":[]}`, `{"x":1,"y":2}`}, []string{`{,"a":1}`}},
		`{"type":"object","additionalProperties":{"type":"integer"}}`:                                  {[]string{`{}`, `{"x":1,"y":2}`}, []string{`{"x":""}`}},
		`{"type":"object","required":["z"]}`:                                                           {[]string{`{"z":1}`}, []string{`{}`}},
		`{"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#"}}]}`:                         {[]string{`1`, `[[1],[]]`}, []string{`"a"`, `[""]`}},
		`{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"left":{"$ref":"#/$defs/tree"},"v":{"type":"integer"}},"required":["v"],"additionalProperties":false}}}`: {
			[]string{`{"v":1}`, `{"left":{"left":{"v":1},"v":2},"v":3}`}, []string{`{"left":1,"v":1}`},
		},
		`{"oneOf":[{"type":"object","properties":{"k":{"const":"a"}},"required":["k"]},{"type":"object","properties":{"k":{"const":"b"},"x":{"const":1}},"required":["k","x"]}]}`: {
			[]string{`{"k":"a"}`, `{"k":"b","x":1}`}, []string{`{"k":"b"}`},
		},
		`{"allOf":[{"type":"object","properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{"const":2}},"required":["b"]}]}`: {
			[]string{`{"a":1,"b":2}`}, []string{`{"a":1}`, `{"b":2}`},
		},
		`{"title":"t","description":"d","type":"boolean","default":true}`: {[]string{`true`}, []string{`1`}},
	} {
		s := Source{Schema: json.RawMessage(schema)}
		for _, text := range c.yes {
			if !reads(t, s, text) {
				t.Errorf("%s does not allow %s", schema, text)
			}
		}
		for _, text := range c.no {
			if reads(t, s, text) {
				t.Errorf("%s allows %s", schema, text)
			}
		}
	}
}

// TestSchemasRefused are those that are wrong or not computed.
func TestSchemasRefused(t *testing.T) {
	for schema, want := range map[string]string{
		`1`: "#: a schema is", `false`: "nothing matches", `{"type":"text"}`: `#/type: is "text"`, `{"type":[]}`: "#/type",
		`{"not":{}}`: "#/not: is not supported", `{"multipleOf":2}`: "multipleOf", `{"properties":{"a":{"uniqueItems":true}}}`: "#/properties/a/uniqueItems",
		`{"$ref":"http://x"}`: "outside", `{"$ref":"#/$defs/x"}`: "there is no #/$defs/x", `{"$ref":"#/a","minLength":1,"a":{}}`: "beside $ref",
		`{"$ref":"#"}`: "nothing matches", `{"enum":[]}`: "empty", `{"anyOf":[]}`: "empty", `{"minLength":-1}`: "minLength",
		`{"minLength":3,"maxLength":2}`: "nothing matches", `{"maxItems":100000}`: "at most 4096", `{"format":"colour"}`: `"colour": want [date`,
		`{"pattern":"("}`: "pattern", `{"pattern":"a\\bc"}`: "within", `{"pattern":"a","maxLength":3}`: "together",
		`{"minimum":1e30}`: "up to 1e15", `{"minimum":1e999999999}`: "up to 1e15", `{"minimum":1e-999999999,"maximum":-1e-999999999}`: "", `{"minimum":2,"maximum":1}`: "no number", `{"minimum":"a"}`: "minimum",
		`{"oneOf":[{"type":"integer"},{"type":"number"}]}`: "may hold together", `{"oneOf":[{},{"type":"number"}]}`: "may hold together",
		`{"allOf":[{"minimum":1},{"minimum":2}]}`: "differs", `{"properties":1}`: "#/properties", `{"required":1}`: "#/required",
		`{"properties":{"a":{}},"additionalProperties":{"type":"string"}}`: "additionalProperties",
		`{"type":"string","minLength":4000,"maxLength":4001}`:              "", `{"prefixItems":[` + strings.Repeat(`{"minLength":4000},`, 60) + `{}]}`: "too large",
		strings.Repeat(`{"items":`, 80) + `{}` + strings.Repeat("}", 80): "nested more than 64",
	} {
		_, err := NewCompiler(letters()).New(Source{Schema: json.RawMessage(schema)}, nil)
		var wrong *Error
		if want == "" {
			if err != nil {
				t.Errorf("%.80s: %v", schema, err)
			}
		} else if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: error %v, want %q in it", schema, err, want)
		}
	}
}

func TestGBNF(t *testing.T) {
	for grammar, c := range map[string]struct{ yes, no []string }{
		`root ::= "yes" | "no"`: {[]string{"yes", "no"}, []string{"", "yesno", " yes"}},
		"root ::= item+ # a comment\nitem ::= [a-c] [^x-z\\n]? \".\"": {[]string{"a.", "aé.b."}, []string{"d.", "ax.", ""}},
		`root ::= ("a" | "b" (
			"c"
		)){2,3} "\x21"`: {[]string{"aa!", "abca!"}, []string{"a!", "aaaa!"}},
		`root ::= "(" root? ")"`:                         {[]string{"()", "((()))"}, []string{"(", "())"}},
		`root ::= .{2} [\u00e9-ü]*`:                      {[]string{"é😀", "xyéü"}, []string{"x", "xyz"}},
		"root ::= a b\na ::= \"a\"*\nb ::= \"\" | \"b\"": {[]string{"", "aaab", "b"}, []string{"ba"}},
	} {
		for _, text := range c.yes {
			if !reads(t, Source{GBNF: grammar}, text) {
				t.Errorf("%s does not allow %q", grammar, text)
			}
		}
		for _, text := range c.no {
			if reads(t, Source{GBNF: grammar}, text) {
				t.Errorf("%s allows %q", grammar, text)
			}
		}
	}
	for grammar, want := range map[string]string{
		`a ::= "b"`: "no rule root", `root ::= x`: "x is used", `root ::= root "a" | "b"`: "begins with itself", `root = "a"`: "line 1",
		"root ::= \"a\"\nroot ::= \"b\"": "line 2 of the grammar: the rule root is defined twice", `root ::= "a`: "no end", `root ::= [a`: "no end",
		`root ::= ("a"`: "want )", `root ::= "\q"`: "no escape", `root ::= [z-a]`: "is empty", `root ::= "a"{2,1}`: "want {n}", `root ::= "a"{99999}`: "want {n}",
		`root ::= "a" ]`: "not expected", `root ::= "\uzzzz"`: "hexadecimal", `root ::= "` + strings.Repeat("a", 99) + `"{4000}`: "too large",
		"root ::= " + strings.Repeat("(", 70): "nested", `root ::= a "x" | "y"` + "\n" + `a ::= "" root`: "begins with itself", `root ::= "a" root`: "nothing matches", "root ::= \"a\xff\"": "UTF-8",
		"root ::= \"" + strings.Repeat("a", maxGrammarBytes): "at most",
	} {
		_, err := NewCompiler(letters()).New(Source{GBNF: grammar}, nil)
		var wrong *Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: error %v, want %q in it", grammar, err, want)
		}
	}
}

// TestTriggers lets text be free until the trigger.
func TestTriggers(t *testing.T) {
	s := Source{Schema: json.RawMessage(`{"type":"integer"}`), Trigger: "<tool>", After: "</tool>"}
	for text, want := range map[string]bool{
		"": true, "free < text <tool": true, "a<tool>1</tool>b": true, "<<tool>\n2\n</tool><tool>3</tool>": true, "<tool>": false,
		"<tool>x": false, "<tool>1": false, "<tool>1</tool": false, "<to<tool>1</tool>": true, "\xff": true,
	} {
		if got := reads(t, s, text); got != want {
			t.Errorf("%q is allowed: %v, want %v", text, got, want)
		}
	}
	s = Source{JSON: true, Before: "<t>\n", After: "\n</t>"}
	if !reads(t, s, "<t>\n{\"a\": 1}\n</t>") || reads(t, s, `{"a":1}`) || reads(t, s, "<t>\n[]\n</t>") {
		t.Error("text before and after")
	}
}

// TestTokensAreCutAnywhere walks with tokens of several bytes: each token that a mask allows must
// be one whose bytes are allowed one by one, and the others must not.
func TestTokensAreCutAnywhere(t *testing.T) {
	w := letters()
	s := Source{Schema: json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"},"v":{"type":["boolean","number"]}},"required":["name","v"]}`)}
	compiler := NewCompiler(w)
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		c, _ := compiler.New(s, []int32{0})
		var bytes []byte
		for range 60 {
			mask := slices.Clone(c.Mask())
			var open []int32
			for id := range int32(len(w)) {
				if want := id != 0 && reachable(compiler, s, append(slices.Clone(bytes), w[id]...)); want != allows(mask, id) && id != 0 {
					t.Fatalf("after %q, %q is allowed: %v, want %v", bytes, w[id], !want, want)
				}
				if allows(mask, id) {
					open = append(open, id)
				}
			}
			id := open[random.IntN(len(open))]
			if id == 0 {
				if !json.Valid(bytes) {
					t.Errorf("%q is no JSON", bytes)
				}
				break
			}
			c.Accept(id)
			bytes = append(bytes, w[id]...)
		}
	}
}

// reachable reports whether a form allows to begin with some bytes.
func reachable(compiler *Compiler, s Source, bytes []byte) bool {
	c, _ := compiler.New(s, nil)
	m := c.(*constraint).m
	at := int32(start)
	for _, b := range bytes {
		at = m.step(at, b)
	}
	return at != dead
}
