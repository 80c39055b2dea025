package jinja

import (
	"errors"
	"testing"
	"unicode/utf8"
)

// FuzzTemplate renders a stranger's templates under small limits: it must end with a text
// or with one of the package's errors.
func FuzzTemplate(f *testing.F) {
	seen := map[string]bool{}
	for _, v := range readVectors(f, "testdata/vectors.json") {
		if !seen[v.Template] {
			seen[v.Template] = true
			f.Add(v.Template, string(v.Context))
		}
	}
	for _, v := range readVectors(f, "testdata/more.json") {
		f.Add(v.Template, string(v.Context))
	}
	limits := Limits{Steps: 200_000, OutputBytes: 1 << 20, ValueBytes: 4 << 20}
	f.Fuzz(func(t *testing.T, template, context string) {
		if len(template) > 1<<14 || len(context) > 1<<14 {
			return
		}
		text, err := renderVector(vector{Template: template, Context: []byte(context)}, limits)
		if err == nil && (!utf8.ValidString(text) || len(text) > limits.OutputBytes) {
			t.Errorf("%d bytes of output, valid UTF-8: %v", len(text), utf8.ValidString(text))
		}
		checkKind(t, err)
		_, err = renderIn(Dialect{Plain: true}, vector{Template: template, Context: []byte(context)}, limits)
		checkKind(t, err)
	})
}

// checkKind wants an error of the package, with a line of the template.
func checkKind(t *testing.T, err error) {
	var syntax *SyntaxError
	var runtime *RuntimeError
	switch {
	case errors.As(err, &syntax) && syntax.Line < 1:
		t.Errorf("line %d: %v", syntax.Line, err)
	case errors.As(err, &runtime) && (runtime.Line < 1 || runtime.Kind == ""):
		t.Errorf("line %d, kind %q: %v", runtime.Line, runtime.Kind, err)
	}
}
