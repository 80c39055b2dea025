package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// tales are texts with what the formats must keep: lines, quotes, characters of several bytes.
var tales = []string{
	"Once there was a fox.", "The fox said \"good day\".\nThe hen said nothing.", "Grüße, 世界 and 🦊", "  an indented end",
}

func jsonLinesOf(texts []string, name string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for i, text := range texts {
		e.Encode(map[string]any{"id": i, name: text, "meta": map[string]any{"title": text, "n": nil}})
	}
	return b.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstdOf(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// write writes a file and returns its path.
func write(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// All formats, packings and ways to divide a text give the same texts, from files with names
// that say nothing and from a stream.
func TestFormats(t *testing.T) {
	table, err := os.ReadFile(writeParquet(t, tales...))
	if err != nil {
		t.Fatal(err)
	}
	windows := "\ufeff" + strings.ReplaceAll(strings.Join(tales, "\n \t\n\n"), "\n \t", "\r\n \t\r")
	for name, c := range map[string]struct {
		raw []byte
		o   Options
	}{
		"parquet":            {table, Options{}},
		"JSON lines":         {jsonLinesOf(tales, "text"), Options{}},
		"JSON, no last line": {bytes.TrimSpace(jsonLinesOf(tales, "text")), Options{}},
		"a field by name":    {jsonLinesOf(tales, "body"), Options{Column: "body"}},
		"a field in a field": {jsonLinesOf(tales, "text"), Options{Column: "meta.title"}},
		"a name with a dot":  {jsonLinesOf(tales, "a.b"), Options{Column: "a.b"}},
		"blank lines":        {[]byte(strings.Join(tales, "\n\n")), Options{}},
		"many blank lines":   {[]byte("\n\n" + strings.Join(tales, "\n \t\n\n") + "\n\n\n"), Options{Documents: BlankLine}},
		"mark and CRLF":      {[]byte(windows), Options{}},
		"separator":          {[]byte(strings.Join(tales, "\n<|endoftext|>\n") + "\n<|endoftext|>\n"), Options{Documents: endOfText}},
		"separator of lines": {[]byte(strings.Join(tales, "\n---\n")), Options{Documents: "\n---\n"}},
	} {
		for packing, raw := range map[string][]byte{"": c.raw, "gzip": gzipped(t, c.raw), "zstd": zstdOf(t, c.raw)} {
			t.Run(name+" "+packing, func(t *testing.T) {
				c.o.Paths = []string{write(t, t.TempDir(), "data", raw)}
				got, skipped := read(t, c.o)
				if !slices.Equal(got, tales) || skipped.Invalid+skipped.Marked != 0 {
					t.Errorf("got %q and %+v, want %q", got, skipped, tales)
				}
				c.o.Paths, c.o.Stdin = []string{Standard}, bytes.NewReader(raw)
				if got, _ := read(t, c.o); !slices.Equal(got, tales) {
					t.Errorf("from a stream: %q, want %q", got, tales)
				}
			})
		}
	}
}

// Files of a folder come in the order of their paths, those of several paths in the order given.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"b/2.txt", "a/1.txt.gz", "c.txt"} {
		write(t, dir, name, []byte(fmt.Sprint(i)))
	}
	write(t, dir, ".hidden", []byte("no"))
	write(t, dir, "_SUCCESS", []byte("no"))
	write(t, dir, ".hidden.txt", []byte("hidden"))
	write(t, dir, ".git/x", []byte("no"))
	write(t, dir, "empty.txt", nil)
	for _, c := range []struct {
		paths []string
		want  string
		empty int64
	}{
		{[]string{dir}, "1 0 2", 1},
		{[]string{filepath.Join(dir, "*.txt")}, "2", 1},
		{[]string{filepath.Join(dir, "?", "[12].*")}, "1 0", 0},
		{[]string{filepath.Join(dir, ".*.txt")}, "hidden", 0},
		{[]string{filepath.Join(dir, "c.txt"), filepath.Join(dir, "a")}, "2 1", 0},
		{[]string{filepath.Join(dir, "c.txt"), filepath.Join(dir, "c.txt")}, "2 2", 0},
	} {
		got, skipped := read(t, Options{Paths: c.paths, Documents: WholeFile})
		if strings.Join(got, " ") != c.want || skipped.EmptyFiles != c.empty {
			t.Errorf("%q: %q and %d empty files, want %s and %d", c.paths, got, skipped.EmptyFiles, c.want, c.empty)
		}
	}
}

// What is read though something is odd about it is counted.
func TestOddTextsAreCounted(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want []string
		odd  Counts
	}{
		{"good\n\nbad \xff\xfe\n\nx <|endoftext|> y\n", []string{"good", "bad \xff\xfe", "x <|endoftext|> y"}, Counts{Invalid: 1, Marked: 1}},
		{`{"text":"a"}` + "\n\n" + `{"text":null}` + "\n" + `{"other":1}` + "\n" + `{"text":""}`, []string{"a", ""}, Counts{Null: 2}},
		{`{"text":"half \ud83e"}` + "\n" + `{"text":"meant \uFFFD � \ud83e\udd8a"}`, []string{"half �", "meant � � 🦊"}, Counts{Invalid: 1}},
		{"{\"text\":\"bad \xff\"}", []string{"bad �"}, Counts{Invalid: 1}},
	} {
		got, odd := read(t, Options{Paths: []string{write(t, t.TempDir(), "x", []byte(c.raw))}})
		if !slices.Equal(got, c.want) || odd != c.odd {
			t.Errorf("%q: %q and %+v, want %q and %+v", c.raw, got, odd, c.want, c.odd)
		}
	}
}

// A stream is read twice from its copy, and refused without one.
func TestStreamsTwice(t *testing.T) {
	for _, spool := range []string{t.TempDir(), ""} {
		texts, err := Open(Options{Paths: []string{Standard}, Column: "text", Spool: spool, Stdin: strings.NewReader("a\n\nb")})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range 2 {
			for text, err := range texts.All(t.Context()) {
				if (err != nil) != (spool == "" && len(got) == 2) {
					t.Fatalf("spool %q: %v", spool, err)
				}
				got = append(got, text)
			}
		}
		if want := []string{"a", "b", "a", "b"}; spool != "" && !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A division of plain text is refused where there is none to divide, of a stream when that shows.
func TestDivisionWithoutText(t *testing.T) {
	lines := jsonLinesOf(tales, "text")
	for _, paths := range [][]string{{write(t, t.TempDir(), "x", lines)}, {Standard}} {
		texts, err := Open(Options{Paths: paths, Column: "text", Documents: Line, Stdin: bytes.NewReader(lines)})
		if err == nil {
			for _, err = range texts.All(t.Context()) {
				break
			}
		}
		wantError(t, err, "divides plain text, and "+paths[0]+" is JSON lines: leave it out")
	}
}

// Nothing is left of the copy that parquet from a stream needs.
func TestCopiesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	raw, err := os.ReadFile(writeParquet(t, tales...))
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadDir(dir)
	read(t, Options{Paths: []string{Standard}, Stdin: bytes.NewReader(gzipped(t, raw))})
	if after, _ := os.ReadDir(dir); len(after) != len(before) {
		t.Errorf("%d files are left", len(after)-len(before))
	}
}

// A reader that breaks off, or is cancelled, ends at once; memory does not grow with the stream.
func TestEndlessStream(t *testing.T) {
	for name, part := range map[string]string{"text": "one line\n\n", "JSON": `{"text":"x"}` + "\n"} {
		texts, err := Open(Options{Paths: []string{Standard}, Column: "text", Stdin: &endless{part: part}})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range texts.All(t.Context()) {
			if n++; err != nil || n == 100000 {
				break
			}
		}
		if n != 100000 {
			t.Errorf("%s: %d texts", name, n)
		}
	}
}

// endless repeats a text for ever.
type endless struct {
	part string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.part[e.at:])
	e.at = (e.at + n) % len(e.part)
	return n, nil
}

var _ io.Reader = (*endless)(nil)
