//go:build conformance

package source

import (
	"io"
	"path/filepath"
	"testing"
)

const shared = "../../../shared/data"

// readEveryColumn reads all values of all columns and gives the number of rows.
func readEveryColumn(path string) (int64, error) {
	f, err := openParquet(path)
	if err != nil {
		return 0, err
	}
	defer f.close()
	for _, l := range f.leaves {
		if err := drain(f.column(l)); err != nil {
			return 0, err
		}
	}
	return f.numRows(), nil
}

func drain(r *columnReader) error {
	defer r.close()
	for {
		if _, err := r.next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// sound is in the folder because it broke a reader, not because it is damaged: its
// dictionary has one entry, and an index of no bits is right for that.
const sound = "ARROW-GH-43605.parquet"

func TestBadParquetGivesErrors(t *testing.T) {
	files, _ := filepath.Glob(shared + "/parquet-testing/bad_data/*.parquet")
	if len(files) < 8 {
		t.Fatalf("found %d files, want at least 8", len(files))
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			rows, err := readEveryColumn(path)
			if (err == nil) != (filepath.Base(path) == sound) {
				t.Fatalf("%d rows were read, error %v", rows, err)
			}
			t.Log(err)
		})
	}
}

func TestGoodParquetIsRead(t *testing.T) {
	files, _ := filepath.Glob(shared + "/parquet-testing/data/*.parquet")
	read := 0
	for _, path := range files {
		if _, err := readEveryColumn(path); err != nil {
			t.Logf("%s: %v", filepath.Base(path), err)
			continue
		}
		read++
	}
	t.Logf("%d of %d files were read", read, len(files))
	if read < len(files)*8/10 {
		t.Errorf("only %d of %d files were read", read, len(files))
	}
}

func TestRealTextIsReadWhole(t *testing.T) {
	for _, c := range []struct {
		file, column string
		rows         int
	}{
		{"gsm8k-parquet/train.parquet", "question", 7473},
		{"gsm8k-parquet/test.parquet", "answer", 1319},
		{"corpus-fairytales/fairytales.parquet", "text", 5235},
		{"corpus-tinystories/tinystories_v2.parquet", "text", 1727},
	} {
		texts, err := readAll(t.Context(), []string{filepath.Join(shared, c.file)}, c.column)
		if err != nil || len(texts) != c.rows {
			t.Errorf("%s: %d texts and error %v, want %d", c.file, len(texts), err, c.rows)
		}
		for i, text := range texts {
			if text == "" {
				t.Errorf("%s: row %d is empty", c.file, i)
			}
		}
	}
	for file, rows := range map[string]int64{"train": 800, "test": 200} {
		got, err := readEveryColumn(filepath.Join(shared, "models/arith-llama-bf16", file+".parquet"))
		if err != nil || got != rows {
			t.Errorf("arith-llama %s: %d rows and error %v, want %d", file, got, err, rows)
		}
	}
}

func BenchmarkReadColumn(b *testing.B) {
	path := filepath.Join(shared, "corpus-fairytales/fairytales.parquet")
	for b.Loop() {
		size := 0
		for text, err := range ReadColumn(b.Context(), []string{path}, "text") {
			if err != nil {
				b.Fatal(err)
			}
			size += len(text)
		}
		b.SetBytes(int64(size))
	}
}
