package hub

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/setting"
)

func names(files map[string]fakeFile) []string {
	var all []string
	for name := range files {
		all = append(all, name)
	}
	return all
}

// The hashes of "hello\n" are those of git hash-object and sha256sum.
func TestLayoutIsThatOfOtherTools(t *testing.T) {
	f := newFakeHub(t, map[string]fakeFile{
		"README.md":         {data: []byte("hello\n")},
		"a/b/x.safetensors": {data: []byte("hello\n"), lfs: true},
	})
	c := f.client()
	dir := must(t, c, Patterns{})
	repo := filepath.Join(c.Cache, "models--org--net")
	if want := filepath.Join(repo, "snapshots", testCommit); dir != want {
		t.Errorf("the folder is %s, want %s", dir, want)
	}
	for name, want := range map[string]string{
		"README.md":         "../../blobs/ce013625030ba8dba906f756967f9e9ca394464a",
		"a/b/x.safetensors": "../../../../blobs/5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
	} {
		if got, err := os.Readlink(filepath.Join(dir, name)); got != want {
			t.Errorf("%s leads to %q, %v: want %q", name, got, err, want)
		}
	}
	f.check(dir, "README.md", "a/b/x.safetensors")
	if b, _ := os.ReadFile(filepath.Join(repo, "refs", "main")); string(b) != testCommit {
		t.Errorf("refs/main holds %q", b)
	}
	var got, want any
	b, _ := os.ReadFile(filepath.Join(repo, "trees", testCommit+".json"))
	json.Unmarshal(b, &got)
	json.Unmarshal([]byte(`{"format_version": 1, "files": {
		"README.md": {"size": 6, "blob_id": "ce013625030ba8dba906f756967f9e9ca394464a"},
		"a/b/x.safetensors": {"size": 6, "blob_id": "`+f.files["a/b/x.safetensors"].git()+`", "lfs_size": 6,
			"lfs_sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"}}}`), &want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the tree is %v, want %v", got, want)
	}
	if left := leftovers(c.Cache); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestEverythingComes(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	var done, total int64
	dir, err := c.Snapshot(context.Background(), testRepo, Patterns{}, func(d, n int64) { done, total = d, n })
	if err != nil {
		t.Fatal(err)
	}
	f.check(dir, names(f.files)...)
	if n := f.count("cdn", "bytes="); n < 11 {
		t.Errorf("%d ranges were asked for, want one for each %d bytes", n, testRange)
	}
	if want := int64(10*testRange + 17 + 300 + 3 + 6 + 7); done != want || total != want {
		t.Errorf("progress ended at %d of %d bytes, want %d", done, total, want)
	}
	before := f.count("")
	must(t, c, Patterns{})
	if n := f.count("") - before; n != 1 {
		t.Errorf("a second call made %d requests, want the list alone", n)
	}
}

func TestModelPatterns(t *testing.T) {
	f := newFakeHub(t, everything())
	dir := must(t, f.client(), ModelPatterns())
	f.check(dir, "config.json", "README.md", "model.safetensors", "a folder/again.json")
	if _, err := os.Stat(filepath.Join(dir, "original")); !os.IsNotExist(err) {
		t.Errorf("original/ was fetched: %v", err)
	}
}

func TestNothingChosen(t *testing.T) {
	f := newFakeHub(t, everything())
	_, err := f.client().Snapshot(context.Background(), testRepo, Patterns{Include: []string{"*.gguf"}}, nil)
	wantError(t, err, "*.gguf", "7 files")
}

func TestChoiceByAllPaths(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	var seen []string
	p := Patterns{Choose: func(paths []string) []string {
		seen = paths
		return []string{"model.safetensors", "not there"}
	}}
	dir := must(t, c, p)
	f.check(dir, "model.safetensors")
	if slices.Sort(seen); len(seen) != len(f.files) || !slices.Contains(seen, "a folder/x#1?50%.json") {
		t.Errorf("the choice was among %q", seen)
	}
	if _, err := os.Lstat(filepath.Join(dir, "config.json")); !os.IsNotExist(err) {
		t.Errorf("config.json was not chosen: %v", err)
	}
	c.Offline = true
	if again := must(t, c, p); again != dir {
		t.Errorf("offline %s, want %s", again, dir)
	}
	_, err := f.client().Snapshot(context.Background(), testRepo, Patterns{Choose: func([]string) []string { return nil }}, nil)
	wantError(t, err, "none of the files that are wanted", "it has 7 files")
}

// wantError wants these words in the text of an error. Options are written as {FIELD}.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	text := setting.Text(err, func(field string) string { return "{" + field + "}" })
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("the error is %q, want %q in it", text, w)
		}
	}
	for _, secret := range []string{testToken, "Signature"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
}

func TestDatasetsAndRevisions(t *testing.T) {
	f := newFakeHub(t, map[string]fakeFile{"data/x.parquet": {data: text(2000), lfs: true}})
	c := f.client()
	repo := Repo{Kind: Dataset, ID: "org/words", Revision: "refs/convert/parquet"}
	dir, err := c.Snapshot(context.Background(), repo, Patterns{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.check(dir, "data/x.parquet")
	for _, want := range []string{"hub GET /api/datasets/org/words/revision/refs%2Fconvert%2Fparquet", "hub HEAD /datasets/org/words/resolve/" + testCommit + "/data/x.parquet"} {
		if f.count(want) != 1 {
			t.Errorf("no request %q in %q", want, f.requests)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(c.Cache, "datasets--org--words", "refs", "refs", "convert", "parquet")); string(b) != testCommit {
		t.Errorf("the ref holds %q", b)
	}
}

// A mirror may list names alone; hashes and sizes come with the headers then.
func TestListWithoutHashes(t *testing.T) {
	f := newFakeHub(t, everything())
	f.noHashes = true
	c := f.client()
	f.check(must(t, c, Patterns{}), names(f.files)...)
	if _, err := os.Stat(filepath.Join(c.Cache, "models--org--net", "trees")); !os.IsNotExist(err) {
		t.Errorf("a tree was written from a list without hashes: %v", err)
	}
}

func TestTokenGoesToTheEndpointAlone(t *testing.T) {
	f := newFakeHub(t, everything())
	f.onHub = func(_ http.ResponseWriter, r *http.Request) bool {
		if got := r.Header.Get("Authorization"); got != "Bearer "+testToken {
			t.Errorf("%s %s: Authorization is %q", r.Method, r.URL.Path, got)
		}
		return false
	}
	must(t, f.client(), Patterns{}) // the CDN checks what it is sent
	if f.count("cdn") == 0 {
		t.Error("the CDN was not asked")
	}
}

// A mirror that sends on to another Hub, for all it is asked, does not make the token
// go there.
func TestMirrorThatSendsOn(t *testing.T) {
	f := newFakeHub(t, everything())
	f.onHub = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("the token went to another host: %s", r.URL.Path)
		}
		return false
	}
	mirror := newFakeHub(t, nil)
	mirror.onHub = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, f.hub.URL+r.URL.RequestURI(), http.StatusPermanentRedirect)
		return true
	}
	c := f.client()
	c.Endpoint = mirror.hub.URL
	f.check(must(t, c, Patterns{}), names(f.files)...)
}

// Small files come through a relative redirect within the Hub.
func TestRelativeRedirects(t *testing.T) {
	f := newFakeHub(t, map[string]fakeFile{"config.json": {data: []byte("{}\n")}})
	f.onHub = func(w http.ResponseWriter, r *http.Request) bool {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/org/net/resolve/"); ok {
			w.Header().Set("Location", "/moved/net/resolve/"+rest+"?etag=x")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		}
		return false
	}
	f.check(must(t, f.client(), Patterns{}), "config.json")
	if f.count("GET /moved/net/resolve/") != 1 || f.count("GET /org/net/resolve/") != 0 {
		t.Errorf("want the bytes from where the redirect leads: %q", f.requests)
	}
}

func TestRedirectsEnd(t *testing.T) {
	f := newFakeHub(t, nil)
	f.onHub = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
		return true
	}
	_, err := f.client().Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "10 redirects")
	if n := f.count(""); n != 11 {
		t.Errorf("%d requests, want 11", n)
	}
	f.onHub = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Location", "file:///etc/passwd")
		w.WriteHeader(http.StatusFound)
		return true
	}
	_, err = f.client().Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "redirects to no address")
}

func TestBlobsOfOtherToolsAreUsed(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	blobs := filepath.Join(c.Cache, "models--org--net", "blobs")
	os.MkdirAll(blobs, 0o755)
	for _, name := range []string{"model.safetensors", "config.json"} {
		os.WriteFile(filepath.Join(blobs, f.files[name].hash()), f.files[name].data, 0o644)
	}
	p := Patterns{Include: []string{"model.safetensors", "config.json"}}
	f.check(must(t, c, p), p.Include...)
	if f.count("") != 1 {
		t.Errorf("blobs that are there were asked for: %q", f.requests)
	}
	// One that is cut short is fetched again.
	os.Truncate(filepath.Join(blobs, f.files["model.safetensors"].hash()), 5)
	f.check(must(t, c, p), p.Include...)
}

func TestWithoutLinks(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	j, err := c.begin(testRepo)
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := j.resolve(context.Background(), Patterns{})
	if err != nil {
		t.Fatal(err)
	}
	p := &cacheStore{cacheDir: j.cache, commit: testCommit, symlink: func(*os.Root, string, string) error {
		return os.NewSyscallError("symlink", os.ErrPermission)
	}}
	if err := j.fetchAll(context.Background(), p, l, nil); err != nil {
		t.Fatal(err)
	}
	dir := j.cache.snapshot(testCommit)
	f.check(dir, names(f.files)...)
	if info, err := os.Lstat(filepath.Join(dir, "model.safetensors")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("model.safetensors: %v, %v: want a plain file", info, err)
	}
	before := f.count("")
	must(t, c, Patterns{})
	if f.count("") != before+1 {
		t.Errorf("plain files in a snapshot are fetched again")
	}
}

func TestOffline(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	dir := must(t, c, Patterns{})
	f.hub.Close()
	var notices []string
	c.Notice = func(s string) { notices = append(notices, s) }
	c.Warn = func(err error) { notices = append(notices, err.Error()) }
	if again := must(t, c, Patterns{}); again != dir {
		t.Errorf("the Hub is gone: %s, want %s", again, dir)
	}
	if all := strings.Join(notices, "\n"); !strings.Contains(all, "cannot reach 127.0.0.1") || !strings.Contains(all, "from the cache: commit "+testCommit) {
		t.Errorf("notices: %q", notices)
	}
	c.Offline, notices = true, nil
	if again := must(t, c, Patterns{}); again != dir || len(notices) != 1 {
		t.Errorf("offline: %s and %q", again, notices)
	}
	// What is not whole is not taken.
	os.Remove(filepath.Join(dir, "model.safetensors"))
	os.Remove(filepath.Join(c.Cache, "models--org--net", "blobs", f.files["model.safetensors"].hash()))
	_, err := c.Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "model.safetensors", "not in the cache")
	c.Offline = false
	_, err = c.Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "cannot reach", "{hub.Client.Endpoint}")
	_, err = (&Client{Cache: t.TempDir(), Offline: true}).Snapshot(context.Background(), testRepo, Patterns{}, nil)
	wantError(t, err, "org/net@main", "{hub.Client.Offline}")
}

// A commit never changes, so one whose list is known needs nobody.
func TestPinnedCommit(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	pinned := Repo{Kind: Model, ID: "org/net", Revision: testCommit}
	if _, err := c.Snapshot(context.Background(), pinned, Patterns{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(c.Cache, "models--org--net", "refs")); !os.IsNotExist(err) {
		t.Errorf("a commit was written as a ref: %v", err)
	}
	before := f.count("")
	dir, err := c.Snapshot(context.Background(), pinned, Patterns{}, nil)
	if err != nil || f.count("") != before {
		t.Errorf("%v, and %d requests", err, f.count("")-before)
	}
	f.check(dir, names(f.files)...)
}

// A cache of tools that write no trees serves too, with a word about it.
func TestSnapshotWithoutTree(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	dir := must(t, c, Patterns{})
	os.RemoveAll(filepath.Join(c.Cache, "models--org--net", "trees"))
	f.hub.Close()
	var notices []string
	c.Notice = func(s string) { notices = append(notices, s) }
	if again := must(t, c, Patterns{}); again != dir || !strings.Contains(strings.Join(notices, ""), "no list says") {
		t.Errorf("%s, %q", again, notices)
	}
}

func TestRefIsSetWhenAllIsThere(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	ref := filepath.Join(c.Cache, "models--org--net", "refs", "main")
	old := strings.Repeat("a", 40)
	os.MkdirAll(filepath.Dir(ref), 0o755)
	os.WriteFile(ref, []byte(old), 0o644)
	f.onCDN = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadRequest); return true }
	if _, err := c.Snapshot(context.Background(), testRepo, Patterns{}, nil); err == nil {
		t.Fatal("no error")
	}
	if b, _ := os.ReadFile(ref); string(b) != old {
		t.Errorf("the ref was moved to %s before the files were there", b)
	}
	f.heal()
	must(t, c, Patterns{})
	if b, _ := os.ReadFile(ref); string(b) != testCommit {
		t.Errorf("the ref is %s", b)
	}
}

func TestFolder(t *testing.T) {
	f := newFakeHub(t, everything())
	c, out := f.client(), filepath.Join(t.TempDir(), "new")
	fetch := func() error { return c.Folder(context.Background(), testRepo, Patterns{}, out, nil) }
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	f.check(out, names(f.files)...)
	if info, err := os.Lstat(filepath.Join(out, "model.safetensors")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v: want a plain file", info, err)
	}
	entries, _ := os.ReadDir(out)
	if len(entries) != 6 {
		t.Errorf("%d entries, want what the repository has: %v", len(entries), entries)
	}
	before := f.count("")
	if err := fetch(); err != nil || f.count("") != before+1 {
		t.Errorf("again: %v and %d requests", err, f.count("")-before)
	}
	os.WriteFile(filepath.Join(out, "config.json"), []byte("{ }"), 0o644)
	wantError(t, fetch(), "config.json", "other contents")
	if b, _ := os.ReadFile(filepath.Join(out, "config.json")); string(b) != "{ }" {
		t.Errorf("a file of the user's was replaced by %q", b)
	}
}

func TestFolderTakesFromTheCache(t *testing.T) {
	f := newFakeHub(t, everything())
	c, out := f.client(), t.TempDir()
	must(t, c, Patterns{})
	c.Offline = true
	before := f.count("")
	if err := c.Folder(context.Background(), testRepo, Patterns{}, out, nil); err != nil {
		t.Fatal(err)
	}
	f.check(out, names(f.files)...)
	if f.count("") != before {
		t.Errorf("offline, and somebody was asked: %q", f.requests)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		client Client
		repo   Repo
		want   string
	}{
		{Client{Cache: "c", Endpoint: "ftp://x"}, testRepo, "endpoint"},
		{Client{Cache: "c", Endpoint: "https://me:pw@x"}, testRepo, "endpoint"},
		{Client{}, testRepo, "cache"},
		{Client{Cache: "c", Token: "hf_\nx"}, testRepo, "token"},
		{Client{Cache: "c"}, Repo{"space", "a/b", ""}, "kind"},
		{Client{Cache: "c"}, Repo{Model, "a/b/c", ""}, "OWNER/NAME"},
		{Client{Cache: "c"}, Repo{Model, "../b", ""}, "OWNER/NAME"},
		{Client{Cache: "c"}, Repo{Model, "a--b/c", ""}, "OWNER/NAME"},
		{Client{Cache: "c"}, Repo{Model, "a/b.git", ""}, "OWNER/NAME"},
		{Client{Cache: "c"}, Repo{Model, "a/" + strings.Repeat("b", 97), ""}, "OWNER/NAME"},
		{Client{Cache: "c"}, Repo{Model, "a/b", "../../x"}, "revision"},
	} {
		_, err := c.client.Snapshot(context.Background(), c.repo, Patterns{}, nil)
		wantError(t, err, c.want)
	}
}

func TestParseRepo(t *testing.T) {
	for text, want := range map[string]Repo{
		"a/b":      {Model, "a/b", "main"},
		"a/b@v1.0": {Model, "a/b", "v1.0"},
		"gpt2":     {Model, "gpt2", "main"},
	} {
		if got, err := ParseRepo(Model, text); got != want || err != nil {
			t.Errorf("%s: %v, %v: want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "a/b@", "/a/b", "a/b/c", "./a", "a b/c", "a/b@../x", "-a/b", "a/b."} {
		if got, err := ParseRepo(Model, text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

// The answers are those of Python's fnmatch.fnmatchcase.
func TestPatternsAreThoseOfFnmatch(t *testing.T) {
	texts := []string{"", "a.json", "data/a.json", "data/b/c.json", "é.txt", "a.x", "d.x", "b1", "c1", "d1", "]", "a", "b", "[a", "a[", "-", ".", "/", "d", "e", "axxbyyc", "cab", "abc/d", "abc/", "x", "p/q/x", "LICENSE", "LICENSE.txt", "sub/LICENSE", "[x", "x-y", "x!y"}
	for _, c := range []struct{ pattern, want string }{
		{`*`, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31"},
		{`*.json`, "1 2 3"},
		{`data/*.json`, "2 3"},
		{`?.txt`, "4"},
		{`[abc].x`, "5"},
		{`[!abc].x`, "6"},
		{`[a-c]1`, "7 8"},
		{`[c-a]1`, ""},
		{`[!c-a]1`, "7 8 9"},
		{`[]a]`, "10 11"},
		{`[!]a]`, "12 15 16 17 18 19 24"},
		{`[a`, "13"},
		{`a[`, "14"},
		{`[a-]`, "11 15"},
		{`[-a]`, "11 15"},
		{`[--0]`, "15 16 17"},
		{`[a-c-e]`, "11 12 15 19"},
		{`*a*b*c`, "20"},
		{`a?c/*`, "22 23"},
		{`**/x`, "25"},
		{`LICENSE*`, "26 27"},
		{`[[]x`, "29"},
		{`x[!-]y`, "31"},
		// huggingface_hub turns these into data/* and data/b/*.
		{`data/`, "2 3"},
		{`data\b\*`, "3"},
	} {
		want := strings.Fields(c.want)
		for i, s := range texts {
			if got := match(c.pattern, s); got != slices.Contains(want, itoa(i)) {
				t.Errorf("%q matches %q: %v", c.pattern, s, got)
			}
		}
	}
}

func itoa(i int) string { b, _ := json.Marshal(i); return string(b) }

func TestStalledServer(t *testing.T) {
	f := newFakeHub(t, map[string]fakeFile{"model.safetensors": {data: text(600), lfs: true}})
	var once sync.Once
	f.onCDN = func(w http.ResponseWriter, r *http.Request) (stalled bool) {
		once.Do(func() {
			stalled = true
			w.Header().Set("Content-Length", "600")
			w.Write(f.files["model.safetensors"].data[:100])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		return stalled
	}
	c := f.client()
	c.Stall = 50 * time.Millisecond
	f.check(must(t, c, Patterns{}), "model.safetensors")
	if f.count("cdn GET bytes=100-599") != 1 {
		t.Errorf("the second try did not go on at byte 100: %q", f.requests)
	}
}
