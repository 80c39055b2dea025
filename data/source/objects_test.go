package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

type callOf struct {
	Name string  `parquet:"name"`
	Unit *string `parquet:"unit,optional"`
}

type messageOf struct {
	Role    string   `parquet:"role"`
	Content *string  `parquet:"content,optional"`
	Calls   []callOf `parquet:"calls,list"`
}

type rowOf struct {
	ID       int64       `parquet:"id"`
	Score    *float64    `parquet:"score,optional"`
	Messages []messageOf `parquet:"messages,list"`
}

// told is rows in one line each.
func told(t *testing.T, o Options) (lines []string, counts Counts) {
	t.Helper()
	o.Column = "text"
	texts, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range texts.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%s %d %v", filepath.Base(r.Path), r.Number, r.Names)
		for _, n := range r.Names {
			if r.Has(n) {
				line += fmt.Sprintf(" %s=%s", n, r.Fields[n])
			}
		}
		lines = append(lines, line)
	}
	return lines, texts.Counts()
}

// Rows are the same objects from parquet, JSON lines and plain text; nulls are left out.
func TestRowsOfAllForms(t *testing.T) {
	dir := t.TempDir()
	hi, unit := "h<i>\n\"é\"", "m"
	rows := []rowOf{
		{ID: 1, Messages: []messageOf{{Role: "user", Content: &hi}, {Role: "assistant", Calls: []callOf{{Name: "f"}, {"g", &unit}}}}},
		{ID: 2, Score: new(float64)},
	}
	if err := parquet.WriteFile(filepath.Join(dir, "a.parquet"), rows); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"b.jsonl": "{\"z\": null, \"a\": {\"b\": null}}\n\n{\"a\": \"\xff\"}\n", "c.txt": "one\n\ntwo\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var paths []string
	for _, name := range []string{"a.parquet", "b.jsonl", "c.txt"} {
		paths = append(paths, filepath.Join(dir, name))
	}
	got, counts := told(t, Options{Paths: paths})
	want := []string{
		`a.parquet 1 [id score messages] id=1 messages=[{"role":"user","content":"h<i>\n\"é\"","calls":[]},{"role":"assistant","calls":[{"name":"f"},{"name":"g","unit":"m"}]}]`,
		`a.parquet 2 [id score messages] id=2 score=0 messages=[]`,
		`b.jsonl 1 [a z] a={"b": null}`, "b.jsonl 3 [a] a=\"\xff\"",
		`c.txt 1 [text] text="one"`, `c.txt 2 [text] text="two"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || counts.Invalid != 1 {
		t.Errorf("rows\n%s\nwant\n%s\ncounts %+v", strings.Join(got, "\n"), strings.Join(want, "\n"), counts)
	}
}

func TestRowsRefuseWhatIsNoObject(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	if err := os.WriteFile(path, []byte("{\"a\": 1}\n[1]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	texts, err := Open(Options{Paths: []string{path}, Column: "text"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range texts.Rows(t.Context()) {
		err = e
	}
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error %v, want one of line 2", err)
	}
}
