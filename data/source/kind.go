package source

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"trit/internal/filekind"
)

// kind is what a file is that is read.
type kind string

const (
	parquetKind kind = "parquet"
	jsonKind    kind = "JSON lines"
	plainKind   kind = "text"
	emptyKind   kind = "an empty file"
)

// The forms of compression that are read.
const (
	gzipFormat = "gzip"
	zstdFormat = "zstd"
)

// compressionOf returns the form of compression of data that begins so, "" if there is none.
func compressionOf(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzipFormat
	case len(head) >= 4 && (binary.LittleEndian.Uint32(head) == 0xfd2fb528 ||
		binary.LittleEndian.Uint32(head)&^0xf == 0x184d2a50): // a skippable frame, which some writers begin with
		return zstdFormat
	}
	return ""
}

// What to do with kinds of files that are not read.
const (
	hintTexts  = "give the texts that it was made of"
	hintUnpack = "unpack it and give the files in it"
	hintTable  = "write it as parquet, for example with pandas: read_csv(FILE).to_parquet(OUT)"
	hintLines  = "write one object a line, for example with jq -c"
)

// hints say what to do with kinds of files that are not read. Kinds of text are told apart by kindOf.
var hints = map[string]string{
	"an encrypted parquet file":               "write it without encryption",
	"a GGUF file":                             "give texts",
	"a safetensors file":                      "give texts",
	"a PyTorch checkpoint":                    "give texts",
	"a Python pickle":                         "it may run any program when it is read, " + hintTexts,
	"an Arrow IPC file (Feather)":             "write it as parquet, for example with pyarrow",
	"an Arrow IPC stream":                     "write it as parquet, for example with datasets: to_parquet",
	"an SQLite database":                      "write its texts as JSON lines, for example with sqlite3 and jq",
	"a PDF document":                          "take its text out, for example with pdftotext",
	"an RTF document":                         "save it as plain text",
	"an Office document":                      "save it as plain text",
	"an EPUB book":                            "save it as plain text",
	"an HDF5 file":                            hintTexts,
	"a NumPy array":                           hintTexts,
	"an archive of NumPy arrays":              hintTexts,
	"a shard of a prepared data set":          hintTexts,
	"a file of the old GGML formats":          "give texts",
	"an ORC file":                             "write it as parquet",
	"an Avro file":                            "write it as parquet",
	"a tar archive":                           hintUnpack,
	"a zip archive":                           hintUnpack,
	"a 7z archive":                            hintUnpack,
	"a RAR archive":                           hintUnpack,
	"xz data":                                 "unpack it with xz -d, or give gzip or zstd",
	"bzip2 data":                              "unpack it with bunzip2, or give gzip or zstd",
	"lz4 data":                                "unpack it with lz4 -d, or give gzip or zstd",
	"UTF-32 text":                             "convert it, for example with iconv -f UTF-32 -t UTF-8",
	"UTF-16 text":                             "convert it, for example with iconv -f UTF-16 -t UTF-8",
	"an image":                                "give texts",
	"a program":                               "give texts",
	"a Git LFS pointer, not the file":         "fetch the file with git lfs pull",
	"a SentencePiece model (tokenizer.model)": hintTexts,
}

const utf8BOM = "\xef\xbb\xbf"

// kindOf finds out what a file is that begins so. column is looked for in what may be a table.
func kindOf(path string, head []byte, column string) (kind, error) {
	refuse := func(name, hint string) (kind, error) { return "", &KindError{path, name, hint} }
	switch {
	case len(head) == 0:
		return emptyKind, nil
	case bytes.HasPrefix(head, []byte("PAR1")):
		return parquetKind, nil
	}
	name := filekind.Name(head)
	if hint := hints[name]; hint != "" {
		return refuse(name, hint)
	}
	if bytes.Contains(head, []byte{0}) {
		return refuse("binary data, not text", "give parquet, JSON lines or plain text")
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(utf8BOM)), " \t\r\n")
	switch {
	case isJSON(text, '{', '"', '}'):
		return jsonKind, nil
	case isJSON(text, '[', '{', '['):
		return refuse("a JSON array", hintLines)
	case isTable(text, column):
		return refuse("a table of comma- or tab-separated values (CSV)", hintTable)
	}
	if claim, hint := claimOf(path); claim != "" {
		return refuse(fmt.Sprintf("text, though its name says %s", claim), hint)
	}
	return plainKind, nil
}

// isJSON reports whether a text begins with open and, after white space, one of the others.
func isJSON(text []byte, open byte, then ...byte) bool {
	if len(text) == 0 || text[0] != open {
		return false
	}
	rest := bytes.TrimLeft(text[1:], " \t\r\n")
	return len(rest) > 0 && slices.Contains(then, rest[0])
}

// isTable reports whether the first line is names between commas or tabs, one of them the column.
func isTable(text []byte, column string) bool {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	for _, separator := range []string{",", "\t", ";"} {
		names := strings.Split(strings.TrimRight(string(line), "\r"), separator)
		for i, n := range names {
			names[i] = strings.Trim(strings.TrimSpace(n), `"`)
		}
		if len(names) > 1 && slices.Contains(names, column) {
			return true
		}
	}
	return false
}

// claimOf returns the kind that a name claims and that the reader knows from text, and what to
// do if it is text.
func claimOf(path string) (claim, hint string) {
	name := strings.ToLower(filepath.Base(path))
	for _, packed := range []string{".gz", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, packed)
	}
	const again = "fetch it again, or rename it to .txt if text is meant"
	switch filepath.Ext(name) {
	case ".parquet":
		return "parquet", again
	case ".jsonl", ".ndjson", ".json":
		return "JSON", again
	case ".csv", ".tsv":
		return "CSV", hintTable
	}
	return "", ""
}
