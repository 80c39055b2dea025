// Package filekind says what a file is by its first bytes. Readers name a file of the wrong kind by it, so
// that a user reads "this is a parquet file, not a GGUF file" and not which byte was unexpected.
package filekind

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// HeadBytes is how much of a file Name looks at.
const HeadBytes = 1024

// magics are the kinds of file that fixed bytes tell apart. The first that fits counts, so a longer mark
// stands before a shorter one that it begins with.
var magics = []struct {
	at         int
	mark, name string
}{
	{0, "GGUF", "a GGUF file"},
	{0, "PAR1", "a parquet file"},
	{0, "PARE", "an encrypted parquet file"},
	{0, "ARROW1", "an Arrow IPC file (Feather)"},
	{0, "\xff\xff\xff\xff", "an Arrow IPC stream"},
	{0, "ORC", "an ORC file"},
	{0, "Obj\x01", "an Avro file"},
	{0, "{\\rtf", "an RTF document"},
	{0, "\x04\x22\x4d\x18", "lz4 data"},
	{0, "TRITTOKS", "a shard of a prepared data set"},
	{0, "\x1f\x8b", "a gzip file"},
	{0, "\x28\xb5\x2f\xfd", "a zstd file"},
	{0, "\xfd7zXZ\x00", "xz data"},
	{0, "BZh", "bzip2 data"},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive"},
	{0, "Rar!\x1a\x07", "a RAR archive"},
	{257, "ustar", "a tar archive"},
	{0, "\x93NUMPY", "a NumPy array"},
	{0, "\x89HDF\r\n\x1a\n", "an HDF5 file"},
	{0, "\x80\x02", pickle}, {0, "\x80\x03", pickle}, {0, "\x80\x04", pickle}, {0, "\x80\x05", pickle},
	{0, "lmgg", oldGGML}, {0, "fmgg", oldGGML}, {0, "tjgg", oldGGML}, {0, "algg", oldGGML},
	{0, "%PDF-", "a PDF document"},
	{0, "SQLite format 3\x00", "an SQLite database"},
	{0, "\x89PNG", "an image"},
	{0, "\xff\xd8\xff", "an image"},
	{0, "\x7fELF", "a program"},
	{0, "\xff\xfe\x00\x00", "UTF-32 text"},
	{0, "\x00\x00\xfe\xff", "UTF-32 text"},
	{0, "\xff\xfe", utf16},
	{0, "\xfe\xff", utf16},
	{0, "version https://git-lfs.github.com/spec/", lfsPointer},
	{0, "\x0a\x0e\x0a\x05<unk>", "a SentencePiece model (tokenizer.model)"},
	{0, "\x0a\x0e\x0a\x05<pad>", "a SentencePiece model (tokenizer.model)"},
}

// Names that more than one mark or rule gives.
const (
	pyTorch    = "a PyTorch checkpoint"
	pickle     = "a Python pickle"
	oldGGML    = "a file of the old GGML formats"
	lfsPointer = "a Git LFS pointer, not the file"
	utf16      = "UTF-16 text"
	webPage    = "a web page (HTML)"
)

// ways are the ways out for kinds that are a file in the wrong state rather than a wrong file.
var ways = map[string]string{
	lfsPointer:      "fetch the file with `git lfs pull`",
	webPage:         "a download failed, fetch the file again",
	"an empty file": "a download or a copy failed, fetch the file again",
	pickle:          saveAgain,
	pyTorch:         saveAgain,
}

// saveAgain is the way out for weights that only Python can unpickle, by running what they hold.
const saveAgain = "take a model.safetensors, or save the weights as one"

// packed are the kinds that hold other files.
var packed = []string{
	"a gzip file", "a zstd file", "xz data", "bzip2 data", "lz4 data", "a 7z archive", "a RAR archive", "a tar archive", "a zip archive",
}

// Name says what a file is that begins with head, with its article: "a parquet file". It is empty for
// bytes that it does not know. Name looks at up to [HeadBytes] bytes; fewer do as well.
func Name(head []byte) string {
	head = head[:min(len(head), HeadBytes)]
	if len(head) == 0 {
		return "an empty file"
	}
	if isSafetensors(head) { // before all marks: the length of a header may begin as one of them
		return "a safetensors file"
	}
	for _, m := range magics {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.mark)) {
			return m.name
		}
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return zipName(head)
	}
	return textName(head)
}

// zipName tells files apart that are zip archives inside, by the names of their first members.
func zipName(head []byte) string {
	switch {
	case bytes.Contains(head, []byte("data.pkl")):
		return pyTorch
	case bytes.Contains(head, []byte(".npy")):
		return "an archive of NumPy arrays"
	case bytes.Contains(head, []byte("[Content_Types].xml")):
		return "an Office document"
	case bytes.Contains(head, []byte("mimetypeapplication/epub")):
		return "an EPUB book"
	}
	return "a zip archive"
}

// isSafetensors reports whether head is the length of a header in 8 bytes and the begin of its JSON.
func isSafetensors(head []byte) bool {
	const most = 100_000_000 // the format's own limit of a header
	return len(head) > 9 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= most
}

// textName tells texts apart; it is empty for what is no text.
func textName(head []byte) string {
	text := string(bytes.TrimPrefix(head, []byte("\ufeff")))
	if !isText(text) {
		if isWide(head) {
			return utf16
		}
		return ""
	}
	text = strings.TrimLeftFunc(text, unicode.IsSpace)
	lower := strings.ToLower(text[:min(len(text), 64)])
	switch {
	case strings.HasPrefix(lower, "<!doctype html"), strings.HasPrefix(lower, "<html"):
		return webPage
	case strings.HasPrefix(lower, "<?xml"):
		return "an XML file"
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return jsonName(text)
	}
	return "text"
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

// isText reports whether head is UTF-8 without control characters. A rune that is cut off at its end is fine.
func isText(head string) bool {
	for i, r := range head {
		if r == utf8.RuneError && utf8.FullRuneInString(head[i:]) && !strings.HasPrefix(head[i:], "\ufffd") {
			return false
		}
		if unicode.IsControl(r) && !strings.ContainsRune("\t\n\v\f\r\x1b", r) {
			return false
		}
	}
	return true
}

// jsonName tells JSON files apart by the keys that they begin with.
func jsonName(text string) string {
	has := func(keys ...string) bool {
		for _, k := range keys {
			if !strings.Contains(text, `"`+k+`"`) {
				return false
			}
		}
		return true
	}
	line, rest, several := strings.Cut(text, "\n")
	switch {
	case has("truncation", "padding") || has("added_tokens", "version"):
		return "a tokenizer (tokenizer.json)"
	case has("added_tokens_decoder") || has("tokenizer_class"):
		return "settings of a tokenizer (tokenizer_config.json)"
	case has("architectures") || has("model_type"):
		return "a model's config.json"
	case has("metadata", "total_size") || has("weight_map"):
		return "the index of a model's weights (model.safetensors.index.json)"
	case several && strings.HasSuffix(strings.TrimSpace(line), "}") && strings.HasPrefix(strings.TrimSpace(rest), "{"):
		return "JSON lines"
	}
	return "a JSON file"
}

// Of is Name of a file on the disk. It is "a folder" for a folder, and empty for a file that cannot be read.
func Of(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "a folder"
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, HeadBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return ""
	}
	return Name(head[:n])
}

// Not says that a file of the named kind is not of the wanted kind, and a way out where the kind shows one:
// "this is a web page (HTML), not a GGUF file: a download failed, fetch the file again". Name and want have
// their articles. For a name that is empty or the wanted one it says only "this is not a GGUF file".
func Not(name, want string) string {
	if name == "" || name == want {
		return "this is not " + want
	}
	text := "this is " + name
	if !strings.Contains(name, ", not ") {
		text += ", not " + want
	}
	way := ways[name]
	if slices.Contains(packed, name) {
		way = "unpack it first"
	}
	if way != "" {
		text += ": " + way
	}
	return text
}
