package source

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// ofOthers is the path of a file of another writer.
func ofOthers(name string) string { return filepath.Join("testdata/parquet", name+".parquet") }

func words(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("word%d", i)
	}
	return all
}

func rowsOf(t testing.TB, path string) (rows [][]Field) {
	t.Helper()
	for row, err := range ReadRows(t.Context(), path) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

func TestTextsOfOtherWriters(t *testing.T) {
	for _, c := range []struct {
		file  string
		want  []string
		nulls int64
	}{
		{"null-arrow-go", nil, 3},
		{"null-arrow-rs", nil, 3},
		{"empty-groups", words(4), 0},
		{"empty-groups-index", words(4), 0},
		{"fallback-arrow-go", words(300), 0},
		{"fallback-arrow-rs", words(400), 0},
		{"large-string", []string{"alpha", "gamma"}, 1},
	} {
		got, skipped := read(t, Options{Paths: []string{ofOthers(c.file)}})
		if !slices.Equal(got, c.want) || skipped != (Counts{Null: c.nulls}) {
			t.Errorf("%s: %q and %+v left out, want %q and %d nulls", c.file, got, skipped, c.want, c.nulls)
		}
		if rows := rowsOf(t, ofOthers(c.file)); len(rows) != len(c.want)+int(c.nulls) {
			t.Errorf("%s: %d rows", c.file, len(rows))
		}
	}
}

// The files have what their names say: a dictionary page, pages of its indices, plain pages.
func TestFallbackFilesFallBack(t *testing.T) {
	for _, name := range []string{"fallback-arrow-go", "fallback-arrow-rs"} {
		f, err := openParquet(ofOthers(name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		kinds := map[format.Encoding]int{}
		r, c := f.column(f.leaves[0]), f.chunk(0, f.leaves[0])
		at, pages := c.DictionaryPageOffset, 0
		for at < c.DictionaryPageOffset+c.TotalCompressedSize {
			h, size, err := r.header(at, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			at, pages = at+size+int64(h.CompressedPageSize), pages+1
			if h.DataPageHeader.Valid {
				kinds[h.DataPageHeader.V.Encoding]++
			}
		}
		if at != c.DictionaryPageOffset+c.TotalCompressedSize || kinds[format.Plain] == 0 || len(kinds) < 2 {
			t.Errorf("%s: %d pages, data pages by encoding %v", name, pages, kinds)
		}
	}
}

// A column of numbers is a column of texts as long as it has no number.
func TestColumnOfNulls(t *testing.T) {
	type numbers struct {
		Text *float64 `parquet:"text,optional"`
	}
	one := 1.5
	path := writeRows(t, 2, make([]numbers, 3))
	if got, skipped := read(t, Options{Paths: []string{path}}); len(got) != 0 || skipped != (Counts{Null: 3}) {
		t.Errorf("%q and %+v left out, want 3 nulls", got, skipped)
	}
	_, err := readAll(t.Context(), []string{writeRows(t, 2, []numbers{{}, {&one}})}, "text")
	wantError(t, err, `column "text"`, "not text")
}

func TestListsOfStructs(t *testing.T) {
	message := func(role string, content any) []Field { return []Field{{"role", role}, {"content", content}} }
	want := [][]Field{
		{{"messages", []any{message("user", "hi"), message("assistant", nil)}}, {"meta", message("a", "b")}},
		{{"messages", []any{}}, {"meta", nil}},
		{{"messages", nil}, {"meta", message("c", "d")}},
		{{"messages", []any{message("user", "x")}}, {"meta", []Field{{"role", nil}, {"content", nil}}}},
	}
	if got := rowsOf(t, ofOthers("structs")); !reflect.DeepEqual(got, want) {
		t.Errorf("the rows are %v, want %v", got, want)
	}
}

func TestShortNamesOfNestedColumns(t *testing.T) {
	path := ofOthers("structs")
	for name, want := range map[string][]string{"content": {"b", "d"}, "meta.role": {"a", "c"}} {
		if got, err := readAll(t.Context(), []string{path}, name); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q and error %v, want %q", name, got, err, want)
		}
	}
	_, err := readAll(t.Context(), []string{path}, "messages")
	wantError(t, err, `column "messages"`, "it is a list", "meta.content")

	type inner struct {
		Text string `parquet:"text"`
	}
	twice := writeRows(t, 9, []struct{ A, B inner }{{inner{"a"}, inner{"b"}}})
	_, err = readAll(t.Context(), []string{twice}, "text")
	wantError(t, err, "more than one column", "A.text, B.text")
	once := writeRows(t, 9, []struct{ A inner }{{inner{"a"}}})
	_, err = readAll(t.Context(), []string{writeParquet(t, "x"), once}, "text")
	wantError(t, err, once, `the name means "text" in`)
}

// rewritten is a copy of a file with another footer.
func rewritten(t testing.TB, path string, change func(m *format.FileMetaData)) string {
	t.Helper()
	f, err := openParquet(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := *f.file.Metadata()
	change(&m)
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), &m)
	if err != nil {
		t.Fatal(err)
	}
	raw = append(raw[:len(raw)-8-int(binary.LittleEndian.Uint32(raw[len(raw)-8:]))], footer...)
	raw = append(binary.LittleEndian.AppendUint32(raw, uint32(len(footer))), "PAR1"...)
	to := filepath.Join(t.TempDir(), "rewritten.parquet")
	if err := os.WriteFile(to, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

// Row groups without rows, whose columns have no pages or lie nowhere.
func TestRowGroupsWithoutRows(t *testing.T) {
	want := sentences(5)
	path := rewritten(t, writeParquet(t, want...), func(m *format.FileMetaData) {
		empty := m.RowGroups[0]
		empty.Columns = slices.Clone(empty.Columns)
		empty.NumRows = 0
		for i := range empty.Columns {
			c := &empty.Columns[i].MetaData
			c.NumValues, c.TotalCompressedSize, c.TotalUncompressedSize = 0, 0, 0
			c.DataPageOffset, c.DictionaryPageOffset = 1<<40, 0
		}
		m.RowGroups = slices.Insert(slices.Clone(m.RowGroups), 1, empty)
		m.RowGroups = append(append([]format.RowGroup{empty}, m.RowGroups...), empty)
		for i := range m.RowGroups {
			m.RowGroups[i].Ordinal = int16(i)
		}
	})
	if got, err := readAll(t.Context(), []string{path}, "text"); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q and error %v, want %q", got, err, want)
	}
	if rows := rowsOf(t, path); len(rows) != 10 {
		t.Errorf("%d rows, want 10", len(rows))
	}
}

// Two-level lists of old writers: the repeated node is the element. Source of the shapes: the
// backward-compatibility rules of LogicalTypes.md in apache/parquet-format.
func TestTwoLevelLists(t *testing.T) {
	type pair struct {
		Str string `parquet:"str"`
		Num int64  `parquet:"num"`
	}
	type single struct {
		Str string `parquet:"str"`
	}
	rows := []struct {
		Plain struct {
			Element []int64 `parquet:"element"`
		} `parquet:"plain,optional"`
		Pairs struct {
			Element []pair `parquet:"element"`
		} `parquet:"pairs,optional"`
		Arrays struct {
			Array []single `parquet:"array"`
		} `parquet:"arrays,optional"`
		Tuple struct {
			Elements []single `parquet:"tuple_tuple"`
		} `parquet:"tuple,optional"`
		Three struct {
			List []single `parquet:"list"`
		} `parquet:"three,optional"`
	}{{}, {}}
	rows[0].Plain.Element = []int64{1, 2}
	rows[0].Pairs.Element = []pair{{"a", 1}, {"b", 2}}
	rows[0].Arrays.Array, rows[0].Tuple.Elements = []single{{"x"}}, []single{{"y"}}
	rows[0].Three.List = []single{{"z"}, {"w"}}
	path := rewritten(t, writeRows(t, 9, rows), func(m *format.FileMetaData) {
		m.Schema = slices.Clone(m.Schema)
		for i := range m.Schema {
			switch e := &m.Schema[i]; e.Name {
			case "plain", "pairs", "arrays", "tuple", "three":
				e.ConvertedType = thrift.New(deprecated.List)
			}
		}
	})
	str := func(s string) []Field { return []Field{{"str", s}} }
	want := []Field{
		{"plain", []any{int64(1), int64(2)}},
		{"pairs", []any{[]Field{{"str", "a"}, {"num", int64(1)}}, []Field{{"str", "b"}, {"num", int64(2)}}}},
		{"arrays", []any{str("x")}}, {"tuple", []any{str("y")}}, {"three", []any{"z", "w"}},
	}
	got := rowsOf(t, path)
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("row 0 is %v, want %v", got[0], want)
	}
	for i, f := range got[1] {
		if list, ok := f.Value.([]any); !ok || len(list) != 0 {
			t.Errorf("row 1: %s is %v, want an empty list", want[i].Name, f.Value)
		}
	}
}

// The library unpacks LZ4_RAW into the wrong buffer, and gives zeros.
func TestLZ4IsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lz4.parquet")
	err := parquet.WriteFile(path, []row{{ID: 1}}, parquet.Compression(&parquet.Lz4Raw))
	if err != nil {
		t.Fatal(err)
	}
	_, err = readAll(t.Context(), []string{path}, "text")
	wantError(t, err, path, `column "text"`, "LZ4_RAW", "snappy")
}

// Texts come back from every encoding, codec and version of pages that are read, over several
// pages and row groups, with nulls between.
func TestEncodingsAndCodecs(t *testing.T) {
	type encoded struct {
		Plain *string `parquet:"plain,optional"`
		Dict  *string `parquet:"dict,optional,dict"`
		Delta string  `parquet:"delta,delta"`
		One   string  `parquet:"one,dict"` // of one value: the indices have 0 bits
	}
	var rows []encoded
	for i := range 3000 {
		text := fmt.Sprintf("text %d é %s", i*i, strings.Repeat("x", i%70))
		r := encoded{Delta: text, One: "same"}
		if i%3 > 0 {
			r.Plain, r.Dict = &text, &text
		}
		rows = append(rows, r)
	}
	for name, codec := range map[string]compress.Codec{
		"none": &parquet.Uncompressed, "snappy": &parquet.Snappy, "gzip": &parquet.Gzip, "brotli": &parquet.Brotli, "zstd": &parquet.Zstd,
	} {
		for version := 1; version <= 2; version++ {
			path := filepath.Join(t.TempDir(), "encoded.parquet")
			if err := parquet.WriteFile(path, rows, parquet.Compression(codec), parquet.DataPageVersion(version),
				parquet.PageBufferSize(5000), parquet.MaxRowsPerRowGroup(1100)); err != nil {
				t.Fatal(err)
			}
			got := rowsOf(t, path)
			for i, want := range rows {
				for k, v := range []*string{want.Plain, want.Dict, &want.Delta, &want.One} {
					if f := got[i][k]; v == nil && f.Value != nil || v != nil && f.Value != *v {
						t.Fatalf("%s, pages of version %d, row %d: %s is %v", name, version, i, f.Name, f.Value)
					}
				}
			}
		}
	}
}
