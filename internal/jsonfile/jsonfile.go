// Package jsonfile reads JSON that users write or fetch, and says what is wrong with it in their words: the
// line, the field, what is wanted there and what was found, instead of names of Go's types.
package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"trit/internal/filekind"
	"trit/internal/nearest"
)

// Decode is json.Unmarshal with the errors of [Explain]. Callers put the name of the file before them.
func Decode(b []byte, v any) error { return Explain(b, json.Unmarshal(b, v)) }

// DecodeStrict is Decode, but a field that v does not have is an error that names the nearest one.
func DecodeStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		var more any
		if err = d.Decode(&more); errors.Is(err, io.EOF) {
			return nil
		}
		return errors.New("more text follows after the end of the JSON value")
	}
	if field, ok := unknownField(err); ok {
		return fmt.Errorf("there is no field %q%s", field, nearest.OneOf(field, fields(reflect.TypeOf(v)), nil))
	}
	return Explain(b, err)
}

// Explain puts an error of encoding/json about the text b into the user's words. It knows the line only if b
// is the whole text, and takes nil for a text that is not at hand. Errors of others, such as those of
// UnmarshalJSON methods, come back as they are.
func Explain(b []byte, err error) error {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
	)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ended(b)
	case errors.As(err, &syntax):
		return explainSyntax(b, syntax)
	case errors.As(err, &kind):
		text := fmt.Sprintf("want %s, found %s", wanted(kind.Type), found(kind.Value))
		if kind.Field != "" {
			text = key(kind.Field) + ": " + text
		}
		return errors.New(line(b, kind.Offset) + text)
	}
	if field, ok := unknownField(err); ok {
		return fmt.Errorf("there is no field %q", field)
	}
	return err
}

// unknownField is the field that a decoder refused; encoding/json has no type for this error.
func unknownField(err error) (string, bool) {
	if err == nil {
		return "", false
	}
	quoted, ok := strings.CutPrefix(err.Error(), "json: unknown field ")
	if !ok {
		return "", false
	}
	field, err := strconv.Unquote(quoted)
	return field, err == nil
}

// fields lists the keys of a struct, of those that it embeds, and of the structs inside it, since an
// unknown field may stand in any of them.
func fields(t reflect.Type) (names []string) {
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			return // a type that decodes itself does not have its fields as keys
		}
		seen[t] = true
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				name = f.Name
			}
			if f.IsExported() && !f.Anonymous && name != "-" && !slices.Contains(names, name) {
				names = append(names, name)
			}
			walk(f.Type)
		}
	}
	walk(t)
	return names
}

func explainSyntax(b []byte, err *json.SyntaxError) error {
	if bytes.HasPrefix(b, []byte("\ufeff")) {
		return errors.New("the file begins with a byte order mark: save it as UTF-8 without one")
	}
	if first := bytes.TrimSpace(b); len(first) > 0 && first[0] != '{' && first[0] != '[' {
		if name := filekind.Name(b); name != "" {
			return errors.New(filekind.Not(name, "a JSON file"))
		}
	}
	if err.Error() == "unexpected end of JSON input" {
		return ended(b)
	}
	text := err.Error()
	for said, want := range expected {
		if strings.HasSuffix(text, said) {
			return fmt.Errorf("%s%s stands where %s should be", line(b, err.Offset), wrongCharacter(b, err), want)
		}
	}
	return errors.New(line(b, err.Offset) + text)
}

// wrongCharacter is the character that an error of syntax is about.
func wrongCharacter(b []byte, err *json.SyntaxError) string {
	if at := int(err.Offset) - 1; at >= 0 && at < len(b) {
		r, _ := utf8.DecodeRune(b[at:])
		return strconv.Quote(string(r))
	}
	text := strings.TrimPrefix(err.Error(), "invalid character ")
	return text[:max(strings.LastIndex(text, "'"), 0)+1]
}

// expected are the ends of encoding/json's errors of syntax, and what should stand there.
var expected = map[string]string{
	"looking for beginning of value":             "a value",
	"looking for beginning of object key string": "a key in double quotes",
	" after object key":                          `":"`,
	"after object key:value pair":                `"," or "}"`,
	"after array element":                        `"," or "]"`,
	"after top-level value":                      "the end",
}

func ended(b []byte) error {
	if b != nil && len(bytes.TrimSpace(b)) == 0 {
		return errors.New("this is an empty file, not a JSON file")
	}
	return errors.New("the JSON ends too early: it is cut short, or a bracket or a quote is not closed")
}

// line says in which line of b an offset lies, if there are several.
func line(b []byte, offset int64) string {
	if !bytes.Contains(bytes.TrimSpace(b), []byte("\n")) {
		return ""
	}
	return fmt.Sprintf("line %d: ", 1+bytes.Count(b[:max(0, min(int(offset), len(b)))], []byte("\n")))
}

// key is a field's path in the file: encoding/json puts the names of embedded structs before it.
func key(path string) string {
	for {
		first, rest, more := strings.Cut(path, ".")
		if !more || first == "" || !unicode.IsUpper(rune(first[0])) {
			return path
		}
		path = rest
	}
}

// wanted names what a Go type takes.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of at least 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "text in quotes"
	case reflect.Slice, reflect.Array:
		return "a list [...]"
	case reflect.Pointer:
		return wanted(t.Elem())
	}
	return "an object {...}"
}

// found names a value as encoding/json describes it.
func found(value string) string {
	if number, ok := strings.CutPrefix(value, "number "); ok {
		return number
	}
	switch value {
	case "string":
		return "text"
	case "bool":
		return "true or false"
	case "array":
		return "a list"
	case "number":
		return "a number"
	}
	return "an object"
}
