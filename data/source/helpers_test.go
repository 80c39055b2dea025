package source

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

type row struct {
	ID    int64    `parquet:"id"`
	Text  *string  `parquet:"text,optional"`
	Words []string `parquet:"words"`
}

// writeParquet writes texts in row groups of three rows, with a null row after each.
func writeParquet(t testing.TB, texts ...string) string {
	t.Helper()
	var rows []row
	for i := range texts {
		rows = append(rows, row{int64(i), &texts[i], strings.Fields(texts[i])}, row{})
	}
	return writeRows(t, 3, rows)
}

// writeRows writes rows in groups of the given number.
func writeRows[T any](t testing.TB, group int64, rows []T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.parquet")
	if err := parquet.WriteFile(path, rows, parquet.MaxRowsPerRowGroup(group)); err != nil {
		t.Fatal(err)
	}
	return path
}

// sentences gives n different texts of different lengths.
func sentences(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("text %d%s", i, strings.Repeat(" la", i*7%11))
	}
	return texts
}

// read reads all texts; the column is "text" if none is named.
func read(t testing.TB, o Options) ([]string, Counts) {
	t.Helper()
	if o.Column == "" {
		o.Column = "text"
	}
	texts, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for text, err := range texts.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, text)
	}
	return got, texts.Counts()
}

// wantError checks that err mentions each of the words.
func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that mentions %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not mention %q", err, w)
		}
	}
}
