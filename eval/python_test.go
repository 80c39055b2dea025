package eval

import (
	"testing"

	"trit/eval/internal/evaltest"
)

func TestJSONIsPythons(t *testing.T) {
	v := evaltest.ReadVectors(t, "testdata/python.json")
	for _, c := range v.Hashes {
		doc, err := parseDocument([]byte(c.In))
		if err != nil {
			t.Fatal(err)
		}
		if got := pyJSON(doc, ""); got != c.Line || hashOf(doc.hashed()) != c.Hash {
			t.Errorf("%s, want %s and the hash %s", got, c.Line, c.Hash)
		}
	}
}

func TestFiltersArePythons(t *testing.T) {
	for _, c := range evaltest.ReadVectors(t, "testdata/python.json").Filters {
		f, err := RegexFilter{Regex: c.Regex, Pick: c.Pick}.Filter()
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Apply(nil, c.In); got != c.Out {
			t.Errorf("%s, match %d of %q: %q, want %q", c.Regex, c.Pick, c.In, got, c.Out)
		}
	}
}
