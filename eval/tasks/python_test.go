package tasks

import (
	"encoding/json"
	"slices"
	"testing"

	"trit/eval/internal/evaltest"
)

func TestMathIsHendrycks(t *testing.T) {
	v := evaltest.ReadVectors(t, "../testdata/python.json")
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
	v := evaltest.ReadVectors(t, "../testdata/python.json")
	for _, c := range v.Clean {
		if got := cleanHellaSwag(c.In); got != *c.Out {
			t.Errorf("%q becomes %q, want %q", c.In, got, *c.Out)
		}
	}
	for _, c := range v.Hellaswag {
		q, err := hellaSwag.Question(document(t, c.Doc))
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
	v := evaltest.ReadVectors(t, "../testdata/python.json")
	for _, c := range v.Wiki {
		if got := joinWikiText(c.In); got != c.Out {
			t.Errorf("%q becomes %q, want %q", c.In, got, c.Out)
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
