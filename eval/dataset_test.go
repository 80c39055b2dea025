package eval

import (
	"fmt"
	"strings"
	"testing"
)

// A split is chosen from paths of a repository as it is found in a folder.
func TestSplitsAreChosenFromPaths(t *testing.T) {
	paths := []string{"main/train-00000-of-00001.parquet", "main/test-00001-of-00002.parquet", "main/test-00000-of-00002.parquet", "socratic/test-00000-of-00001.parquet", "test.jsonl", "README.md"}
	for _, c := range []struct {
		config, split string
		paths         []string
		want          string
	}{
		{"main", "test", paths, "[main/test-00000-of-00002.parquet main/test-00001-of-00002.parquet]"},
		{"", "test", paths, "[test.jsonl]"}, {"main", "validation", paths, "[]"},
		{"main", "test", []string{"main/test/0000.parquet", "main/test/0001.parquet", "main/train/0000.parquet"}, "[main/test/0000.parquet main/test/0001.parquet]"},
		{"", "test", []string{"data/test-00000-of-00001-5973903632b82d40.parquet"}, "[data/test-00000-of-00001-5973903632b82d40.parquet]"},
	} {
		s := Source{Config: c.config, Split: c.split}
		if got := fmt.Sprint(s.choose(c.paths)); got != c.want {
			t.Errorf("%q %q of %v: %s, want %s", c.config, c.split, c.paths, got, c.want)
		}
	}
}

func TestUnpackedSizeIsBounded(t *testing.T) {
	r := &bounded{strings.NewReader("12345"), 4}
	if _, err := readLines(r); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("error %v", err)
	}
}

func TestDocumentsThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":` + strings.Repeat("[", maxDepth+1):            "nested",
		`{"a":"` + strings.Repeat("x", maxLineBytes) + "\"}": "longer than",
	} {
		if _, err := readLines(strings.NewReader(text + "\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(`{"id":"x","choices":{"text":["a","b"],"label":["1","2"]},"answerKey":"2"}`))
	f.Add([]byte(`{"a":[1,2.5e3,null,true,{"b":"\ud800"}],"a":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseDocument(b)
		if err != nil {
			return
		}
		again, err := parseDocument([]byte(pyJSON(d, "")))
		if err != nil || again.hashed() != d.hashed() {
			t.Errorf("%q is written as %s, which reads as %v, %v", b, pyJSON(d, ""), again, err)
		}
	})
}

// Python's reader takes numbers as they are; what we write of them must stay one.
func TestReadersOfFields(t *testing.T) {
	doc, err := parseDocument([]byte(`{"s":"t","n":1.5,"b":true,"l":["x",1],"o":{"k":"v"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(f *Fields){
		"no field \"z\"":   func(f *Fields) { f.Text("z") },
		"want a text":      func(f *Fields) { f.Text("n") },
		"list of texts":    func(f *Fields) { f.Texts("l") },
		"group of fields":  func(f *Fields) { f.Group("s") },
		"index of one of":  func(f *Fields) { f.Index("n", 3) },
		"text or a number": func(f *Fields) { f.Shown("o") },
	} {
		r := NewFields(doc)
		if read(r); r.Err() == nil || !strings.Contains(r.Err().Error(), name) {
			t.Errorf("error %v, want %q in it", r.Err(), name)
		}
	}
	r := NewFields(doc)
	if got := r.Shown("n") + r.Shown("b") + r.Group("o").Text("k"); got != "1.5Truev" || r.Err() != nil {
		t.Errorf("read %q, %v", got, r.Err())
	}
}
