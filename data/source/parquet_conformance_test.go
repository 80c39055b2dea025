//go:build conformance

package source

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// refused are the files of parquet-testing that are not read, and a part of what is said.
var refused = map[string]string{
	"ARROW-GH-41317.parquet": "INDEX_PAGE", "ARROW-GH-41321.parquet": "definition levels",
	"ARROW-GH-45185.parquet":              "begins with repetition level 1",
	"ARROW-GH-47662.parquet":              "it is required and has 105 nulls",
	"ARROW-RS-GH-6229-DICTHEADER.parquet": "missing required field",
	"ARROW-RS-GH-6229-LEVELS.parquet":     "repetition levels",
	"PARQUET-1481.parquet":                "type -7", "datapage_v1-corrupt-checksum.parquet": "checksum",
	"rle-dict-uncompressed-corrupt-checksum.parquet": "checksum", "nation.dict-malformed.parquet": "unexpected EOF",
	// Sound, but not supported.
	"column_chunk_key_value_metadata.parquet": "footer", "datapage_v2_empty_datapage.snappy.parquet": "a page of version 2 without values",
	"hadoop_lz4_compressed.parquet": "is LZ4: write the file", "hadoop_lz4_compressed_larger.parquet": "is LZ4: write the file",
	"non_hadoop_lz4_compressed.parquet": "is LZ4: write the file", "lz4_raw_compressed.parquet": "LZ4_RAW",
	"lz4_raw_compressed_larger.parquet": "LZ4_RAW", "large_string_map.brotli.parquet": "1073741828 unpacked",
}

// testingRows is the number of rows of the other files.
var testingRows = map[string]int{
	"ARROW-GH-43605": 21186, "alltypes_dictionary": 2, "alltypes_plain": 8, "alltypes_plain.snappy": 2,
	"alltypes_tiny_pages": 7300, "alltypes_tiny_pages_plain": 7300, "binary": 12, "binary_truncated_min_max": 12,
	"byte_array_decimal": 24, "byte_stream_split.zstd": 300, "byte_stream_split_extended.gzip": 200,
	"concatenated_gzip_members": 513, "data_index_bloom_encoding_stats": 14,
	"data_index_bloom_encoding_with_length": 14, "datapage_v1-snappy-compressed-checksum": 5120,
	"datapage_v1-uncompressed-checksum": 5120, "datapage_v2.snappy": 5, "delta_binary_packed": 200,
	"delta_byte_array": 1000, "delta_encoding_optional_column": 100, "delta_encoding_required_column": 100,
	"delta_length_byte_array": 1000, "dict-page-offset-zero": 39, "fixed_length_byte_array": 1000,
	"fixed_length_decimal": 24, "fixed_length_decimal_legacy": 24, "float16_nonzeros_and_nans": 8,
	"float16_zeros_and_nans": 3, "floating_orders_nan_count": 50, "incorrect_map_schema": 1, "int32_decimal": 24,
	"int32_with_null_pages": 1000, "int64_decimal": 24, "int96_from_spark": 6, "list_columns": 3, "map_no_value": 3,
	"nan_in_stats": 2, "nested_lists.snappy": 3, "nested_maps.snappy": 6, "nested_structs.rust": 1,
	"nonnullable.impala": 1, "null_list": 1, "nullable.impala": 7, "nulls.snappy": 8, "old_list_structure": 1,
	"overflow_i16_page_cnt": 40000, "page_v2_empty_compressed": 10, "plain-dict-uncompressed-checksum": 1000,
	"repeated_no_annotation": 6, "repeated_primitive_no_list": 4, "rle-dict-snappy-checksum": 1000,
	"rle_boolean_encoding": 68, "single_nan": 1, "sort_columns": 6, "unknown-logical-type": 3,
}

// allOf reads all rows and every column, and gives the memory that this took.
func allOf(t *testing.T, path string) (rows [][]Field, memory uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for row, e := range ReadRows(t.Context(), path) {
		if e != nil {
			err = e
			break
		}
		rows = append(rows, row)
	}
	runtime.ReadMemStats(&after)
	return rows, after.TotalAlloc - before.TotalAlloc, err
}

func TestParquetTestingIsReadOrRefused(t *testing.T) {
	files, _ := filepath.Glob(shared + "/parquet-testing/*/*.parquet*")
	known := slices.Concat(slices.Collect(maps.Keys(refused)), slices.Collect(maps.Keys(testingRows)))
	if len(files) < len(known) {
		t.Fatalf("%d files, want %d or more", len(files), len(known))
	}
	for _, path := range files {
		name := filepath.Base(path)
		rows, memory, err := allOf(t, path)
		if memory > 128<<20 {
			t.Errorf("%s: %d MB of memory", name, memory>>20)
		}
		says, no := refused[name]
		if !strings.HasSuffix(name, ".parquet") {
			says, no = "footer", true // encrypted, or no parquet at all
		}
		var kind *KindError
		if errors.As(err, &kind) && !strings.HasSuffix(name, ".parquet") {
			continue
		}
		if no {
			wantError(t, err, path+": ", says)
			var format *FormatError
			if !errors.As(err, &format) || format.Field != "footer" && !strings.HasPrefix(format.Field, "column ") {
				t.Errorf("%s: no field is named: %v", name, err)
			}
			continue
		}
		if want := testingRows[strings.TrimSuffix(name, ".parquet")]; err != nil || want == 0 || len(rows) != want {
			t.Errorf("%s: %d rows, error %v, want %d", name, len(rows), err, want)
		}
	}
}

// The values that the notes beside the files state.
func TestParquetTestingValues(t *testing.T) {
	entry := func(key, value any) []Field { return []Field{{"key", key}, {"value", value}} }
	for _, c := range []struct {
		file  string
		row   int
		field int
		want  any
	}{
		{"old_list_structure", 0, 0, []any{[]any{int64(1), int64(2)}, []any{int64(3), int64(4)}}},
		{"incorrect_map_schema", 0, 0, []any{entry("parent", "another"), entry("name", "report")}},
		{"map_no_value", 1, 2, []any{int64(4), int64(5), int64(6)}},
		{"byte_array_decimal", 23, 0, "24.00"}, {"int32_decimal", 0, 0, "1.00"}, {"fixed_length_decimal", 9, 0, "10.00"},
		{"int96_from_spark", 0, 0, "2024-01-01 20:34:56.123456"}, {"int96_from_spark", 1, 0, "2024-01-01 01:00:00"},
		{"int96_from_spark", 2, 0, "9999-12-31 03:00:00"},
		{"float16_nonzeros_and_nans", 1, 0, 1.0}, {"float16_nonzeros_and_nans", 2, 0, -2.0},
		{"repeated_no_annotation", 3, 1, []Field{{"phone", []any{[]Field{{"number", int64(5555555555)}, {"kind", nil}}}}}},
		{"null_list", 0, 0, []any{}},
	} {
		path := filepath.Join(shared, "parquet-testing/data", c.file+".parquet")
		if got := rowsOf(t, path)[c.row][c.field].Value; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s row %d: %#v, want %#v", c.file, c.row, got, c.want)
		}
	}
}

// The delta files come with their values as text.
func TestParquetTestingAgainstCSV(t *testing.T) {
	dir := filepath.Join(shared, "parquet-testing/data")
	for _, name := range []string{"delta_byte_array", "delta_binary_packed", "delta_encoding_required_column",
		"delta_encoding_optional_column"} {
		raw, err := os.ReadFile(filepath.Join(dir, name+"_expect.csv"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rowsOf(t, filepath.Join(dir, name+".parquet")) {
			for k, f := range row {
				text := ""
				if f.Value != nil {
					text = fmt.Sprint(f.Value)
				}
				if text != want[1+i][k] {
					t.Fatalf("%s row %d %s: %q, want %q", name, i, f.Name, text, want[1+i][k])
				}
			}
		}
	}
}
