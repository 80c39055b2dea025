package eval

import (
	"fmt"
	"regexp"
	"strings"
)

// template is a text in which {field} stands for a field of the document, and {{ and }} for
// braces.
type template struct {
	parts []string // text and names of fields in turn, text first
}

var (
	fieldName = regexp.MustCompile(`^[\pL_][\pL\pN_]*$`)
	jinja     = regexp.MustCompile(`(?:^|[^{])\{\{\s*([\pL_][\pL\pN_.]*)\s*\}\}`)
)

// parseTemplate parses a template. Braces that name no field are an error.
func parseTemplate(s string) (*template, error) {
	if m := jinja.FindStringSubmatch(s); m != nil {
		return nil, fmt.Errorf("template %q: {{%s}} is Jinja; a field is written {%s} here", s, m[1], m[1])
	}
	t, text := &template{}, ""
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			break
		}
		text += s[:i]
		if rest := s[i:]; strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}") {
			text, s = text+rest[:1], rest[2:]
			continue
		}
		name, after, closed := strings.Cut(s[i+1:], "}")
		if s[i] == '}' || !closed || !fieldName.MatchString(name) {
			return nil, fmt.Errorf("template: %q is no field in braces; a brace itself is written twice", s[i:])
		}
		t.parts, text, s = append(t.parts, text, name), "", after
	}
	t.parts = append(t.parts, text+s)
	return t, nil
}

func (t *template) fill(f *Fields) string {
	var out strings.Builder
	for i, p := range t.parts {
		if i%2 == 1 {
			p = f.Shown(p)
		}
		out.WriteString(p)
	}
	return out.String()
}
