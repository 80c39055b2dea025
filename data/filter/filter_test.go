package filter

import (
	"encoding/json"
	"strings"
	"testing"

	"trit/data/source"
	"trit/setting"
)

const (
	english = "The fox went into the forest, and there it found the house of an old woman who gave it some bread."
	german  = "Der Fuchs ging in den Wald und fand dort das Haus einer alten Frau, die ihm ein Stück Brot gab."
)

func TestReasons(t *testing.T) {
	row := source.Row{Path: "a.jsonl", Number: 7, Fields: map[string]json.RawMessage{
		"score": []byte("3.5"), "meta": []byte(`{"url":"https://a.b/c","n":7}`), "id": []byte("9007199254740993"),
		"sizes": []byte("[1.5,4]"), "huge": []byte("1000000000000000000000000000000"), "tags": []byte(`["x","y"]`),
	}}
	for _, c := range []struct {
		o    Options
		text string
		want string
	}{
		{Options{}, "", ""},
		{Options{MinChars: 4}, "äöü", "too short"}, {Options{MinChars: 3}, "äöü", ""},
		{Options{MaxChars: 3}, "abcd", "too long"}, {Options{MaxChars: 4}, "äöüß", ""},
		{Options{Languages: []string{"en"}}, english, ""}, {Options{Languages: []string{"eng"}}, german, "other language"},
		{Options{Languages: []string{"fr", "de"}}, german, ""},
		{Options{Keep: "score > 3 && chars < 10"}, "abc", ""}, {Options{Keep: "score > 4"}, "abc", "expression"},
		{Options{Keep: `meta.url startsWith "https" and "y" in tags and words == 2`}, "two words", ""},
		{Options{Keep: `language() == "deu"`}, german, ""}, {Options{Keep: `text contains "fox"`}, german, "expression"},
		{Options{Keep: "(missing ?? 0) > 1"}, "abc", "expression"}, {Options{Keep: "bytes == 6"}, "äöü", ""},
		{Options{Keep: `language() == "en"`}, english, ""}, {Options{Keep: `"en" != language()`}, english, "expression"},
		{Options{Keep: `language() in ["fr", "de"]`}, german, ""}, {Options{Keep: `language() in ["fr", "deu"]`}, english, "expression"},
		{Options{Keep: "id == 9007199254740993 && id != 9007199254740992"}, "abc", ""}, {Options{Keep: "id % 10 == 3"}, "abc", ""},
		{Options{Keep: "id in [1, 9007199254740993] && meta.n % 2 == 1 && sizes[1] == 4"}, "abc", ""},
		{Options{Keep: "sizes[0] > 1 && sizes[0] < 2 && huge > 1e29"}, "abc", ""},
	} {
		f, err := New(c.o)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Check(c.text, row); got != c.want || err != nil {
			t.Errorf("%+v of %q: %q, %v, want %q", c.o, c.text, got, err, c.want)
		}
		if f.NeedsRows() != (c.o.Keep != "") {
			t.Errorf("%+v: NeedsRows is %v", c.o, f.NeedsRows())
		}
	}
	f, _ := New(Options{Keep: "missing > 3"})
	if _, err := f.Check("abc", row); err == nil || !strings.HasPrefix(err.Error(), "a.jsonl: row 7: the expression fails") ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("a column that is missing: %v", err)
	}
}

func TestColumns(t *testing.T) {
	for keep, want := range map[string]string{
		"": "", "chars > 3 && language() == 'en'": "", "score > 3 && (b ?? 0) == a": "a b score",
		"meta.url == 'x' or any(tags, # == label)": "label meta tags", "let x = score; x > y": "score y", `$env["my score"] > 1`: "",
	} {
		f, err := New(Options{Keep: keep})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(f.Lacks(source.Row{}), " "); got != want {
			t.Errorf("%s: columns %q, want %q", keep, got, want)
		}
		if got := strings.Join(f.Lacks(source.Row{Names: []string{"meta", "score"}}), " "); strings.Contains(got, "score") {
			t.Errorf("%s: a row with a score lacks %q", keep, got)
		}
	}
}

func TestNewRejects(t *testing.T) {
	for _, c := range []struct {
		o     Options
		field string
	}{
		{Options{MinChars: -1}, "MaxChars"}, {Options{MinChars: 5, MaxChars: 4}, "MaxChars"},
		{Options{Languages: []string{"xx"}}, "Languages"}, {Options{Languages: []string{""}}, "Languages"},
		{Options{Keep: "score >"}, "Keep"}, {Options{Keep: "chars + 1"}, "Keep"}, {Options{Keep: "'text'"}, "Keep"},
		{Options{Keep: "language() == 'english'"}, "Keep"}, {Options{Keep: "language() in ['en', 'xx']"}, "Keep"},
	} {
		_, err := New(c.o)
		if e := setting.As(err); e == nil || e.Field != "filter.Options."+c.field || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}
