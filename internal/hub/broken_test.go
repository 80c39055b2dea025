package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// one is a repository with one large file.
func one() map[string]fakeFile {
	return map[string]fakeFile{"model.safetensors": {data: text(10*testRange + 17), lfs: true}}
}

func (f *fakeHub) model() fakeFile { return f.files["model.safetensors"] }

func (f *fakeHub) part(c *Client) string {
	return filepath.Join(c.Cache, "models--org--net", "blobs", f.model().hash()+".trit")
}

// status answers with a status and headers.
func status(code int, headers ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		return true
	}
}

// forFiles answers requests for files alone.
func forFiles(answer func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return strings.Contains(r.URL.Path, "/resolve/") && answer(w, r)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	const code = "X-Error-Code"
	for name, c := range map[string]struct {
		answer  func(http.ResponseWriter, *http.Request) bool
		noToken bool
		want    []string
	}{
		"gated list":       {status(401, code, "GatedRepo"), true, []string{"gated", "/org/net", "{hub.Client.Token}"}},
		"gated file":       {forFiles(status(403, code, "GatedRepo")), false, []string{"gated", "accept its conditions"}},
		"private or none":  {status(401, code, "RepoNotFound"), true, []string{"no model org/net", "private", "{hub.Client.Token}", "{hub.Repo.Kind}"}},
		"bare 401":         {status(401), true, []string{"no model org/net", "{hub.Client.Token}"}},
		"wrong token":      {status(401), false, []string{"refuses the token"}},
		"token too weak":   {status(403), false, []string{"may not read org/net"}},
		"403 and no token": {status(403), true, []string{"without a token"}},
		"no repository":    {status(404, code, "RepoNotFound"), false, []string{"no model org/net", "check the name"}},
		"no revision":      {status(404, code, "RevisionNotFound"), false, []string{`no revision "main"`}},
		"no file":          {forFiles(status(404, code, "EntryNotFound")), false, []string{`no file "model.safetensors"`}},
		"bare 404":         {status(404), false, []string{"no model org/net", `no revision "main"`}},
		"bare 404 of file": {forFiles(status(404)), false, []string{`no file "model.safetensors"`}},
		"too many":         {status(429, "Retry-After", "7"), false, []string{"too many requests", "7s", "tried 6 times"}},
		"far too many":     {status(429, "Retry-After", "3600"), true, []string{"1h0m0s", "{hub.Client.Token}"}},
		"its own limits":   {status(429, "RateLimit", `"api";r=0;t=55`), false, []string{"55s"}},
		"down":             {status(503), false, []string{"answers 503", "tried 6 times"}},
		"a word of theirs": {status(400, "X-Error-Message", `no "way"`), false, []string{"answers 400", `says "no \"way\""`}},
		"another commit":   {forFiles(status(200, "X-Repo-Commit", strings.Repeat("f", 40))), false, []string{"do not agree", "ffff"}},
		"another hash":     {forFiles(status(200, "X-Repo-Commit", testCommit, "X-Linked-Etag", `"`+strings.Repeat("f", 64)+`"`)), false, []string{"do not agree", "ffff"}},
		"hostile hash":     {forFiles(status(200, "X-Linked-Etag", `"../../../x"`)), false, []string{"do not agree"}},
		"another size":     {forFiles(status(200, "X-Linked-Size", "5")), false, []string{"do not agree", `"5"`}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeHub(t, one())
			f.onHub = c.answer
			client := f.client()
			if c.noToken {
				client.Token = ""
			}
			_, err := client.Snapshot(context.Background(), testRepo, Patterns{}, nil)
			wantError(t, err, c.want...)
		})
	}
}

// Waits double, are spread, and are never shorter than what the server asks for.
func TestWaits(t *testing.T) {
	f := newFakeHub(t, one())
	var waits []time.Duration
	c := f.client()
	c.Sleep = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
	var tries atomic.Int32
	f.onHub = func(w http.ResponseWriter, r *http.Request) bool {
		switch tries.Add(1) {
		case 1, 2, 3:
			return status(500)(w, r)
		case 4:
			return status(429, "Retry-After", "100")(w, r)
		}
		return false
	}
	f.check(must(t, c, Patterns{}), "model.safetensors")
	if len(waits) != 4 {
		t.Fatalf("waits are %v, want 4", waits)
	}
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if waits[i] < want*3/4 || waits[i] > want*5/4 {
			t.Errorf("wait %d is %v, want about %v", i, waits[i], want)
		}
	}
	if waits[3] != 100*time.Second {
		t.Errorf("the server asked for 100 s, the wait is %v", waits[3])
	}
}

func TestAskedWait(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		key, value string
		want       time.Duration
	}{
		{"Retry-After", "12", 12 * time.Second},
		{"Retry-After", "Fri, 02 Jan 2026 03:05:05 GMT", time.Minute},
		{"Retry-After", "Fri, 02 Jan 2026 03:00:00 GMT", 0},
		{"Retry-After", "-3", 0},
		{"Retry-After", "99999999999999", 0},
		{"RateLimit", `"api";r=3;t=55`, 0},
		{"RateLimit", `"resolvers"; r=0; t=9`, 9 * time.Second},
	} {
		if got := askedWait(http.Header{http.CanonicalHeaderKey(c.key): {c.value}}, now); got != c.want {
			t.Errorf("%s: %s: %v, want %v", c.key, c.value, got, c.want)
		}
	}
}

// breakAfter sends n bytes of each answer and breaks the connection.
func breakAfter(n int, file []byte) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		var from, to int
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
		if to-from < n {
			return false
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(file)))
		w.Header().Set("Content-Length", strconv.Itoa(to-from+1))
		w.WriteHeader(http.StatusPartialContent)
		w.Write(file[from : from+n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// Each try goes on where the last one ended: no byte comes twice.
func TestBrokenConnections(t *testing.T) {
	f := newFakeHub(t, one())
	f.onCDN = breakAfter(300, f.model().data)
	c := f.client()
	var done, total int64
	dir, err := c.Snapshot(context.Background(), testRepo, Patterns{}, func(d, n int64) { done, total = d, n })
	if err != nil {
		t.Fatal(err)
	}
	f.check(dir, "model.safetensors")
	for _, want := range []string{"bytes=0-1023", "bytes=300-1023", "bytes=600-1023", "bytes=900-1023"} {
		if f.count("cdn GET "+want) != 1 {
			t.Errorf("%d requests for %s, want one", f.count("cdn GET "+want), want)
		}
	}
	if size := int64(len(f.model().data)); done != size || total != size {
		t.Errorf("progress ended at %d of %d, want %d", done, total, size)
	}
}

func TestTriesAreLimited(t *testing.T) {
	f := newFakeHub(t, one())
	f.onCDN = breakAfter(0, f.model().data)
	c := f.client()
	c.Tries, c.Connections = 3, 1
	_, err := c.Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "model.safetensors", "127.0.0.1", "broke off", "tried 3 times")
	if n := f.count("cdn"); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// An address of the CDN is good for a while only; then the Hub names another.
func TestExpiredAddress(t *testing.T) {
	f := newFakeHub(t, one())
	var served atomic.Int32
	f.onCDN = func(w http.ResponseWriter, r *http.Request) bool {
		return served.Add(1) == 4 && status(http.StatusForbidden)(w, r)
	}
	c := f.client()
	c.Connections = 1
	f.check(must(t, c, Patterns{}), "model.safetensors")
	if n := f.count("hub HEAD"); n != 2 {
		t.Errorf("the Hub was asked %d times where the file is, want 2", n)
	}
	f.onCDN = status(http.StatusForbidden)
	_, err := f.client().Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "answers 403 for model.safetensors")
}

func TestServerWithoutRanges(t *testing.T) {
	f := newFakeHub(t, one())
	var broke atomic.Bool
	f.onCDN = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", strconv.Itoa(len(f.model().data)))
		if r.Header.Get("Range") == "" && broke.CompareAndSwap(false, true) {
			w.Write(f.model().data[:5000])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		w.Write(f.model().data)
		return true
	}
	c := f.client()
	var done, total int64
	dir, err := c.Snapshot(context.Background(), testRepo, Patterns{}, func(d, n int64) { done, total = d, n })
	if err != nil {
		t.Fatal(err)
	}
	f.check(dir, "model.safetensors")
	if size := int64(len(f.model().data)); done != size || total != size {
		t.Errorf("progress ended at %d of %d, want %d", done, total, size)
	}
}

// A server whose file changes between two ranges answers If-Range with all of it.
func TestFileThatChanges(t *testing.T) {
	f := newFakeHub(t, one())
	other := bytes.ToUpper(bytes.ReplaceAll(f.model().data, []byte("0"), []byte("x")))
	var served atomic.Int32
	f.onCDN = func(w http.ResponseWriter, r *http.Request) bool {
		if served.Add(1) <= 2 {
			return false
		}
		if r.Header.Get("Range") != "" && r.Header.Get("If-Range") != `"tag-of-the-CDN"` {
			t.Errorf("If-Range is %q", r.Header.Get("If-Range"))
		}
		w.Header().Set("ETag", `"another"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(other))
		return true
	}
	c := f.client()
	c.Connections = 1
	_, err := c.Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "model.safetensors", "expected sha256 "+f.model().hash(), "found")
}

func TestWrongContents(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(f *fakeHub) func(http.ResponseWriter, *http.Request) bool
		want   []string
	}{
		"wrong bytes": {func(f *fakeHub) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(make([]byte, len(f.model().data))))
				return true
			}
		}, []string{"expected sha256", "found", "deleted"}},
		"too short": {func(*fakeHub) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(make([]byte, 2000)))
				return true
			}
		}, []string{"model.safetensors"}},
		"too short, no ranges": {func(*fakeHub) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, _ *http.Request) bool {
				w.Write(make([]byte, 2000))
				return true
			}
		}, []string{"expected 10257 bytes", "found 2000"}},
		"416": {func(*fakeHub) func(http.ResponseWriter, *http.Request) bool {
			return status(http.StatusRequestedRangeNotSatisfiable, "Content-Range", "bytes */7")
		}, []string{"expected 10257 bytes", "bytes */7"}},
		"another range": {func(*fakeHub) func(http.ResponseWriter, *http.Request) bool {
			return status(http.StatusPartialContent, "Content-Range", "bytes 5-6/10257")
		}, []string{"sends the range", "bytes 5-6/10257"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeHub(t, one())
			f.onCDN = c.answer(f)
			client := f.client()
			_, err := client.Snapshot(context.Background(), testRepo, Patterns{}, nil)
			wantError(t, err, c.want...)
			var mismatch *MismatchError
			if errors.As(err, &mismatch) && leftovers(client.Cache) != nil {
				t.Errorf("wrong bytes were kept: %v", leftovers(client.Cache))
			}
			f.heal()
			f.check(must(t, client, Patterns{}), "model.safetensors")
		})
	}
}

func TestWrongGitHash(t *testing.T) {
	f := newFakeHub(t, map[string]fakeFile{"config.json": {data: []byte("{}\n")}})
	f.onHub = forFiles(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, "[]\n")
		}
		return r.Method == http.MethodGet
	})
	_, err := f.client().Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "config.json: expected git sha1 "+f.files["config.json"].hash())
}

func TestHostileLists(t *testing.T) {
	const hash = "ce013625030ba8dba906f756967f9e9ca394464a"
	list := func(siblings string) string {
		return fmt.Sprintf(`{"sha": %q, "siblings": [%s]}`, testCommit, siblings)
	}
	path := func(p string) string {
		name, _ := json.Marshal(p)
		return list(fmt.Sprintf(`{"rfilename": %s, "size": 6, "blobId": %q}`, name, hash))
	}
	for name, c := range map[string]struct{ api, want string }{
		"up":              {path("../x.json"), "leads out"},
		"up later":        {path("a/../../x.json"), "leads out"},
		"up and back":     {path("a/../x.json"), "plain path"},
		"absolute":        {path("/etc/x.json"), "leads out"},
		"backslashes":     {path(`..\..\x.json`), "backslash"},
		"empty":           {path(""), "0 bytes"},
		"dots":            {path("a/./x.json"), "plain path"},
		"double slash":    {path("a//x.json"), "plain path"},
		"nul":             {path("a\x00.json"), "characters"},
		"line":            {path("a\n.json"), "characters"},
		"long":            {path(strings.Repeat("x", 1025)), "1025 bytes"},
		"hash":            {list(`{"rfilename": "a.json", "size": 6, "blobId": "../../x"}`), "hash"},
		"negative":        {list(`{"rfilename": "a.json", "size": -2, "blobId": "` + hash + `"}`), "-2 bytes"},
		"huge":            {list(`{"rfilename": "a.json", "size": 1099511627777, "blobId": "` + hash + `"}`), "1099511627777 bytes"},
		"twice":           {list(`{"rfilename": "a.json"},{"rfilename": "a.json"}`), "twice"},
		"commit":          {`{"sha": "main", "siblings": []}`, "commit"},
		"no list":         {"<html>", "is the endpoint a Hub?"},
		"too many":        {list(strings.Repeat(`{"rfilename": "a.json"},`, 50_000) + `{"rfilename": "b.json"}`), "50001 files"},
		"too long a list": {list(`{"rfilename": "` + strings.Repeat("x", 33<<20) + `"}`), "32 MiB"},
	} {
		f := newFakeHub(t, nil)
		f.api = c.api
		client := f.client()
		_, err := client.Snapshot(context.Background(), testRepo, Patterns{}, nil)
		var bad *ListingError
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v, want a ListingError", name, err)
			continue
		}
		wantError(t, err, c.want, "org/net@main", "nothing was fetched")
		if entries, _ := os.ReadDir(client.Cache); len(entries) != 0 {
			t.Errorf("%s: the cache has %v", name, entries)
		}
	}
}

// A file cannot be a folder of another one, nor a link a way out of the snapshot.
func TestLinksAreNoFolders(t *testing.T) {
	f := newFakeHub(t, map[string]fakeFile{"a": {data: []byte("hello\n")}, "a/b": {data: []byte("hello\n\n")}})
	c := f.client()
	c.Connections = 1
	if _, err := c.Snapshot(context.Background(), testRepo, Patterns{}, nil); err == nil {
		t.Error("a file was put below a file")
	}
	out, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(out, "sub")); err != nil {
		t.Skip(err)
	}
	f = newFakeHub(t, map[string]fakeFile{"sub/x.json": {data: []byte("{}\n")}})
	err := f.client().Folder(context.Background(), testRepo, Patterns{}, out, nil)
	wantError(t, err, "sub")
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("a link led out of the folder: %v", entries)
	}
}

// A call that is stopped keeps what has come, and the next one fetches the rest alone.
func TestCancelAndResume(t *testing.T) {
	f := newFakeHub(t, one())
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := errors.New("Ctrl-C")
	var served atomic.Int32
	f.onCDN = func(_ http.ResponseWriter, r *http.Request) bool {
		if served.Add(1) == 5 {
			cancel(stop)
			<-r.Context().Done()
			return true
		}
		return false
	}
	c := f.client()
	c.Connections = 1
	if _, err := c.Snapshot(ctx, testRepo, Patterns{}, nil); !errors.Is(err, stop) {
		t.Fatalf("%v, want %v", err, stop)
	}
	f.heal()
	var total int64
	dir, err := c.Snapshot(context.Background(), testRepo, Patterns{}, func(_, n int64) { total = n })
	if err != nil {
		t.Fatal(err)
	}
	f.check(dir, "model.safetensors")
	if want := 6*testRange + 17; f.bytes() != want || total != int64(want) {
		t.Errorf("%d bytes came and %d were announced, want %d", f.bytes(), total, want)
	}
}

// stopped leaves an unfinished download, of whose ranges the first n are complete.
func stopped(t *testing.T, n int32) (*fakeHub, *Client) {
	f := newFakeHub(t, one())
	ctx, cancel := context.WithCancel(context.Background())
	var served atomic.Int32
	f.onCDN = func(_ http.ResponseWriter, r *http.Request) bool {
		if served.Add(1) > n {
			cancel()
			<-r.Context().Done()
			return true
		}
		return false
	}
	c := f.client()
	c.Connections = 1
	if _, err := c.Snapshot(ctx, testRepo, Patterns{}, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	f.heal()
	return f, c
}

func TestDamagedLeftovers(t *testing.T) {
	size := 10*testRange + 17
	edit := func(name string, change func(b []byte) []byte) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, change(b), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		damage func(work string)
		want   int // bytes that come again
	}{
		"none":        {func(string) {}, size - 6*testRange},
		"no journal":  {func(w string) { os.Remove(journalName(w)) }, size},
		"no data":     {func(w string) { os.Remove(partName(w)) }, size},
		"short data":  {func(w string) { os.Truncate(partName(w), 3*testRange+1) }, size - 3*testRange},
		"a wrong bit": {func(w string) { edit(partName(w), func(b []byte) []byte { b[5] ^= 1; return b }) }, size - 5*testRange},
		"torn line": {func(w string) {
			edit(journalName(w), func(b []byte) []byte { return b[:len(b)-3] })
		}, size - 5*testRange},
		"a foreign head": {func(w string) {
			edit(journalName(w), func(b []byte) []byte { return append([]byte("trit download 9\n"), b...) })
		}, size},
		"ranges that are not there": {func(w string) {
			edit(journalName(w), func(b []byte) []byte { return append(b, "11 00000000\n-1 00000000\n7 0\nx\n\x00\n"...) })
		}, size - 6*testRange},
		"a lie": {func(w string) {
			edit(journalName(w), func(b []byte) []byte { return append(b, entry(9, 12345)...) })
		}, size - 6*testRange},
		"empty": {func(w string) { os.Truncate(journalName(w), 0) }, size},
	} {
		t.Run(name, func(t *testing.T) {
			f, client := stopped(t, 6)
			c.damage(f.part(client))
			f.check(must(t, client, Patterns{}), "model.safetensors")
			if f.bytes() != c.want {
				t.Errorf("%d bytes came, want %d", f.bytes(), c.want)
			}
			if left := leftovers(client.Cache); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestDiskErrorsNameFileAndReason(t *testing.T) {
	f := newFakeHub(t, one())
	c := f.client()
	j, err := c.begin(testRepo)
	if err != nil {
		t.Fatal(err)
	}
	full := &fs.PathError{Op: "write", Path: "blobs/x", Err: syscall.ENOSPC}
	err = (&transfer{job: j}).named(file{path: "model.safetensors"}, full)
	wantError(t, err, "model.safetensors: write blobs/x: "+syscall.ENOSPC.Error())
	os.WriteFile(filepath.Join(c.Cache, "models--org--net"), nil, 0o644)
	_, err = c.Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "model.safetensors", "models--org--net")
}

func TestTwoCallsAtOnce(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	c.Sleep = nil
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			dir, err := c.Snapshot(context.Background(), testRepo, Patterns{}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			f.check(dir, names(f.files)...)
		})
	}
	wg.Wait()
	if want := 10*testRange + 17 + 300; f.bytes() != want {
		t.Errorf("%d bytes came, want each once: %d", f.bytes(), want)
	}
}

func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"sha": "` + testCommit + `", "siblings": [{"rfilename": "a/b.json", "size": 3, "blobId": "ce013625030ba8dba906f756967f9e9ca394464a"}]}`))
	f.Add([]byte(`{"sha": "` + testCommit + `", "siblings": [{"rfilename": "..", "lfs": {"sha256": "x"}}]}`))
	f.Add([]byte(`{"siblings": [{"lfs": null}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte) (listing, error){parseListing, func(b []byte) (listing, error) { return parseTree(testCommit, b) }} {
			l, err := parse(b)
			if err != nil {
				continue
			}
			for _, x := range l.files {
				name := filepath.Join("root", filepath.FromSlash(x.path))
				if !strings.HasPrefix(name, "root"+string(filepath.Separator)) || strings.Contains(x.path, `\`) {
					t.Errorf("%q leads to %q", x.path, name)
				}
				if x.hash != "" && len(x.hash) != 40 && len(x.hash) != 64 || x.size > maxFile {
					t.Errorf("%+v was let through", x)
				}
			}
		}
	})
}

func FuzzJournal(f *testing.F) {
	p := &partial{f: file{hash: strings.Repeat("a", 40), size: 5000}, unit: testRange}
	f.Add([]byte(p.head() + "0 00000001\n4 ffffffff\n"))
	f.Add([]byte(p.head() + "5 00000000\n-1 00000000\n00 00000000\n99999999999999999999 00000000\n"))
	f.Add([]byte("trit download 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		done := p.parse(bytes.NewReader(b))
		lines := strings.SplitAfter(string(b), "\n")
		for i, sum := range done {
			if i < 0 || i >= 5 || !slices.Contains(lines, fmt.Sprintf("%d %08x\n", i, sum)) {
				t.Errorf("range %d with the CRC %08x is not in %q", i, sum, b)
			}
		}
	})
}

func FuzzPatterns(f *testing.F) {
	f.Add("*[a-z]?[!x", "data/x.json")
	f.Add("[]", "")
	f.Add("[!", "[!")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		match(pattern, path)
		if !match("*", path) {
			t.Errorf("* does not match %q", path)
		}
	})
}
