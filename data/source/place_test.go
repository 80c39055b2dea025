package source

import (
	"os"
	"path/filepath"
	"testing"
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
