package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
)

// readBytes reads what a stream of these bytes holds, of the kind given, whatever it looks like.
func readBytes(t *testing.T, raw []byte, o Options, reader func(*Texts, *stream, emit) error) (texts []string, err error) {
	t.Helper()
	o.Paths, o.Column, o.Stdin = []string{Standard}, "text", strings.NewReader("")
	all, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	// A small reader returns pieces in parts, as that of a file does at its borders.
	s := &stream{path: Standard, in: bufio.NewReaderSize(bytes.NewReader(raw), 16)}
	err = reader(all, s, func(text string) bool {
		texts = append(texts, text)
		return true
	})
	return texts, err
}

// The texts of JSON lines are those that a decoder of a whole line finds, up to the first line
// that is wrong.
func FuzzJSONLines(f *testing.F) {
	f.Add([]byte(`{"text":"a"}` + "\n" + `{"text":null}` + "\n\n" + `{"a":1,"text":"b\n\ud83e"}`))
	f.Add([]byte("{\"text\":\"\xff\",\"text\":\"twice\"}\r\n"))
	f.Add([]byte(`{"text":["a"]}`))
	f.Add([]byte("\xef\xbb\xbf{\"text\":\"" + strings.Repeat("long ", 10) + "\"}\n{"))
	f.Add([]byte("null\n{\"text\":1}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := readBytes(t, raw, Options{}, func(all *Texts, s *stream, yield emit) error {
			_, err := all.jsonLines(t.Context(), s, yield)
			return err
		})
		want, sound := textsOfLines(raw)
		if !slices.Equal(got, want) || sound != (err == nil) {
			t.Errorf("%q: %q and error %v, want %q, no error: %v", raw, got, err, want, sound)
		}
	})
}

// textsOfLines is an independent reader of JSON lines: of a line at a time, into any.
func textsOfLines(raw []byte) (texts []string, sound bool) {
	found, rows := false, 0
	for line := range bytes.SplitSeq(bytes.TrimPrefix(raw, []byte(utf8BOM)), []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var value any
		if json.Unmarshal(line, &value) != nil {
			return texts, false
		}
		object, ok := value.(map[string]any)
		if !ok {
			return texts, false
		}
		rows++
		text, has := object["text"]
		found = found || has
		switch text := text.(type) {
		case nil:
		case string:
			texts = append(texts, text)
		default:
			return texts, false
		}
	}
	return texts, found || rows == 0
}

// The documents of a text are those that cutting the whole of it gives.
func FuzzPlainText(f *testing.F) {
	f.Add([]byte("one\ntwo\n\n\nthree\r\n \t\r\nfour"), "---")
	f.Add([]byte("\xef\xbb\xbfa---b-----c---"), "---")
	f.Add([]byte(strings.Repeat("a line that is longer than the buffer ", 9)+"\n\nb\xff"), "\n")
	f.Add([]byte("aaabaaaab"), "aab")
	f.Fuzz(func(t *testing.T, raw []byte, separator string) {
		for _, documents := range []string{BlankLine, Line, WholeFile, separator} {
			if documents == "" || len(documents) > maxSeparator {
				continue
			}
			got, err := readBytes(t, raw, Options{Documents: documents}, func(all *Texts, s *stream, yield emit) error {
				_, err := all.plain(t.Context(), s, yield)
				return err
			})
			if want := cutText(raw, documents); err != nil || !slices.Equal(got, want) {
				t.Errorf("%q by %q: %q and error %v, want %q", raw, documents, got, err, want)
			}
		}
	})
}

// cutText divides a text that is held whole.
func cutText(raw []byte, documents string) (texts []string) {
	text := strings.TrimPrefix(string(raw), utf8BOM)
	var parts []string
	switch documents {
	case BlankLine:
		for line := range strings.Lines(text) {
			if strings.TrimSpace(line) == "" || len(parts) == 0 {
				parts = append(parts, "")
			}
			if strings.TrimSpace(line) != "" {
				parts[len(parts)-1] += line
			}
		}
	case WholeFile:
		parts = []string{text}
	case Line:
		parts = strings.Split(text, "\n")
	default:
		parts = strings.Split(text, documents)
	}
	for _, p := range parts {
		if p = strings.Trim(p, "\r\n"); strings.TrimSpace(p) != "" {
			texts = append(texts, p)
		}
	}
	return texts
}

// What files are is found out of any bytes, packed or not, without a panic.
func FuzzKind(f *testing.F) {
	for _, head := range []string{"GGUF", "PARE", "ARROW1", "\xff\xff\xff\xff", "PK\x03\x04", "\xff\xfe", "%PDF-", "\x80\x02}"} {
		f.Add([]byte(head), "a.txt")
	}
	f.Add(zstdOf(f, []byte("text")), "a.zst")
	f.Add(gzipped(f, []byte("text")), "a.gz")
	f.Add([]byte("id,text\n"), "a.json")
	f.Fuzz(func(t *testing.T, raw []byte, name string) {
		s, err := newStream(name, io.NopCloser(bytes.NewReader(raw)), nil, Options{Column: "text"})
		if err != nil {
			return
		}
		defer s.close()
		if (s.kind == emptyKind) != (len(raw) == 0) && compressionOf(raw) == "" {
			t.Errorf("%q is %s", raw, s.kind)
		}
	})
}
