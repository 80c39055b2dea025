package eval

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"
)

// python.json holds what Python gives for texts made up for this test: the harness's own
// functions at 4e7e0d47 (hendrycks_math, hellaswag, wikitext, RegexFilter) and the
// standard library's str, json, re and hashlib.
type pythonVectors struct {
	Spell []struct {
		In  string
		Out *string // null where Python raises
	}
	Pairs []struct {
		A, B  string
		Equal bool
	}
	Boxed, Answers, Clean []struct {
		In  string
		Out *string
	}
	Hellaswag []struct{ Doc, Out json.RawMessage }
	Wiki      []struct {
		In, Out string
		Words   int
	}
	Raw    string
	Pages  []string
	Hashes []struct{ In, Hash, Line string }
	Floats []struct{ In, Out string }
	Caps   []struct{ In, Capital, Lower string }

	Filters []struct {
		Regex, In, Out string
		Pick           int
	}
}

func readVectors(t *testing.T) *pythonVectors {
	t.Helper()
	b, err := os.ReadFile("testdata/python.json")
	if err != nil {
		t.Fatal(err)
	}
	v := &pythonVectors{}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMathIsHendrycks(t *testing.T) {
	v := readVectors(t)
	for _, c := range v.Spell {
		got, ok := mathSpelling(c.In)
		if ok != (c.Out != nil) || ok && got != *c.Out {
			t.Errorf("%q is spelt %q, %v; want %q", c.In, got, ok, deref(c.Out))
		}
	}
	for _, c := range v.Pairs {
		if mathEqual(c.A, c.B) != c.Equal {
			t.Errorf("%q and %q: want %v", c.A, c.B, c.Equal)
		}
	}
	for _, c := range v.Boxed {
		boxed, ok := lastBoxed(c.In)
		got, opened := unboxed(boxed)
		if ok = ok && opened; ok != (c.Out != nil) || ok && got != *c.Out {
			t.Errorf("%q has the answer %q, %v; want %q", c.In, got, ok, deref(c.Out))
		}
	}
	for _, c := range v.Answers {
		if got := betweenDollars(c.In); got != *c.Out {
			t.Errorf("%q answers %q, want %q", c.In, got, *c.Out)
		}
	}
}

func deref(s *string) string {
	if s == nil {
		return "an exception"
	}
	return *s
}

func TestHellaSwagIsProcessed(t *testing.T) {
	v := readVectors(t)
	for _, c := range v.Clean {
		if got := cleanHellaSwag(c.In); got != *c.Out {
			t.Errorf("%q becomes %q, want %q", c.In, got, *c.Out)
		}
	}
	for _, c := range v.Hellaswag {
		doc, err := parseDocument(c.Doc)
		if err != nil {
			t.Fatal(err)
		}
		q, err := hellaSwag.ask(doc)
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Query   string
			Choices []string
			Gold    int
		}
		if err := json.Unmarshal(c.Out, &want); err != nil {
			t.Fatal(err)
		}
		if q.Contexts[0] != want.Query || !slices.Equal(q.Choices, want.Choices) || q.Gold != want.Gold {
			t.Errorf("%s becomes %q %q %d, want %+v", c.Doc, q.Contexts, q.Choices, q.Gold, want)
		}
	}
}

func TestWikiText(t *testing.T) {
	v := readVectors(t)
	for _, c := range v.Wiki {
		if got := joinWikiText(c.In); got != c.Out {
			t.Errorf("%q becomes %q, want %q", c.In, got, c.Out)
		}
		if got := python.CountWords(c.In); got != c.Words {
			t.Errorf("%q has %d words, want %d", c.In, got, c.Words)
		}
	}
	var pages []string
	for _, d := range wikiPages(v.Raw) {
		pages = append(pages, d[0].Value.(string))
	}
	if !slices.Equal(pages, v.Pages) {
		t.Errorf("pages %q, want %q", pages, v.Pages)
	}
}

func TestJSONIsPythons(t *testing.T) {
	v := readVectors(t)
	for _, c := range v.Hashes {
		doc, err := parseDocument([]byte(c.In))
		if err != nil {
			t.Fatal(err)
		}
		if got := pyJSON(doc, ""); got != c.Line || hashOf(doc.hashed()) != c.Hash {
			t.Errorf("%s, want %s and the hash %s", got, c.Line, c.Hash)
		}
	}
	for _, c := range v.Floats {
		f, err := strconv.ParseFloat(c.In, 64)
		if got := python.Float(f); err != nil || got != c.Out {
			t.Errorf("%s is %s, want %s", c.In, got, c.Out)
		}
	}
	for _, c := range v.Caps {
		if python.Capitalize(c.In) != c.Capital || python.Lower(c.In) != c.Lower {
			t.Errorf("%q: %q and %q, want %q and %q", c.In, python.Capitalize(c.In), python.Lower(c.In), c.Capital, c.Lower)
		}
	}
}

func TestFiltersArePythons(t *testing.T) {
	for _, c := range readVectors(t).Filters {
		f := mustRegexFilter("", c.Regex, c.Pick)
		if got := f.Apply(nil, c.In); got != c.Out {
			t.Errorf("%s, match %d of %q: %q, want %q", c.Regex, c.Pick, c.In, got, c.Out)
		}
	}
}
