package source

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
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
	hintUTF8   = "convert it, for example with iconv -f UTF-16 -t UTF-8"
)

// signature is how files of a kind begin that are not read.
type signature struct {
	at         int
	magic      string
	name, hint string
}

var signatures = []signature{
	{0, "PARE", "an encrypted parquet file", "write it without encryption"},
	{0, "GGUF", "a GGUF file, which holds a model", "give texts"},
	{0, "ARROW1", "an Arrow IPC file (Feather)", "write it as parquet, for example with pyarrow"},
	{0, "\xff\xff\xff\xff", "an Arrow IPC stream", "write it as parquet, for example with datasets: to_parquet"},
	{0, "SQLite format 3\x00", "an SQLite database", "write its texts as JSON lines, for example with sqlite3 and jq"},
	{0, "%PDF-", "a PDF document", "take its text out, for example with pdftotext"},
	{0, "{\\rtf", "an RTF document", "save it as plain text"},
	{0, "\x89HDF\r\n\x1a\n", "an HDF5 file", hintTexts},
	{0, "\x93NUMPY", "a NumPy array", hintTexts},
	{0, "ORC", "an ORC file", "write it as parquet"},
	{0, "Obj\x01", "an Avro file", "write it as parquet"},
	{257, "ustar", "a tar archive", hintUnpack},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive", hintUnpack},
	{0, "Rar!\x1a\x07", "a RAR archive", hintUnpack},
	{0, "\xfd7zXZ\x00", "xz data", "unpack it with xz -d, or give gzip or zstd"},
	{0, "BZh", "bzip2 data", "unpack it with bunzip2, or give gzip or zstd"},
	{0, "\x04\x22\x4d\x18", "lz4 data", "unpack it with lz4 -d, or give gzip or zstd"},
	{0, "\xff\xfe\x00\x00", "UTF-32 text", "convert it, for example with iconv -f UTF-32 -t UTF-8"},
	{0, "\x00\x00\xfe\xff", "UTF-32 text", "convert it, for example with iconv -f UTF-32 -t UTF-8"},
	{0, "\xff\xfe", "UTF-16 text", hintUTF8},
	{0, "\xfe\xff", "UTF-16 text", hintUTF8},
	{0, "\x89PNG", "an image", "give texts"},
	{0, "\xff\xd8\xff", "an image", "give texts"},
	{0, "\x7fELF", "a program", "give texts"},
	{0, "version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file", "fetch the file with git lfs pull"},
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
	for _, s := range signatures {
		if len(head) > s.at && bytes.HasPrefix(head[s.at:], []byte(s.magic)) {
			return refuse(s.name, s.hint)
		}
	}
	if name, hint := binaryKind(head); name != "" {
		return refuse(name, hint)
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

// binaryKind names what is no text at all.
func binaryKind(head []byte) (name, hint string) {
	switch {
	case isSafetensors(head):
		return "a safetensors file, which holds weights", "give texts"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return zipKind(head)
	case len(head) > 1 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5:
		return "a Python pickle", "it may run any program when it is read, " + hintTexts
	}
	if !bytes.Contains(head, []byte{0}) {
		return "", ""
	}
	if isWide(head) {
		return "UTF-16 text", hintUTF8
	}
	return "binary data, not text", "give parquet, JSON lines or plain text"
}

// isSafetensors reports whether data begins with the length of a header, and the header.
func isSafetensors(head []byte) bool {
	return len(head) > 9 && binary.LittleEndian.Uint64(head) < 1<<32 && head[8] == '{'
}

// zipKind tells apart what comes as a zip archive, by the first names in it.
func zipKind(head []byte) (name, hint string) {
	switch {
	case bytes.Contains(head, []byte("data.pkl")):
		return "a PyTorch checkpoint", "give texts"
	case bytes.Contains(head, []byte("[Content_Types].xml")):
		return "an Office document", "save it as plain text"
	case bytes.Contains(head, []byte("mimetypeapplication/epub")):
		return "an EPUB book", "save it as plain text"
	case bytes.Contains(head, []byte(".npy")):
		return "an archive of NumPy arrays", hintTexts
	}
	return "a zip archive", hintUnpack
}

// isWide reports whether every other byte is 0, as in UTF-16 of English.
func isWide(head []byte) bool {
	zeros := [2]int{}
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	pairs := len(head) / 2
	return pairs > 1 && max(zeros[0], zeros[1]) > pairs*3/4 && min(zeros[0], zeros[1]) < pairs/4
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
