package data

import (
	"path/filepath"
	"testing"

	"trit/data/source"
)

// Two shards, one without any text: its rows are counted in the manifest.
func TestPrepareCountsWhatItLeavesOut(t *testing.T) {
	m, err := Prepare(t.Context(), PrepareOptions{
		Files:  []string{"source/testdata/parquet/null-arrow-go.parquet", "source/testdata/parquet/large-string.parquet", writeParquet(t, "a b", "")},
		Column: "text", Tokenizer: letters{}, Out: filepath.Join(t.TempDir(), "set"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.Train.Documents != 3 || m.NullRows != 3+1+2 || m.EmptyRows != 1 {
		t.Errorf("%d documents, %d null and %d empty rows, want 3, 6 and 1", m.Train.Documents, m.NullRows, m.EmptyRows)
	}
	_, err = Prepare(t.Context(), PrepareOptions{Files: []string{"source/testdata/parquet/null-arrow-go.parquet"}, Column: "text",
		Tokenizer: letters{}, Out: filepath.Join(t.TempDir(), "none")})
	wantError(t, err, "no document to train on", "left out: 3 null")
}

func TestTrainTokenizerCountsWhatItLeavesOut(t *testing.T) {
	skipped := int64(0)
	_, err := TrainTokenizer(t.Context(), TokenizerOptions{
		Files: []string{"source/testdata/parquet/null-arrow-go.parquet", "source/testdata/parquet/fallback-arrow-go.parquet"}, Column: "text", VocabSize: 260,
		Out: filepath.Join(t.TempDir(), "tok"), Counts: func(s source.Counts) { skipped = s.Null },
	})
	if err != nil || skipped != 3 {
		t.Errorf("%d rows were left out, error %v, want 3", skipped, err)
	}
}
