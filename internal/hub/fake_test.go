package hub

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testCommit = "0123456789abcdef0123456789abcdef01234567"
	testToken  = "hf_secret"
)

// fakeFile is a file of the fake Hub.
type fakeFile struct {
	data []byte
	lfs  bool
}

func (f fakeFile) git() string {
	stored := f.data
	if f.lfs {
		stored = fmt.Appendf(nil, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", f.sha256(), len(f.data))
	}
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(stored)), stored...))
	return hex.EncodeToString(sum[:])
}

func (f fakeFile) sha256() string {
	sum := sha256.Sum256(f.data)
	return hex.EncodeToString(sum[:])
}

func (f fakeFile) hash() string {
	if f.lfs {
		return f.sha256()
	}
	return f.git()
}

// fakeHub behaves as the Hub does: an API, HEAD and GET of files, LFS files on a second
// server that must never see a token.
type fakeHub struct {
	t        *testing.T
	hub, cdn *httptest.Server
	files    map[string]fakeFile
	api      string // answer of the API instead of the list of files
	noHashes bool   // the list tells no hashes and sizes

	// onHub and onCDN may answer instead of the servers; then they return true.
	onHub, onCDN func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []string // "hub HEAD /o/n/resolve/...", "cdn GET bytes=0-7 /..."
	sent     int      // bytes of the CDN
}

func newFakeHub(t *testing.T, files map[string]fakeFile) *fakeHub {
	f := &fakeHub{t: t, files: files}
	f.cdn = httptest.NewServer(http.HandlerFunc(f.serveCDN)) // first: the Hub names its address
	f.hub = httptest.NewServer(http.HandlerFunc(f.serveHub))
	t.Cleanup(f.hub.Close)
	t.Cleanup(f.cdn.Close)
	return f
}

func (f *fakeHub) log(server string, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, strings.Join(strings.Fields(server+" "+r.Method+" "+r.Header.Get("Range")+" "+r.URL.EscapedPath()), " "))
}

// count is how many requests hold all of these words.
func (f *fakeHub) count(words ...string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		all := true
		for _, w := range words {
			all = all && strings.Contains(r, w)
		}
		if all {
			n++
		}
	}
	return n
}

// heal lets the CDN answer as it should, and counts its bytes anew.
func (f *fakeHub) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onCDN, f.sent = nil, 0
}

// breakCDN lets something else answer instead of the CDN, for processes too, which the
// race detector does not see ask.
func (f *fakeHub) breakCDN(answer func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onCDN = answer
}

// bytes is how many bytes the CDN has sent.
func (f *fakeHub) bytes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

func (f *fakeHub) serveHub(w http.ResponseWriter, r *http.Request) {
	f.log("hub", r)
	if f.onHub != nil && f.onHub(w, r) {
		return
	}
	w.Header().Set("X-Repo-Commit", testCommit)
	path := r.URL.EscapedPath()
	switch _, name, isFile := strings.Cut(r.URL.Path, "/resolve/"+testCommit+"/"); {
	case strings.HasPrefix(path, "/api/") && strings.Contains(path, "/revision/"):
		f.serveList(w, r)
	case isFile:
		f.serveFile(w, r, name)
	default:
		refuse(w, http.StatusNotFound, "RepoNotFound")
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	if code != "" {
		w.Header().Set("X-Error-Code", code)
	}
	w.WriteHeader(status)
}

func (f *fakeHub) serveList(w http.ResponseWriter, r *http.Request) {
	if f.api != "" {
		fmt.Fprint(w, f.api)
		return
	}
	if r.URL.Query().Get("blobs") != "true" {
		f.t.Errorf("the list is asked for without blobs: %s", r.URL)
	}
	json.NewEncoder(w).Encode(map[string]any{"sha": testCommit, "siblings": f.siblings(), "private": false})
}

func (f *fakeHub) siblings() []map[string]any {
	var all []map[string]any
	for name, file := range f.files {
		s := map[string]any{"rfilename": name}
		if !f.noHashes {
			s["size"], s["blobId"] = len(file.data), file.git()
			if file.lfs {
				s["lfs"] = map[string]any{"sha256": file.sha256(), "size": len(file.data), "pointerSize": 134}
			}
		}
		all = append(all, s)
	}
	return all
}

func (f *fakeHub) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	file, ok := f.files[name]
	if !ok {
		refuse(w, http.StatusNotFound, "EntryNotFound")
		return
	}
	if file.lfs {
		w.Header().Set("X-Linked-Etag", `"`+file.hash()+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(file.data)))
		w.Header().Set("ETag", `"not the hash of the file"`)
		http.Redirect(w, r, f.cdn.URL+"/"+file.hash()+"?Signature=secret", http.StatusFound)
		return
	}
	w.Header().Set("ETag", `W/"`+file.hash()+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.data))
}

func (f *fakeHub) serveCDN(w http.ResponseWriter, r *http.Request) {
	f.log("cdn", r)
	if r.Header.Get("Authorization") != "" {
		f.t.Errorf("the CDN was sent a token: %s", r.URL.Path)
	}
	f.mu.Lock()
	answer := f.onCDN
	f.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	w.Header().Set("ETag", `"tag-of-the-CDN"`)
	for _, file := range f.files {
		if r.URL.Path == "/"+file.hash() {
			http.ServeContent(&counting{w, f}, r, "", time.Time{}, bytes.NewReader(file.data))
			return
		}
	}
	w.WriteHeader(http.StatusForbidden)
}

// counting counts the bytes that the CDN sends.
type counting struct {
	http.ResponseWriter
	f *fakeHub
}

func (c *counting) Write(b []byte) (int, error) {
	c.f.mu.Lock()
	c.f.sent += len(b)
	c.f.mu.Unlock()
	return c.ResponseWriter.Write(b)
}

// text is n bytes that are different everywhere.
func text(n int) []byte {
	b := make([]byte, 0, n+8)
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "%07d ", i)
	}
	return b[:n]
}

const testRange = 1 << 10

// client fetches from the fake Hub into a cache of its own, in ranges of testRange.
func (f *fakeHub) client() *Client {
	return &Client{
		Endpoint: f.hub.URL, Token: testToken, Cache: f.t.TempDir(), Range: testRange, Connections: 4,
		Sleep: func(ctx context.Context, d time.Duration) error { return ctx.Err() },
	}
}

var testRepo = Repo{Kind: Model, ID: "org/net"}

// everything is what most tests fetch: files of both kinds, in folders, empty, alike.
func everything() map[string]fakeFile {
	return map[string]fakeFile{
		"config.json":              {data: []byte("{}\n")},
		"README.md":                {data: []byte("hello\n")},
		"empty.json":               {},
		"a folder/x#1?50%.json":    {data: []byte(`{"a":1}`)},
		"a folder/again.json":      {data: []byte(`{"a":1}`)},
		"model.safetensors":        {data: text(10*testRange + 17), lfs: true},
		"original/consolidated.01": {data: text(300), lfs: true},
	}
}

// must fetches, and fails the test if that fails.
func must(t *testing.T, c *Client, p Patterns) string {
	t.Helper()
	dir, err := c.Snapshot(context.Background(), testRepo, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// check compares a folder with files that were sent.
func (f *fakeHub) check(dir string, names ...string) {
	f.t.Helper()
	for _, name := range names {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, f.files[name].data) {
			f.t.Errorf("%s: %d bytes, %v: want the %d bytes of the Hub", name, len(got), err, len(f.files[name].data))
		}
	}
}

// leftovers are the files of a cache that only downloads on their way have.
func leftovers(dir string) []string {
	var found []string
	filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if base := filepath.Base(name); strings.Contains(base, ".trit") || strings.Contains(base, ".tmp-") {
			found = append(found, name)
		}
		return err
	})
	return found
}
