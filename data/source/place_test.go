package source

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// ranges is a remote file in memory that counts requests.
type ranges struct {
	b        []byte
	requests int
}

func (r *ranges) Size() int64 { return int64(len(r.b)) }

func (r *ranges) ReadAt(p []byte, off int64) (int, error) {
	r.requests++
	return copy(p, r.b[off:]), nil
}

// Reading goes on behind any text, with the counts of a reading without a stop, locally and remotely.
func TestFromGoesOnBehindEachText(t *testing.T) {
	dir := t.TempDir()
	lines := []byte("{\"text\":\"a\",\"n\":1}\n\n{\"n\":2}\n{\"text\":\"b\",\"n\":3}\n{\"text\":null}\n{\"text\":\"c\",\"n\":4}\n{\"n\":5}\n")
	for name, b := range map[string][]byte{"1.jsonl": lines, "2.txt": []byte("one\n\ntwo\n\n\nthree\n"), "3.jsonl": lines} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	table, err := os.ReadFile("testdata/parquet/null-arrow-go.parquet")
	if err != nil {
		t.Fatal(err)
	}
	large, err := os.ReadFile("testdata/parquet/large-string.parquet")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Column: "text", Paths: []string{
		filepath.Join(dir, "1.jsonl"), filepath.Join(dir, "2.txt"), "far/large.parquet", "far/null.parquet", "far/lines.jsonl",
		"testdata/parquet/large-string.parquet", filepath.Join(dir, "3.jsonl"),
	}, Remote: map[string]Remote{"far/large.parquet": &ranges{b: large}, "far/null.parquet": &ranges{b: table}, "far/lines.jsonl": &ranges{b: lines}}}
	for _, fields := range []bool{false, true} {
		texts, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		var whole []Item
		for item, err := range texts.From(t.Context(), Position{}, fields) {
			if err != nil {
				t.Fatal(err)
			}
			whole = append(whole, item)
		}
		counts := texts.Counts()
		if len(whole) < 12 || counts.Null < 9 {
			t.Fatalf("%d texts, %+v", len(whole), counts)
		}
		for i, from := range whole {
			n := i + 1
			for item, err := range texts.From(t.Context(), from.Next, fields) {
				if err != nil {
					t.Fatal(err)
				}
				if item.Text != whole[n].Text || item.Next != whole[n].Next {
					t.Fatalf("fields %v, behind text %d: %q %+v, want %q %+v", fields, i, item.Text, item.Next, whole[n].Text, whole[n].Next)
				}
				n++
			}
			if n != len(whole) || texts.Counts() != counts {
				t.Errorf("fields %v, behind text %d: %d texts, %+v, want %d, %+v", fields, i, n, texts.Counts(), len(whole), counts)
			}
		}
	}
}

func TestRowsWithoutTheColumn(t *testing.T) {
	texts, err := Open(Options{Column: "body", Paths: []string{"testdata/parquet/large-string.parquet"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range texts.From(t.Context(), Position{}, true) {
		if err == nil {
			t.Error("a text came")
		}
		return
	}
	t.Error("no error came")
}

// With its row a text is what it is without: bytes that are not valid UTF-8 too, of which those in other columns do
// not count. A column of dates is none of texts.
func TestTextsOfRowsAreTheTexts(t *testing.T) {
	type table struct {
		Text  string             `parquet:"text"`
		Image []byte             `parquet:"image"`
		Day   int32              `parquet:"day,date"`
		Page  struct{ B string } `parquet:"page"`
	}
	dir := t.TempDir()
	rows := []table{{Text: "a fox", Image: []byte{0xff, 0xfe}, Page: struct{ B string }{"x \xff"}}, {Text: "bad \xff owl", Day: 5}}
	file := filepath.Join(dir, "t.parquet")
	if err := parquet.WriteFile(file, rows); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "t.txt")
	if err := os.WriteFile(plain, []byte("good\n\nbad \xff\xfe\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	lines := filepath.Join(dir, "t.jsonl")
	if err := os.WriteFile(lines, []byte(`{"text":"half \ud83e","x":1}`+"\n{\"text\":\"good\",\"x\":\"\xff\"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, column string
		invalid      int64
	}{{file, "text", 1}, {file, "page.B", 1}, {plain, "text", 1}, {lines, "text", 1}} {
		var got [2][]string
		for i, fields := range []bool{false, true} {
			texts, err := Open(Options{Paths: []string{c.path}, Column: c.column})
			if err != nil {
				t.Fatal(err)
			}
			for item, err := range texts.From(t.Context(), Position{}, fields) {
				if err != nil {
					t.Fatal(err)
				}
				got[i] = append(got[i], item.Text)
			}
			if n := texts.Counts().Invalid; n != c.invalid {
				t.Errorf("%s of %s, fields %v: %d invalid texts, want %d", c.column, c.path, fields, n, c.invalid)
			}
		}
		if len(got[0]) != 2 || !slices.Equal(got[0], got[1]) {
			t.Errorf("%s of %s: %q, with rows %q", c.column, c.path, got[0], got[1])
		}
	}
	for _, column := range []string{"day", "image"} {
		texts, _ := Open(Options{Paths: []string{file}, Column: column})
		for _, err := range texts.From(t.Context(), Position{}, true) {
			if refused := column == "day"; (err != nil) != refused || refused && !strings.Contains(err.Error(), "it holds DATE, not text") {
				t.Errorf("%s: %v", column, err)
			}
		}
	}
}
