package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"trit/cmd/trit/cmdline"
)

// rangeHub is a Hub with the data set org/net, whose files it sends by ranges. Before it sends one, it calls before, which
// may answer instead.
func rangeHub(t *testing.T, files map[string]string, before func(w http.ResponseWriter, r *http.Request, name string) bool) string {
	t.Helper()
	forgetHub(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, isFile := strings.CutPrefix(r.URL.Path, "/datasets/org/net/resolve/"+hubCommit+"/")
		if !isFile {
			if !serveRepo(w, r.URL.Path, "datasets/org/net", files) {
				w.Header().Set("X-Error-Code", "RepoNotFound")
				w.WriteHeader(http.StatusNotFound)
			}
			return
		}
		w.Header().Set("X-Repo-Commit", hubCommit)
		w.Header().Set("ETag", fmt.Sprintf(`"%s"`, gitHash(files[name])))
		if r.Method == http.MethodGet && before != nil && before(w, r, name) {
			return
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(files[name]))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// dropAfter sends the first bytes of a range and breaks the connection.
func dropAfter(w http.ResponseWriter, r *http.Request, text string, n int) {
	r.Header.Del("If-Range")
	http.ServeContent(&cutWriter{w, n}, r, "", time.Time{}, strings.NewReader(text))
}

// cutWriter breaks the connection after rest bytes.
type cutWriter struct {
	http.ResponseWriter
	rest int
}

func (c *cutWriter) Write(b []byte) (int, error) {
	if len(b) > c.rest {
		c.ResponseWriter.Write(b[:c.rest])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.rest -= len(b)
	return c.ResponseWriter.Write(b)
}

// streamed are files of a data set with several MB of text: parquet of many row groups, and JSON lines.
func streamed(t *testing.T) map[string]string {
	t.Helper()
	type row struct {
		Text string `parquet:"text"`
		N    int    `parquet:"n"`
	}
	text := func(what string, i int) string {
		return fmt.Sprintf("%s %d. ", what, i) + strings.Repeat(fmt.Sprintf("It had %d of %d more. ", i*i, 7*i), 20)
	}
	files := map[string]string{"README.md": "# Stories"}
	for f := range 2 {
		var rows []row
		for i := range 3000 {
			rows = append(rows, row{text("Page", 3000*f+i), i})
		}
		var b bytes.Buffer
		if err := parquet.Write(&b, rows, parquet.MaxRowsPerRowGroup(300)); err != nil {
			t.Fatal(err)
		}
		files[fmt.Sprintf("web/part-%d.parquet", f)] = b.String()
	}
	var lines strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&lines, "{\"text\": %q}\n", text("Code", i))
	}
	files["code/a.jsonl"] = lines.String()
	return files
}

// filesBelow are the files in a folder and below it, by their path in it.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A data set of a Hub that drops connections is read in place by a process that is killed: the next one goes on, and
// makes the shards that the files make here. Beside shards nothing is kept on the disk.
func TestStreamOfAHubThatDrops(t *testing.T) {
	dir, temporary, files := t.TempDir(), t.TempDir(), streamed(t)
	tok := smallData(t, dir)
	out := filepath.Join(dir, "out")
	work := filepath.Join(dir, ".out.preparing")
	var requests, dropped atomic.Int64
	waits, kill := make(chan bool, 100), atomic.Bool{}
	kill.Store(true)
	url := rangeHub(t, files, func(w http.ResponseWriter, r *http.Request, name string) bool {
		if _, err := os.Stat(filepath.Join(work, "journal.json")); err == nil && kill.Load() {
			waits <- true
			<-r.Context().Done() // until it is killed
			return true
		}
		if n := requests.Add(1); n%8 == 3 && len(files[name]) > 100_000 && dropped.Load() < 6 {
			dropped.Add(1)
			dropAfter(w, r, files[name], 1500)
		}
		return false
	})
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("TMPDIR", temporary)
	prepare := func(out string, data ...string) []string {
		return append(append([]string{"data", "prepare", "--mix", "web=3,code=1", "--tokenizer", tok, "--holdout", "0.1", "--threads", "1",
			"--shard-tokens", "60000", "--duplicates", "exact", "--out", out}, data...), "--endpoint", url)
	}
	remote := []string{"--data", "web=org/net/web", "--data", "code=org/net/code", "--stream"}

	p := startProgram(t, os.Stderr, prepare(out, remote...)...)
	select {
	case <-waits:
	case <-time.After(2 * time.Minute):
		t.Fatalf("it did not come to a kill: %s", p.log.String())
	}
	p.kill()
	kill.Store(false)
	tokenizer := filesBelow(t, tok)
	for name := range filesBelow(t, work) {
		if strings.HasPrefix(name, ".") {
			continue // the shard or the journal that was being written
		}
		if _, known := tokenizer[name]; !known && !strings.HasSuffix(name, ".tokens") && !strings.HasPrefix(name, "partial-") && !strings.HasPrefix(name, "journal") &&
			name != "shards.jsonl" && name != "seen.keys" {
			t.Errorf("%s is kept on the disk", name)
		}
	}
	code, stdout, stderr := trit(prepare(out, remote...)...)
	if code != cmdline.ExitOK || !strings.Contains(stderr, "going on after") || dropped.Load() < 3 {
		t.Fatalf("exit code %d, %d connections dropped: %s%s", code, dropped.Load(), stdout, stderr)
	}
	for _, d := range []string{home, temporary} {
		if left := filesBelow(t, d); len(left) > 0 {
			t.Errorf("%d files are kept in %s", len(left), d)
		}
	}

	here := filepath.Join(dir, "here")
	for name, text := range files {
		os.MkdirAll(filepath.Join(here, filepath.Dir(name)), 0o755)
		writeText(t, filepath.Join(here, name), text)
	}
	want := filepath.Join(dir, "want")
	mustTrit(t, prepare(want, "--data", "web="+filepath.Join(here, "web"), "--data", "code="+filepath.Join(here, "code"))...)
	a, b := filesBelow(t, out), filesBelow(t, want)
	delete(a, "dataset.json") // it has other names of files
	delete(b, "dataset.json")
	if len(a) < 10 || len(a) != len(b) {
		t.Errorf("%d files, and of the texts here %d", len(a), len(b))
	}
	for name := range b {
		if a[name] != b[name] {
			t.Errorf("%s is another than that of the texts here", name)
		}
	}
}

// What is wrong with files that are read in place is one line.
func TestWrongStreams(t *testing.T) {
	dir, files := t.TempDir(), streamed(t)
	tok := smallData(t, dir)
	whole := files["web/part-0.parquet"]
	files["cut/a.parquet"] = whole[:len(whole)/2]
	files["damaged/a.parquet"] = whole[:5000] + strings.Repeat("x", 3000) + whole[8000:]
	files["page/a.parquet"] = "<!DOCTYPE html>\n<html><body>404</body></html>\n"
	files["numbers/a.jsonl"] = "{\"text\": 5}\n"
	files["broken/a.jsonl.gz"] = string(packGzip(t, []byte(files["code/a.jsonl"]))[:5000])
	files["other/a.jsonl"] = "{\"body\": \"a fox\"}\n"
	files["empty/a.jsonl"] = ""
	files["whole/a.parquet"] = whole
	files["mixture/a.jsonl"], files["mixture/b.md"] = "{\"text\": \"a fox\"}\n", "An owl."
	url := rangeHub(t, files, func(w http.ResponseWriter, r *http.Request, name string) bool {
		if strings.HasPrefix(name, "whole/") {
			fmt.Fprint(w, files[name]) // as a server that knows no ranges
			return true
		}
		return false
	})
	for _, c := range []struct {
		flags string
		want  string
	}{
		{"--data org/net/web --column body", `column "body"`},
		{"--data org/net/web --column n", `column "n"`},
		{"--data a=org/net/web --data b=org/net/other --mix a=1,b=1", `other/a.jsonl: field "text": none of the first 1 rows has it: name one of: body`},
		{"--data a=org/net/web --data b=org/net/numbers --mix a=1,b=1", `numbers/a.jsonl: line 1: the field "text" holds a number`},
		{"--data org/net/cut", "cut/a.parquet: "},
		{"--data org/net/damaged", "damaged/a.parquet: "},
		{"--data org/net/page", "page/a.parquet: this is "},
		{"--data org/net/broken", "broken/a.jsonl.gz: gzip: it ends too early"},
		{"--data org/net/empty", "empty/a.jsonl: this is an empty file"},
		{"--data org/net/whole", "fetch the file as a whole"},
		{"--data org/net/mixture", "mixture matches files of several kinds, such as mixture/a.jsonl and mixture/b.md: name those of one, such as org/net/mixture/*.jsonl"},
		{"--data org/net/nothing", "none of the files that are wanted"},
		{"--data org/none", "org/none"},
	} {
		out := filepath.Join(dir, "out")
		args := append([]string{"data", "prepare", "--stream", "--tokenizer", tok, "--out", out, "--endpoint", url}, strings.Fields(c.flags)...)
		code, stdout, stderr := trit(args...)
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		last := lines[len(lines)-1]
		if code == cmdline.ExitOK || stdout != "" || !strings.Contains(last, c.want) {
			t.Errorf("%s: exit code %d, %q: want %q", c.flags, code, stderr, c.want)
		}
		for _, line := range lines[:len(lines)-1] {
			if !strings.HasPrefix(line, "data: org/net") {
				t.Errorf("%s: more than one line: %q", c.flags, stderr)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".out*")); len(left) > 0 {
			t.Errorf("%s: %v is left", c.flags, left)
			os.RemoveAll(left[0])
		}
	}
}
