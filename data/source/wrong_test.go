package source

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"
)

// wide is UTF-16 of a text, little-endian, without a mark.
func wide(text string) []byte {
	var b []byte
	for _, c := range utf16.Encode([]rune(text)) {
		b = append(b, byte(c), byte(c>>8))
	}
	return b
}

func tarOf(name string) []byte {
	b := make([]byte, 1024)
	copy(b, name)
	copy(b[257:], "ustar\x0000")
	return b
}

// What is no text is named, with a way out, in one line. These are the messages in whole.
func TestWrongFiles(t *testing.T) {
	whole := jsonLinesOf(tales, "text")
	for _, c := range []struct {
		name string // of the file
		raw  []byte
		want string
	}{
		{"empty.txt", nil, "this is an empty file: give one with text"},
		{"model.gguf", []byte("GGUF\x03\x00\x00\x00"), "this is a GGUF file: give texts"},
		{"a.tar", tarOf("a.txt"), "this is a tar archive: unpack it and give the files in it"},
		{"a.tgz", gzipped(t, tarOf("a.txt")), "this is a tar archive: unpack it and give the files in it"},
		{"a.zip", []byte("PK\x03\x04\x14\x00 a.txt"), "this is a zip archive: unpack it and give the files in it"},
		{"a.bin", []byte("PK\x03\x04\x00\x00 archive/data.pkl"), "this is a PyTorch checkpoint: give texts"},
		{"a.docx", []byte("PK\x03\x04\x14\x00 [Content_Types].xml"), "this is an Office document: save it as plain text"},
		{"a.pdf", []byte("%PDF-1.7\n"), "this is a PDF document: take its text out, for example with pdftotext"},
		{"m.safetensors", []byte("\x20\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}"), "this is a safetensors file: give texts"},
		{"old.bin", []byte("\x80\x02}q\x00X"), "this is a Python pickle: it may run any program when it is read, give the texts that it was made of"},
		{"a.arrow", []byte("ARROW1\x00\x00"), "this is an Arrow IPC file (Feather): write it as parquet, for example with pyarrow"},
		{"data-00000.arrow", []byte("\xff\xff\xff\xff\x10\x01\x00\x00"), "this is an Arrow IPC stream: write it as parquet, for example with datasets: to_parquet"},
		{"a.db", []byte("SQLite format 3\x00\x10\x00"), "this is an SQLite database: write its texts as JSON lines, for example with sqlite3 and jq"},
		{"a.h5", []byte("\x89HDF\r\n\x1a\n\x00"), "this is an HDF5 file: give the texts that it was made of"},
		{"a.npy", []byte("\x93NUMPY\x01\x00"), "this is a NumPy array: give the texts that it was made of"},
		{"w.txt", append([]byte("\xff\xfe"), wide("hello there")...), "this is UTF-16 text: convert it, for example with iconv -f UTF-16 -t UTF-8"},
		{"w2.txt", wide("hello there"), "this is UTF-16 text: convert it, for example with iconv -f UTF-16 -t UTF-8"},
		{"array.json", []byte("[\n {\"text\": \"a\"}]"), "this is a JSON array: write one object a line, for example with jq -c"},
		{"pretty.json", []byte("{\n \"text\": \"a\"\n}"), "this is JSON over several lines: write one object a line, for example with jq -c"},
		{"a.csv", []byte("id,text\n1,hello\n"), "this is a table of comma- or tab-separated values (CSV): write it as parquet, for example with pandas: read_csv(FILE).to_parquet(OUT)"},
		{"b.csv", []byte("1;hello\n"), "this is text, though its name says CSV: write it as parquet, for example with pandas: read_csv(FILE).to_parquet(OUT)"},
		{"a.parquet", []byte("<html>not found</html>"), "this is text, though its name says parquet: fetch it again, or rename it to .txt if text is meant"},
		{"a.jsonl.gz", gzipped(t, []byte("no such file")), "this is text, though its name says JSON: fetch it again, or rename it to .txt if text is meant"},
		{"start.parquet", []byte("PAR1"), `footer: a file of 4 bytes has none: the file may be damaged or cut short, fetch or write it again`},
		{"cut.parquet", []byte("PAR1\x15\x04\x15\x10some pages"), `footer: the file ends with "ages", not with "PAR1": the file may be damaged or cut short, fetch or write it again`},
		{"footer.parquet", []byte("PAR1\xff\xff\x00\x00PAR1"), "footer: it says that it has 65535 bytes, the file has 12: the file may be damaged or cut short, fetch or write it again"},
		{"b.parquet", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "this is a Git LFS pointer, not the file: fetch the file with git lfs pull"},
		{"a.xz", []byte("\xfd7zXZ\x00\x00"), "this is xz data: unpack it with xz -d, or give gzip or zstd"},
		{"a.bz2", []byte("BZh91AY"), "this is bzip2 data: unpack it with bunzip2, or give gzip or zstd"},
		{"twice.gz", gzipped(t, zstdOf(t, whole)), "this is zstd data inside gzip data: unpack it once"},
		{"noise", []byte("a\x00b\x01"), "this is binary data, not text: give parquet, JSON lines or plain text"},
		{"cut.gz", gzipped(t, whole)[:20], "gzip: it ends too early: the file may be damaged or cut short, fetch or pack it again"},
		{"cut.zst", zstdOf(t, whole)[:20], "zstd: it ends too early: the file may be damaged or cut short, fetch or pack it again"},
		{"other.jsonl", jsonLinesOf(tales, "body"), `field "text": none of the first 4 rows has it: name one of: body, id, meta`},
		{"number.jsonl", []byte("{\"text\":\"a\"}\n{\"text\":7}\n"), `line 2: the field "text" holds a number, not text: name a field of texts`},
		{"list.jsonl", []byte("{\"text\":[\"a\"]}\n"), `line 1: the field "text" holds a list, not text: name a field of texts`},
		{"bare.jsonl", []byte("{\"text\":\"a\"}\n\n\"b\"\n"), "line 3: it is JSON, and no object: write an object with the text in a field on each line"},
		{"broken.jsonl", []byte("{\"text\":\"a\"}\n{\"text\":\"b\n"), "line 2: it is no JSON at byte 10 (unexpected end of JSON input): write one object a line, or fetch it again"},
	} {
		path := write(t, t.TempDir(), c.name, c.raw)
		_, err := readAll(t.Context(), []string{path}, "text")
		if want := path + ": " + c.want; err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %v", c.name, err, want)
		}
	}
}

// A place without texts is named, too.
func TestWrongPlaces(t *testing.T) {
	dir, empty := t.TempDir(), t.TempDir()
	text := write(t, dir, "mixed/a.txt", []byte("a"))
	lines := write(t, dir, "mixed/b.jsonl", jsonLinesOf(tales, "text"))
	write(t, dir, "prepared/dataset.json", []byte("{}"))
	void := write(t, dir, "void/x", nil)
	for _, c := range []struct{ path, want string }{
		{dir + "/none.txt", "stat " + dir + "/none.txt: no such file or directory"},
		{dir + "/*.none", fmt.Sprintf("no file matches %q: give files that are there", dir+"/*.none")},
		{dir + "/[", fmt.Sprintf("%q is no pattern: '*', '?' and [abc] stand for other characters", dir+"/[")},
		{empty, empty + ": this is a folder without files: give one with text"},
		{dir + "/void", dir + "/void: this is a list of empty files: give some with text"},
		{void, void + ": this is an empty file: give one with text"},
		{dir + "/prepared", dir + "/prepared: this is a prepared data set: training takes it as it is"},
		{dir + "/mixed", dir + "/mixed: this is a mixture: " + text + " is text and " + lines +
			` is JSON lines: name the files of one kind with a pattern, such as "*.txt"`},
		{dir + "/?", fmt.Sprintf("no file matches %q: give files that are there", dir+"/?")},
		{Standard, "-: this is the standard input, which is not open: give a file"},
	} {
		if _, err := Open(Options{Paths: []string{c.path}, Column: "text"}); err == nil || err.Error() != c.want {
			t.Errorf("got %v\nwant %v", err, c.want)
		}
	}
}

// A field may be missing at first, but not in a thousand rows: then a file of any length is refused.
func TestLateField(t *testing.T) {
	for missing, want := range map[int]int{rowsWithoutColumn - 1: 1, rowsWithoutColumn: 0} {
		raw := strings.Repeat("{\"id\":1}\n", missing) + "{\"text\":\"a\"}\n"
		got, err := readAll(t.Context(), []string{write(t, t.TempDir(), "x", []byte(raw))}, "text")
		if len(got) != want || (err == nil) != (want == 1) {
			t.Errorf("%d rows without the field: %q, error %v", missing, got, err)
		}
	}
}

// One test a limit.
func TestLimits(t *testing.T) {
	long := func(before string) io.Reader {
		return io.MultiReader(strings.NewReader(before), io.LimitReader(&endless{part: "x"}, MaxDocument+1))
	}
	lines := io.LimitReader(&endless{part: "line\n"}, MaxDocument+1024)
	window := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 18 << 3, 9, 0, 0, 'x'} // a window of 1 << (10 + 18), a raw block
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"a line of JSON":    {Options{Stdin: long(`{"text":"`)}, "-: line 1: it is longer than 64 MiB"},
		"a line of text":    {Options{Stdin: long("a\n\n")}, "-: document 2: it is longer than 64 MiB"},
		"a document":        {Options{Stdin: lines, Documents: WholeFile}, "-: document 1: it is longer than 64 MiB"},
		"a zstd window":     {Options{Stdin: bytes.NewReader(window)}, "-: zstd: its window is larger than 128 MiB"},
		"a separator":       {Options{Stdin: long("a"), Documents: strings.Repeat("-", maxSeparator+1)}, "separator is too long"},
		"a number of files": {Options{Paths: make([]string, maxFiles+2)}, "no such file"},
	} {
		c.o.Column = "text"
		if c.o.Paths == nil {
			c.o.Paths = []string{Standard}
		} else {
			c.o.Stdin, c.want = strings.NewReader(""), "more than 1048576 files"
			for i := range c.o.Paths {
				c.o.Paths[i] = Standard
			}
		}
		texts, err := Open(c.o)
		if err == nil {
			for _, err = range texts.All(t.Context()) {
				if err != nil {
					break
				}
			}
		}
		t.Run(name, func(t *testing.T) { wantError(t, err, c.want) })
	}
}
