package source

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

type questionRow struct {
	ID      string `parquet:"id"`
	Choices struct {
		Text  []string `parquet:"text,list"`
		Label []string `parquet:"label,list"`
	} `parquet:"choices"`
	Endings []string `parquet:"endings,list"`
	Answer  *string  `parquet:"answer,optional"`
	Label   int32    `parquet:"label"`
	Share   float64  `parquet:"share"`
	Known   bool     `parquet:"known"`
}

func writeQuestions(t testing.TB, n int) string {
	t.Helper()
	rows := make([]questionRow, n)
	for i := range rows {
		r := questionRow{ID: string(rune('a' + i%26)), Endings: []string{"e"}, Label: int32(i), Share: 0.5, Known: true}
		r.Choices.Text, r.Choices.Label = []string{"yes", "no"}, []string{"A", "B"}
		if i == 1 {
			r.Answer = &r.ID
		}
		rows[i] = r
	}
	return writeRows(t, 50, rows)
}

func TestReadRows(t *testing.T) {
	var rows [][]Field
	for r, err := range ReadRows(t.Context(), writeQuestions(t, 130)) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if len(rows) != 130 {
		t.Fatalf("%d rows, want 130", len(rows))
	}
	want := []Field{
		{"id", "b"}, {"choices", []Field{{"text", []any{"yes", "no"}}, {"label", []any{"A", "B"}}}},
		{"endings", []any{"e"}}, {"answer", "b"}, {"label", int64(1)}, {"share", 0.5}, {"known", true},
	}
	if !reflect.DeepEqual(rows[1], want) {
		t.Errorf("row 1 is %v, want %v", rows[1], want)
	}
	if rows[129][4].Value != int64(129) || rows[129][3].Value != nil {
		t.Errorf("row 129 is %v", rows[129])
	}
}

func TestReadRowsStops(t *testing.T) {
	path := writeQuestions(t, 3)
	for range ReadRows(t.Context(), path) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for r, err := range ReadRows(ctx, path) {
		if err != context.Canceled {
			t.Errorf("after cancelling: %v and error %v", r, err)
		}
	}
}

// What a damaged file gives may differ, but nothing may panic.
func TestReadRowsSurvivesDamage(t *testing.T) {
	whole, err := os.ReadFile(writeQuestions(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	path, failed := filepath.Join(t.TempDir(), "damaged.parquet"), 0
	for i := range whole {
		raw := slices.Clone(whole)
		raw[i] ^= 0xff
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, err := range ReadRows(t.Context(), path) {
			if err != nil {
				failed++
			}
		}
	}
	if failed < len(whole)/10 {
		t.Errorf("only %d of %d damages were noticed", failed, len(whole))
	}
}
