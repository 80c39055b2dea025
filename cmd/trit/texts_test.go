package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"trit/cmd/trit/cmdline"
	"trit/data"
)

// taleTexts are small documents of two lines.
func taleTexts() []string {
	var texts []string
	for i := range 60 {
		texts = append(texts, fmt.Sprintf("Tale %d: \"the fox\".\nGrüße, %d 🦊.", i, i*i))
	}
	return texts
}

// textForms are the contents of a file of these texts by its ending.
func textForms(t *testing.T, texts []string) map[string][]byte {
	t.Helper()
	type row struct {
		ID   int    `parquet:"id"`
		Text string `parquet:"text"`
	}
	var rows []row
	var table, lines, nested bytes.Buffer
	for i, text := range texts {
		rows = append(rows, row{i, text})
		json.NewEncoder(&lines).Encode(map[string]any{"id": i, "text": text})
		json.NewEncoder(&nested).Encode(map[string]any{"page": map[string]any{"body": text}})
	}
	if err := parquet.Write(&table, rows); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"parquet": table.Bytes(), "jsonl": lines.Bytes(), "nested": nested.Bytes(),
		"txt": []byte(strings.Join(texts, "\n\n") + "\n"), "marks": []byte(strings.Join(texts, "\n<|endoftext|>\n")),
	}
}

func packGzip(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func packZstd(t *testing.T, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

// writeFiles writes files into a new folder.
func writeFiles(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Texts become the same shards in every format, packing and place.
func TestTextsInAllForms(t *testing.T) {
	texts := taleTexts()
	all, first, second := textForms(t, texts), textForms(t, texts[:25]), textForms(t, texts[25:])
	files := map[string][]byte{}
	for form, b := range all {
		files["one/tales."+form] = b
		files["one/tales."+form+".gz"], files["one/tales."+form+".zst"] = packGzip(t, b), packZstd(t, b)
	}
	for _, form := range []string{"parquet", "jsonl", "txt"} {
		files[form+"/a/1."+form], files[form+"/b/2."+form+".gz"] = first[form], packGzip(t, second[form])
	}
	for i, text := range texts {
		files[fmt.Sprintf("each/%03d", i)] = []byte(text)
	}
	dir := writeFiles(t, files)
	hubFiles := map[string]string{
		"README.md": "# tales", "data/train-0-of-2.parquet": string(first["parquet"]), "data/train-1-of-2.parquet": string(second["parquet"]),
		"data/test-0-of-1.parquet": string(all["parquet"]), "raw/tales.jsonl.gz": string(packGzip(t, all["jsonl"])),
	}
	url, _ := testHubOf(t, hubFiles)
	hub := " --endpoint " + url + " --hub-cache " + filepath.Join(dir, "cache")
	tok := filepath.Join(dir, "tok")
	mustTrit(t, "tokenizer", "train", "--data", dir+"/one/tales.txt", "--vocab-size", "300", "--out", tok)
	want := ""
	for i, c := range []struct{ flags, stdin string }{
		{"one/tales.parquet", ""}, {"one/tales.parquet.gz", ""}, {"one/tales.parquet.zst", ""},
		{"one/tales.jsonl", ""}, {"one/tales.jsonl.gz", ""}, {"one/tales.jsonl.zst", ""},
		{"one/tales.txt", ""}, {"one/tales.txt.gz", ""}, {"one/tales.txt.zst", ""},
		{"one/tales.nested --column page.body", ""}, {"one/tales.nested.zst --column page.body", ""},
		{"one/tales.marks --documents <|endoftext|>", ""}, {"one/tales.marks.gz --documents \\n<|endoftext|>\\n", ""},
		{"each --documents file", ""}, {"each/* --documents file", ""},
		{"parquet", ""}, {"jsonl", ""}, {"txt", ""}, {"txt/*/?.txt*", ""},
		{"jsonl/a/1.jsonl,DIR/jsonl/b/2.jsonl.gz", ""}, {"parquet/a/1.parquet --data DIR/txt/b", ""},
		{"-", "parquet"}, {"-", "jsonl"}, {"-", "txt"}, {"-", "txt.gz"}, {"-", "parquet.zst"},
		{"org/net" + hub, ""}, {"org/net/raw@main" + hub, ""}, {"org/net/raw/*.gz" + hub, ""},
	} {
		out := filepath.Join(dir, fmt.Sprint("set", i))
		flags := strings.ReplaceAll(c.flags, "DIR", dir)
		if c.flags[0] != '-' && !strings.HasPrefix(c.flags, "org/") {
			flags = dir + "/" + flags
		}
		args := append([]string{"trit", "data", "prepare", "--tokenizer", tok, "--holdout", "0.2", "--out", out, "--data"},
			strings.Fields(flags)...)
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), args, bytes.NewReader(files["one/tales."+c.stdin]), &stdout, &stderr)
		if code != cmdline.ExitOK {
			t.Errorf("%s %s: %s", c.flags, c.stdin, &stderr)
			continue
		}
		m, err := data.OpenManifest(out)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = m.Fingerprint()
		}
		if m.Fingerprint() != want || m.Train.Documents+m.Heldout.Documents != 60 {
			t.Errorf("%s %s: other shards, %d and %d documents", c.flags, c.stdin, m.Train.Documents, m.Heldout.Documents)
		}
		if !strings.Contains(stdout.String(), "documents,") {
			t.Errorf("%s: no counts: %s", c.flags, &stdout)
		}
	}
}

// Wrong texts are refused in one line, by every command that reads texts.
func TestWrongTexts(t *testing.T) {
	table := textForms(t, taleTexts())["parquet"]
	dir := writeFiles(t, map[string][]byte{
		"a.txt": []byte("a\n\nb"), "b.txt": []byte("b"), "model.gguf": []byte("GGUF\x03"), "a.parquet": table,
		"set/dataset.json": []byte("{}"), "mixed/a.txt": []byte("a"), "mixed/b.jsonl": []byte(`{"text":"b"}`),
	})
	url, _ := testHubOf(t, map[string]string{"one/a.parquet": string(table), "two/b.parquet": string(table)})
	for _, c := range []struct {
		flags string
		code  int
		want  string
	}{
		{"--data DIR/model.gguf", cmdline.ExitFailed, "DIR/model.gguf: this is a GGUF file: give texts"},
		{"--data DIR/a.txt DIR/b.txt", cmdline.ExitUsage,
			`"DIR/b.txt" is one argument too many: put a pattern in quotes (--data "*.txt"), or commas between files`},
		{"--data DIR/none.txt", cmdline.ExitFailed, "there is no file or folder DIR/none.txt"},
		{"--data DIR/*.none", cmdline.ExitFailed, `no file matches "DIR/*.none": give files that are there`},
		{"--data DIR/a.parquet --documents line", cmdline.ExitFailed,
			"--documents divides plain text, and DIR/a.parquet is parquet: leave it out"},
		{"--data DIR/a.txt --column story", cmdline.ExitFailed,
			`--column is "story", and DIR/a.txt is text, which has no columns: leave it out`},
		{"--data DIR/a.txt --documents=", cmdline.ExitUsage, "--documents is empty: want blank-line, line, file or a separator"},
		{"--data DIR/a.parquet --column story", cmdline.ExitFailed,
			`DIR/a.parquet: column "story": no such column: name one of: id, text`},
		{"--data DIR/set", cmdline.ExitFailed, "DIR/set: this is a prepared data set: training takes it as it is"},
		{"--data DIR/mixed", cmdline.ExitFailed, "DIR/mixed: this is a mixture: DIR/mixed/a.txt is text and " +
			`DIR/mixed/b.jsonl is JSON lines: name the files of one kind with a pattern, such as "*.txt"`},
		{"--data a/b/c/d --endpoint " + url, cmdline.ExitFailed, "there is no file or folder a/b/c/d, and from the Hub: "},
		{"--data a//b", cmdline.ExitFailed, "a//b is neither a file or folder nor a data set of the Hub, " +
			"which is OWNER/NAME, OWNER/NAME/PATTERN or OWNER/NAME@REVISION"},
		{"--data org/net --endpoint " + url, cmdline.ExitUsage, "org/net holds texts in 2 folders, name one: org/net/one (or two)"},
		{"--data org/net/three/*.txt --endpoint " + url, cmdline.ExitFailed, "there is no file or folder org/net/three/*.txt, and from the Hub: org/net"},
		{"--data org/none --endpoint " + url, cmdline.ExitFailed, "there is no file or folder org/none, and from the Hub: "},
		{"--data ,", cmdline.ExitUsage, "--data names no file"},
		{"--data - --documents line", cmdline.ExitFailed, "-: this is an empty stream: give one with text"},
		{"--data -", cmdline.ExitFailed, "-: this is an empty stream: give one with text"},
	} {
		flags := strings.Fields(strings.ReplaceAll(c.flags, "DIR", dir))
		for _, command := range []string{"tokenizer train --vocab-size 260", "data prepare --tokenizer DIR/tok"} {
			args := append(strings.Fields(strings.ReplaceAll(command, "DIR", dir)), "--out", filepath.Join(dir, "out"),
				"--hub-cache", filepath.Join(dir, "cache"))
			if strings.HasPrefix(command, "data") {
				if _, err := os.Stat(filepath.Join(dir, "tok")); err != nil {
					mustTrit(t, "tokenizer", "train", "--data", dir+"/a.txt", "--vocab-size", "258", "--out", dir+"/tok")
				}
			}
			code, _, stderr := trit(append(args, flags...)...)
			want := "trit: " + strings.ReplaceAll(c.want, "DIR", dir)
			if code != c.code || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s %s: exit code %d\n got %swant %s", command, c.flags, code, stderr, want)
			}
		}
	}
}

// Odd texts are counted and said.
func TestOddTextsAreSaid(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{
		"t/a.jsonl": []byte("{\"text\":null}\n{\"text\":\"\"}\n{\"text\":\"a\"}\n{\"text\":\"\xff\"}\n"), "t/b.jsonl": nil,
		"m.txt": []byte("a\n<|endoftext|>\nb"),
	})
	mustTrit(t, "tokenizer", "train", "--data", dir+"/m.txt", "--vocab-size", "258", "--out", dir+"/tok")
	prepare := func(name string) string {
		code, out, stderr := trit("data", "prepare", "--data", filepath.Join(dir, name), "--tokenizer", dir+"/tok", "--holdout", "0",
			"--out", filepath.Join(dir, "set-"+name))
		if code != cmdline.ExitOK {
			t.Fatal(stderr)
		}
		return out + stderr
	}
	for name, want := range map[string]string{
		"t":     "left out  1 rows without a text (null), 1 texts of no token, 1 empty files\nwarning: 1 texts are not valid UTF-8",
		"m.txt": "warning: 1 documents hold <|endoftext|> as text: --documents '<|endoftext|>' divides there",
	} {
		if got := prepare(name); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Sets whose texts lie in columns of other names become what they are with one name.
func TestColumnsOfSets(t *testing.T) {
	var same, other strings.Builder
	for i, text := range taleTexts() {
		fmt.Fprintf(&same, "{\"text\": %q, \"n\": %d}\n", text+" Again.", i)
		fmt.Fprintf(&other, "{\"a=b\": %q, \"n\": %d}\n", text+" Again.", i)
	}
	tales := textForms(t, taleTexts())
	dir := writeFiles(t, map[string][]byte{
		"tales.txt": tales["txt"], "tales.jsonl": tales["jsonl"], "nested.jsonl": tales["nested"],
		"same.jsonl": []byte(same.String()), "other.jsonl": []byte(other.String()),
	})
	t.Chdir(dir)
	mustTrit(t, "tokenizer", "train", "--data", "tales.txt", "--vocab-size", "300", "--out", "tok")
	shards := func(out, line string) map[string]string {
		mustTrit(t, append([]string{"data", "prepare", "--tokenizer", "tok", "--out", out, "--where", "(n ?? 0) >= 0"}, strings.Fields(line)...)...)
		files := filesBelow(t, out)
		delete(files, "dataset.json") // it has other names of files and columns
		return files
	}
	want := shards("want", "--data a=tales.jsonl --data b=same.jsonl --data c=tales.jsonl --mix a=1,b=2,c=1")
	for i, line := range []string{
		"--data a=nested.jsonl --data b=other.jsonl --data c=tales.jsonl --mix a=1,b=2,c=1 --column a=page.body,b=a=b",
		"--data a=nested.jsonl --data b=other.jsonl --data c=tales.jsonl --mix a=1,b=2,c=1 --column b=a=b,c=text,a=page.body",
	} {
		if got := shards(fmt.Sprint("got", i), line); len(want) < 3 || !maps.Equal(got, want) {
			t.Errorf("%s: other shards", line)
		}
	}
	if alone := shards("alone", "--data other.jsonl --column a=b"); len(alone) != len(want) {
		t.Errorf("a column whose name has an equals sign: %d files", len(alone))
	}
}

// A data set is checked byte by byte, also what a loader takes for checked.
func TestDataCheck(t *testing.T) {
	data := smallData(t, t.TempDir())
	code, stdout, stderr := trit("data", "check", "--data", data)
	if code != cmdline.ExitOK || !strings.Contains(stdout, " is as it was prepared: 1 and 1 shards, ") || stderr != "" {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	shard := filepath.Join(data, "train-00000.tokens")
	raw, err := os.ReadFile(shard)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(shard, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = trit("data", "check", "--data", data)
	if want := shard + ": SHA-256: "; code != cmdline.ExitFailed || stdout != "" || !strings.Contains(stderr, want) || !strings.HasSuffix(stderr, ": prepare the data set again\n") {
		t.Errorf("exit code %d, %q, %q, want %q", code, stdout, stderr, want)
	}
}
