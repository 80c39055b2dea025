package data

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// letters is a tokenizer of bytes: id = byte, then BOS 256 and EOS 257.
type letters struct{ size int }

func (letters) EncodeOrdinary(text string) []int32 {
	ids := make([]int32, len(text))
	for i := range len(text) {
		ids[i] = int32(text[i])
	}
	return ids
}
func (letters) BOS() int32 { return 256 }
func (letters) EOS() int32 { return 257 }
func (l letters) VocabSize() int {
	return max(l.size, 258)
}
func (letters) Files() (map[string][]byte, error) {
	return map[string][]byte{"tokenizer.json": []byte("{}"), "additional_chat_templates/tool_use.jinja": []byte("x")}, nil
}

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

func prepare(t testing.TB, o PrepareOptions, texts ...string) (string, *Manifest) {
	t.Helper()
	o.Files, o.Column = []string{writeParquet(t, texts...)}, "text"
	if o.Tokenizer == nil {
		o.Tokenizer = letters{}
	}
	if o.Out == "" {
		o.Out = filepath.Join(t.TempDir(), "set")
	}
	m, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return o.Out, m
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
